"""A contact centre for the tests of your client: the test controls agents and clock, and reads the violations.

``with EmulatedCentre() as centre:`` in a test or in a fixture of any scope, ``async with`` as well; with pytest the
fixture ``emulated_centre`` is there once the package is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statemachine.testing.centre import Agent, EmulatedCentre

__all__ = ["Agent", "EmulatedCentre"]


def __getattr__(name: str) -> Any:
    """Load the emulator, and aiohttp with it, at the first use: pytest imports this package in every run."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from statemachine.testing import centre

    return getattr(centre, name)

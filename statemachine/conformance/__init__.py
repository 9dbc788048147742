"""The conformance kit: vectors, laws and random traces for any implementation of the engine.

`kit` lists and runs the checks; `judge` runs one vector on one implementation; `process` is an implementation behind a
pipe; `suite` and `plugin` are for pytest. `strategies` needs hypothesis, all else the core alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..extras import needed_by

if TYPE_CHECKING:
    from .suite import ConformanceSuite

__all__ = ["ConformanceSuite"]


def __getattr__(name: str) -> Any:
    if name != "ConformanceSuite":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needed_by("the suite"):  # at first use
        from .suite import ConformanceSuite

    return ConformanceSuite

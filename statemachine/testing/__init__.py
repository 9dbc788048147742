"""A contact centre for the tests of your client: the test controls agents and clock, and reads the violations.

``with EmulatedCentre() as centre:`` in a test or in a fixture of any scope, ``async with`` as well; with pytest the
fixture ``emulated_centre`` is there once the package is installed.
"""

from __future__ import annotations

from statemachine.testing.centre import Agent, EmulatedCentre

__all__ = ["Agent", "EmulatedCentre"]

"""A contact centre for the tests of your client: the test controls agents and clock, and reads the violations.

``async with EmulatedCentre() as centre:`` in a test that runs a loop, ``with EmulatedCentre() as centre:`` in any
other; with pytest the fixture ``emulated_centre`` is there once the package is installed.
"""

from __future__ import annotations

from statemachine.testing.centre import Agent, EmulatedCentre

__all__ = ["Agent", "EmulatedCentre"]

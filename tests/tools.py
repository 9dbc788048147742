"""Programs from outside that some tests need: without one a test is skipped, and fails in `.ci/run`."""

from __future__ import annotations

import os
import shutil

import pytest

REQUIRED = "REQUIRE_TOOLS"
"""Environment variable: set, a missing program fails the test instead of skipping it."""


def program(*names: str) -> str:
    """The path of the first of these programs that is installed."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or missing(f"{names[0]} is not installed")


def missing(reason: str) -> str:
    """Skips the test, or fails it where nothing may be missing."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{reason}, and {REQUIRED} is set")
    pytest.skip(reason)

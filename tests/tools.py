"""Programs from outside that some tests need: without one a test is skipped, and fails in `.ci/run`."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

REQUIRED = "REQUIRE_TOOLS"
"""Environment variable: set, a missing program fails the test instead of skipping it."""


def missing(reason: str) -> NoReturn:
    """Skips the test, or fails it where nothing may be missing."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{reason}, and {REQUIRED} is set")
    pytest.skip(reason)

"""The kit in pytest: a class to inherit from, with one test for each check.

    class TestMine(ConformanceSuite):
        def implementation(self):
            return MyEngine()

`plugin.py` offers the same without a file. Needs the extra `conformance`.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection

import pytest

from .implementation import Implementation
from .kit import Check, checks, run
from .report import lines_of
from .results import with_known


class ConformanceWarning(UserWarning):
    """A SHOULD rule is broken."""


def assert_check(subject: Implementation, check: Check, known: Collection[str] = ()) -> None:
    """Run one check as a test. A known failure must fail; a broken SHOULD rule warns."""
    (found,) = run(subject, [check])
    result = with_known(found, known)
    text = "\n".join(lines_of(result))
    match result.status:
        case "skipped":
            pytest.skip(result.what)
        case "known":
            pytest.xfail(result.what)
        case "failed" | "unexpected":
            pytest.fail(text, pytrace=False)
        case "warned":
            warnings.warn(text, ConformanceWarning, stacklevel=2)
        case "passed":
            pass


class ConformanceSuite:
    """Inherit from it and give the implementation. `known`: names of checks that are known to fail."""

    known: Collection[str] = ()

    def implementation(self) -> Implementation:
        """A new implementation for each test."""
        raise NotImplementedError("return the implementation under test: def implementation(self): return …")

    @pytest.mark.parametrize("check", checks(), ids=lambda check: check.id)
    def test_conforms(self, check: Check) -> None:
        """One check."""
        assert_check(self.implementation(), check, self.known)

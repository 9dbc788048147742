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

__all__ = ["ConformanceSuite", "ConformanceWarning", "assert_check"]


class ConformanceWarning(UserWarning):
    """Something that should hold does not."""


def assert_check(subject: Implementation, check: Check, known: Collection[str] = ()) -> None:
    """Run one check as a test. What is known to fail must fail; what only should hold warns."""
    (found,) = run(subject, [check])
    verdict = with_known(found, known)
    said = "\n".join(lines_of(verdict))
    match verdict.status:
        case "skipped":
            pytest.skip(verdict.what)
        case "known":
            pytest.xfail(verdict.what)
        case "failed" | "unexpected":
            pytest.fail(said, pytrace=False)
        case "warned":
            warnings.warn(said, ConformanceWarning, stacklevel=2)
        case "passed":
            pass


class ConformanceSuite:
    """Inherit, and say what is to be tested. `known`: names of checks that are known to fail."""

    known: Collection[str] = ()

    def implementation(self) -> Implementation:
        """A fresh one, for each test."""
        raise NotImplementedError("say what is to be tested: def implementation(self): return …")

    @pytest.mark.parametrize("check", checks(), ids=lambda check: check.id)
    def test_conforms(self, check: Check) -> None:
        """One check."""
        assert_check(self.implementation(), check, self.known)

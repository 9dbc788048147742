"""The kit in pytest: a class to inherit from, with one test for each check.

    from statemachine.conformance import ConformanceSuite

    class TestMine(ConformanceSuite):
        def implementation(self):
            return MyEngine()

`plugin.py` offers the same without a file. Needs the extra `conformance`.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Final

import pytest

from statemachine.files import write_private

from .implementation import Guarded, Implementation, Unusable
from .kit import Check, checks, run, smoke
from .report import lines_of
from .results import CheckResult, with_known


class ConformanceWarning(UserWarning):
    """A SHOULD rule is broken."""


def assert_check(subject: Implementation, check: Check, known: Collection[str] = ()) -> None:
    """Run one check as a test. A known failure must fail; a broken SHOULD rule warns."""
    (found,) = run(Guarded(subject), [check])
    result = with_known(found, known)
    text = "\n".join((*lines_of(result), *_stored(result)))
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


def _stored(result: CheckResult) -> list[str]:
    """The line that names the file of a failed case."""
    if not result.evidence:
        return []
    path = Path(tempfile.mkdtemp(prefix="conformance-")) / "case.jsonl"
    write_private(path, "".join(f"{line}\n" for line in result.evidence))
    return [f"case:    {path}"]


class ConformanceSuite:
    """Inherit from it and give the implementation. `known`: names of checks that are known to fail."""

    known: Collection[str] = ()

    def implementation(self) -> Implementation:
        """A new implementation for each test."""
        raise NotImplementedError("return the implementation under test: def implementation(self): return …")

    def test_smoke(self) -> None:
        """The implementation begins a session and requests a chat."""
        if problem := _problem(type(self)):
            pytest.fail(problem, pytrace=False)

    @pytest.mark.parametrize("check", checks(), ids=lambda check: check.id)
    def test_conforms(self, check: Check) -> None:
        """One check; skipped where `test_smoke` fails."""
        if _problem(type(self)):
            pytest.skip("test_smoke fails")
        assert_check(self.implementation(), check, self.known)


_PROBLEMS: Final[dict[type[ConformanceSuite], str]] = {}


def _problem(suite: type[ConformanceSuite]) -> str:
    """The reason why nothing can be judged, or ""; found out once for each suite."""
    if suite not in _PROBLEMS:
        _PROBLEMS[suite] = ""
        try:
            smoke(Guarded(suite().implementation()))
        except Unusable as unusable:
            _PROBLEMS[suite] = str(unusable)
    return _PROBLEMS[suite]

"""Verdicts, whoever judged: what was asked, how it went, and what shows it.

A known failure still runs; one that passes fails the run, or the list of known failures would rot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeAlias

from attrs import evolve, frozen

__all__ = [
    "FAILING",
    "CheckFailed",
    "CheckResult",
    "Level",
    "ResultStatus",
    "conforms",
    "count_text",
    "is_selected",
    "with_known",
]

Level: TypeAlias = Literal["must", "should", "may"]
"""How binding a rule is. What rests on an inference is never *must*."""
ResultStatus: TypeAlias = Literal["passed", "failed", "warned", "skipped", "known", "unexpected"]
FAILING: Final[tuple[ResultStatus, ...]] = ("failed", "unexpected")


class CheckFailed(Exception):
    """What was shown is not right; the text says how. `law`: what it breaks, or `agreement` or `shape`."""

    def __init__(self, law: str, what: str) -> None:
        super().__init__(what)
        self.law: Final = law


@frozen
class CheckResult:
    """How one check went.

    `level`: of the rule that decided; below must, a fault only warns. `source`: where the rule comes from. `what`: what
    is wrong, or why it was left out. `suffers`: what the user of such a client would see. `evidence`: lines that show
    it. `again`: the command that shows it again. `seconds`: how long it took; decides nothing.
    """

    id: str
    status: ResultStatus
    level: Level = "must"
    why: str = ""
    source: str = ""
    what: str = ""
    suffers: str = ""
    evidence: tuple[str, ...] = ()
    again: str = ""
    seconds: float = 0.0


def with_known(verdict: CheckResult, known: Iterable[str]) -> CheckResult:
    """The verdict in the light of what was declared to fail."""
    if verdict.id not in set(known):
        return verdict
    if verdict.status in ("failed", "warned"):
        return evolve(verdict, status="known")
    if verdict.status == "passed":
        return evolve(verdict, status="unexpected", what="declared to fail, but it passes: take it off the list")
    return verdict


def as_strict(verdict: CheckResult) -> CheckResult:
    """Every fault fails, whatever its level."""
    return evolve(verdict, status="failed") if verdict.status == "warned" else verdict


def conforms(verdicts: Sequence[CheckResult]) -> bool:
    """Whether nothing failed."""
    return not any(verdict.status in FAILING for verdict in verdicts)


def count_text(verdicts: Sequence[CheckResult]) -> str:
    """How many of each kind, in words."""
    counts = Counter(verdict.status for verdict in verdicts)
    order: tuple[ResultStatus, ...] = ("passed", "failed", "unexpected", "warned", "known", "skipped")
    names = {"unexpected": "passed unexpectedly", "known": "failed as known"}
    return ", ".join(f"{counts[one]} {names.get(one, one)}" for one in order if counts[one]) or "nothing was checked"


def is_selected(name: str, tags: Sequence[str], only: Sequence[str]) -> bool:
    """Whether a check of this name is asked for: by name, by the beginning of it, by a tag (F3), or by a pattern."""
    if not only:
        return True
    return any(
        name == one
        or name.startswith(f"{one.rstrip('/')}/")
        or one.upper() in (tag.upper() for tag in tags)
        or fnmatchcase(name, one)
        for one in only
    )

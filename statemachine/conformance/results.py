"""Results of checks, from the kit and from the black box.

A known failure still runs. One that passes fails the run, so that the list of known failures stays correct.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, TypeAlias

from attrs import evolve, frozen

Level: TypeAlias = Literal["must", "should", "may"]
"""How binding a rule is. A rule that rests on an inference is never *must*."""
ResultStatus: TypeAlias = Literal["passed", "failed", "warned", "skipped", "known", "unexpected"]
HARMED: Final = ("server", "others", "user", "")
FAILING: Final[tuple[ResultStatus, ...]] = ("failed", "unexpected")


_SHOWN: Final = 400
"""Characters of a value in a text."""


def short(value: object) -> str:
    """A JSON value as text, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class CheckFailed(Exception):
    """An observation is wrong; the text says how.

    Attributes:
        law: The broken law, or `agreement` or `shape`.
        member: Of an agreement: the member of the observation that differs.
        values: Of an agreement: this member as expected, and as shown.
    """

    def __init__(self, law: str, what: str, member: str = "", values: tuple[Any, Any] = (None, None)) -> None:
        super().__init__(what)
        self.law: Final = law
        self.member: Final = member
        self.values: Final = values


@frozen
class CheckResult:
    """The result of one check.

    Attributes:
        level: The level of the deciding rule; below must, a fault only warns.
        source: Where the rule comes from.
        what: What is wrong, or why the check was skipped.
        suffers: The consequence for the user of such a client.
        evidence: Lines that show the fault.
        again: The command that repeats the check.
        seconds: The duration; it decides nothing.
        rule: Of a client's check: the rule that is broken; a check may break several, each with a result of its own.
        harms: Whom a break of this rule harms: server, others or user.
        fault: What a client does that breaks it.
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
    rule: str = ""
    harms: str = ""
    fault: str = ""

    @property
    def gravity(self) -> tuple[bool, bool, int]:
        """Sorts results, the gravest first."""
        return self.status not in FAILING, self.level != "must", HARMED.index(self.harms)


def with_known(result: CheckResult, known: Iterable[str]) -> CheckResult:
    """The result with respect to the checks that are declared to fail."""
    if result.id not in set(known):
        return result
    if result.status in ("failed", "warned"):
        return evolve(result, status="known")
    if result.status == "passed":
        return evolve(result, status="unexpected", what="declared to fail, but it passes: remove it from the list")
    return result


def as_strict(result: CheckResult) -> CheckResult:
    """A warning becomes a failure."""
    return evolve(result, status="failed") if result.status == "warned" else result


def conforms(results: Sequence[CheckResult]) -> bool:
    """Whether no check failed."""
    return not any(result.status in FAILING for result in results)


def area_of(name: str) -> str:
    """The part of an engine, or the fault of a client, that a check is about: the first part of its name."""
    return name.partition("/")[0]


def count_text(results: Sequence[CheckResult]) -> str:
    """The number of results of each status, in words."""
    counts = Counter(result.status for result in results)
    order: tuple[ResultStatus, ...] = ("passed", "failed", "unexpected", "warned", "known", "skipped")
    names = {"unexpected": "passed unexpectedly", "known": "failed as known"}
    return ", ".join(f"{counts[one]} {names.get(one, one)}" for one in order if counts[one]) or "nothing was checked"


def is_selected(name: str, tags: Sequence[str], only: Sequence[str]) -> bool:
    """Whether a check is selected: by its name, by the beginning of its name, by a tag (F3), or by a pattern."""
    if not only:
        return True
    return any(
        name == one
        or name.startswith(f"{one.rstrip('/')}/")
        or one.upper() in (tag.upper() for tag in tags)
        or fnmatchcase(name, one)
        for one in only
    )

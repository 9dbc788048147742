"""`statemachine conform` for engines: an implementation behind a harness that answers JSON lines."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import ClassVar, Final

import click
from attrs import evolve, frozen

from statemachine.conformance.implementation import Unusable
from statemachine.conformance.kit import (
    Check,
    answer_seconds,
    checks,
    expected_seconds,
    read_case,
    replay_case,
    run,
    select_checks,
    smoke,
)
from statemachine.conformance.process import Harness
from statemachine.conformance.results import CheckResult, with_known
from statemachine.conformance.vectors import BadVector
from statemachine.engine.session import FEATURES

from .app import in_trouble
from .files import lines, write
from .screen import progress
from .text import visible
from .trial import EngineOptions, Judged, refuse_unknown, refuse_unselecting

_FOLDED: Final = re.compile("[^A-Za-z0-9]+")
_SLOW_S: Final = 0.005
"""Seconds for an answer. Where one takes longer, a harness does not work, but waits."""
_SHORT_S: Final = 5.0
"""Of a run, in seconds. A longer one is shared by several processes."""
_MOST_COPIES: Final = 64
_CORES: Final = os.cpu_count() or 1
_REQUESTS_PER_LINE: Final = 10
"""About so many go as one line to a harness that knows `many`."""


@frozen
class EngineTrial:
    """Which checks, of which engine. `known`: a file of those known to fail."""

    missing: ClassVar[str] = (
        "give the command of a harness after --, as in: statemachine conform -- node harness.mjs "
        "(or --client, --watch, --listen PORT for a client over HTTP)"
    )
    command: tuple[str, ...]
    only: tuple[str, ...]
    known: Path | None
    options: EngineOptions

    def list_cases(self, verbose: bool) -> None:
        """Name the checks; `verbose` adds nothing. Raises Trouble."""
        found = self._checks()
        for check in found:
            tags = " ".join(tag for tag in check.tags if "/" not in tag)
            click.echo(f"{check.id}  [{check.level}{' ' + tags if tags else ''}]  {check.why}")
        click.echo(f"{len(found)} checks")

    def judged(self, heard: Callable[[CheckResult], CheckResult]) -> Judged:
        """The implementation's name, and a verdict for each check. Raises Trouble where nothing could be judged."""
        found = self._checks()
        with in_trouble(Unusable), ExitStack() as opened:
            begun = monotonic()
            subject = opened.enter_context(Harness(self.command, self.options.timeout))
            start = monotonic() - begun
            name = _titled(subject.hello)
            known = lines(self.known) if self.known else ()
            declared = {*known, *map(str, subject.hello.get("known", ()))}
            refuse_unknown("check", declared, (check.id for check in checks()))
            refuse_unknown("feature", map(str, subject.hello["features"]), FEATURES)
            smoke(subject)
            if self.options.replay is not None:
                return Judged(name, [heard(self._replayed(subject, self.options.replay))])
            features = " + ".join(("core", *sorted(map(str, subject.hello["features"]))))
            line = answer_seconds(subject)
            answer = line / _REQUESTS_PER_LINE if subject.many else line
            copies = _copies(expected_seconds(found, answer), start, _MOST_COPIES if line > _SLOW_S else _CORES)
            seconds = max(1, round(expected_seconds(found, answer / copies)))
            click.echo(f"{name}: {len(found)} checks of {features}")
            progress(f"about {seconds} s, with {copies} processes of it")
            others = [Harness(self.command, self.options.timeout) for _ in range(copies - 1)]
            for other in others:
                opened.push(other)
            with ThreadPoolExecutor(2 * _CORES) as starting:
                list(starting.map(Harness.__enter__, others))
            results: list[CheckResult] = []
            for one in run(subject, found, others):
                results.append(heard(self._kept(with_known(one, declared))))
                progress(f"{len(results):,} of {len(found):,} checks")
            progress("")
            return Judged(name, results, features + (", in the selected checks" if self.only else ""))

    def _checks(self) -> tuple[Check, ...]:
        every = checks(self.options.cases, self.options.seed)
        refuse_unselecting(self.only, ((check.id, check.tags) for check in every))
        return select_checks(every, self.only)

    def _kept(self, verdict: CheckResult) -> CheckResult:
        """A case that fails is written to a file, and the verdict says how to play it again."""
        if not verdict.evidence:
            return verdict
        path = self.options.out / f"case-{_FOLDED.sub('-', verdict.id)}.jsonl"
        write(path, "".join(f"{line}\n" for line in verdict.evidence))
        return evolve(verdict, again=self._again(path))

    def _again(self, path: Path) -> str:
        return f"statemachine conform --replay {shlex.quote(str(path))} -- {shlex.join(self.command)}"

    def _replayed(self, subject: Harness, path: Path) -> CheckResult:
        with in_trouble(BadVector):
            return evolve(replay_case(subject, *read_case(path)), again=self._again(path))


def _copies(seconds: float, start: float, most: int) -> int:
    """How many processes of a harness run at once, where one would need so many seconds.

    Each takes processor time to start, so that more are not always faster: n of them take `seconds / n` to answer, and
    `n * start / _CORES` to start.
    """
    best = math.sqrt(seconds * _CORES / start)
    return min(most, max(1, math.ceil(min(seconds / _SHORT_S, best))))


def _titled(hello: dict[str, object]) -> str:
    parts = (hello.get("name", "unnamed"), hello.get("version", ""), hello.get("language", ""))
    return visible(" ".join(str(part) for part in parts if part))

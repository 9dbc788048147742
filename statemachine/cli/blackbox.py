"""`statemachine conform` for clients: a program that uses the emulator over HTTP."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import ClassVar, Final

import click
from attrs import asdict, frozen

from statemachine.conformance.blackbox.catalogue import CASES, SMOKE, HttpCase
from statemachine.conformance.blackbox.context import RunOptions
from statemachine.conformance.blackbox.program import CannotStart, ManualClient
from statemachine.conformance.blackbox.run import (
    CLIENT_ID,
    CaseResult,
    RuleFinding,
    program_factory,
    reinterpreted,
    run_case,
    run_cases,
)
from statemachine.conformance.results import CheckResult, is_selected, with_known
from statemachine.emulator.rules import RULES

from ..files import private_folder, write_private
from .app import Trouble
from .files import lines, writing
from .findings import evidence
from .screen import progress
from .stopping import run_interruptibly
from .text import visible
from .trial import ClientOptions, Judged, refuse_unknown, refuse_unselecting

_AT_ONCE: Final = 24
"""Cases spend nearly all of their time waiting."""
_BY_HAND_S: Final = 600.0
"""How long a person may take to do what a program does at once."""


@frozen
class ClientTrial:
    """Which cases, of which client. `known`: a file of those known to fail."""

    missing: ClassVar[str] = "give the client's command after --, as in: --client -- python my_client.py"
    command: tuple[str, ...]
    only: tuple[str, ...]
    known: Path | None
    options: ClientOptions

    def list_cases(self, verbose: bool) -> None:
        """Name the cases, and the faults that have none; with `verbose` the rules. Raises Trouble."""
        for case in self._cases():
            orders = "  (takes orders)" if case.orders else ""
            click.echo(f"{case.id:<24} {', '.join(case.faults):<10} {case.why}{orders}")
        for rule in RULES.values():
            if rule.seen_by == "nobody":
                click.echo(f"{'-':<24} {rule.number:<10} not to be seen from outside: {rule.seen}")
            elif verbose:
                click.echo(f"\n{rule.number}  {rule.fault}")
                for name, text in asdict(rule).items():
                    if name not in ("number", "fault", "seen_by"):
                        click.echo(f"    {name + ':':<9}{text}")

    def judged(self, heard: Callable[[CheckResult], CheckResult]) -> Judged:
        """The client's name, and how each case went. Raises Trouble where nothing could be played."""
        selected, known = self._cases(), lines(self.known) if self.known else ()
        refuse_unknown("case", known, (case.id for case in CASES))
        cases = [case for case in selected if not (self.options.watch and case.orders)]
        try:
            playing = self._by_itself(cases) if self.options.port is None else _by_hand(cases, self.options.port)
            played = run_interruptibly(playing)
        except ExceptionGroup as group:
            raise _trouble(group.exceptions[0]) from None
        except (CannotStart, OSError) as error:
            raise _trouble(error) from None
        if self.options.har is not None:
            _keep(self.options.har, played)
        name = shlex.join(self.command) or f"the client on port {self.options.port}"
        results = [result for one in played for result in self._results(one)]
        results += [_skipped(case, "needs orders, and --watch sends none") for case in selected if case not in cases]
        return Judged(name, [heard(with_known(result, known)) for result in results])

    def _cases(self) -> list[HttpCase]:
        """The selected cases. Raises Trouble."""
        refuse_unselecting(self.only, ((case.id, case.faults) for case in CASES))
        return [case for case in CASES if is_selected(case.id, case.faults, self.only)]

    async def _by_itself(self, cases: list[HttpCase]) -> list[CaseResult]:
        """A smoke test first: a program that opens no chat has another fault than any that is judged here."""
        manner = RunOptions(orders=not self.options.watch)
        subject = program_factory(self.command, manner)
        first = await run_case(SMOKE, subject, manner)
        if first.not_ready:
            raise Trouble(
                f"the client {first.not_ready}; it finds the emulator in STATEMACHINE_URL, and "
                + ("must live by itself" if self.options.watch else 'reads orders as lines of JSON: {"do": "start"}')
                + "".join(f"\n{line}" for line in first.errors)
            )
        if first.client_id != CLIENT_ID:
            click.echo(f"the client uses an id of its own: {visible(repr(first.client_id))}")
        seconds = max(sum(case.seconds for case in cases) / _AT_ONCE, *(case.seconds for case in cases))
        click.echo(f"{len(cases)} cases, about {round(seconds)} s")
        done = count(1)
        try:
            return await run_cases(
                cases, subject, manner, _AT_ONCE, lambda _: progress(f"{next(done)} of {len(cases)} cases")
            )
        finally:
            progress("")

    def _results(self, played: CaseResult) -> list[CheckResult]:
        """One for each broken rule; one more where the case did not run to its end, or found nothing."""
        again = shlex.join(["statemachine", "conform", "--client", "--only", played.case.id, "--", *self.command])
        found = [_failed(played, finding, again if self.options.port is None else "") for finding in played.findings]
        if played.not_ready:
            found.append(_skipped(played.case, f"the client {played.not_ready}"))
        return found or [CheckResult(played.case.id, "passed", why=played.case.why, seconds=played.seconds)]


def _trouble(error: BaseException) -> Trouble:
    if isinstance(error, Trouble):
        return error
    return Trouble(str(error) if isinstance(error, CannotStart) else f"the emulator cannot listen: {error}")


async def _by_hand(cases: list[HttpCase], port: int) -> list[CaseResult]:
    """One case after the other, on one port, with a person who does what is asked."""
    manner = RunOptions(timeout_s=_BY_HAND_S)
    played: list[CaseResult] = []
    for number, case in enumerate(cases, 1):
        click.echo(f"case {number} of {len(cases)}, {case.id}: {case.why}. http://127.0.0.1:{port}")
        done = await run_case(case, _visitor, manner, port=port, client_id="")
        played.append(done)
        click.echo(f"  {', '.join(finding.rule.number for finding in done.findings) or done.not_ready or 'well done'}")
    return reinterpreted(played)


def _visitor(url: str, client_id: str, folder: str) -> ManualClient:
    return ManualClient(lambda words: click.echo(f"  please {words}"))


# --- results -------------------------------------------------------------------------------------------------------


def _skipped(case: HttpCase, reason: str) -> CheckResult:
    return CheckResult(case.id, "skipped", why=case.why, what=reason)


def _failed(played: CaseResult, finding: RuleFinding, again: str) -> CheckResult:
    rule = finding.rule
    return CheckResult(
        id=played.case.id,
        status="failed" if rule.level == "must" else "warned",
        level=rule.level,
        why=rule.instead,
        source=rule.source,
        what=finding.message,
        suffers=rule.suffers,
        evidence=tuple(evidence(finding)),
        again=again,
        seconds=played.seconds,
        rule=rule.number,
        harms=rule.harms,
        fault=rule.fault,
    )


def _keep(folder: Path, played: Sequence[CaseResult]) -> None:
    with writing(folder):
        private_folder(folder)
        for one in played:
            path = folder / f"{one.case.id.replace('/', '-')}.har"
            write_private(path, json.dumps(one.har, ensure_ascii=False))

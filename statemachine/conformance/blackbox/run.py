"""Cases played: each with an emulator, a process and a folder of its own, several at a time."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import evolve, field, frozen

from statemachine.emulator import curl
from statemachine.emulator.control.verdict import violation_data
from statemachine.emulator.http import Emulator
from statemachine.emulator.rules import Rule

from ..verdicts import Level
from .catalogue import CASES, SILENT, Case
from .program import Program, Visitor, environment
from .recorded import as_har
from .rules import rule_of
from .stage import Manner, NotReady, Stage

__all__ = ["Finding", "Played", "Subject", "level_of", "play", "play_all", "program", "settled"]


@frozen
class Finding:
    """One fault that was seen. `requests` show it, as the emulator's verdict lists them; `curl` repeats them."""

    rule: Rule
    message: str
    requests: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    curl: str = field(default="", repr=False)


@frozen
class Played:
    """How a case went. `not_ready`: what the program did not do, so that the case could not be played to its end."""

    case: Case
    findings: tuple[Finding, ...] = ()
    not_ready: str = ""
    errors: tuple[str, ...] = ()
    """What the program last wrote to standard error, where the case could not be played."""
    seconds: float = 0.0
    har: dict[str, Any] = field(factory=dict[str, Any], repr=False)
    """The traffic, as a browser would have recorded it."""


def level_of(rule: Rule) -> Level:
    """What rests on an inference alone may be wrong, so it is never *must*: a source is what somebody has written."""
    return "must" if "reference" in rule.source or "change log" in rule.source else "should"


Subject: TypeAlias = Callable[[str, str, str], Program | Visitor]
"""Makes what stands in front of the emulator: from its address, a client id and a folder."""


def program(command: Sequence[str], manner: Manner) -> Subject:
    """The program of this command, started for each case; files that it names are found from here."""
    words = [str(Path(word).absolute()) if Path(word).is_file() else word for word in command]
    return lambda url, client_id, folder: Program(words, environment(url, client_id), folder, told=manner.told)


async def play(case: Case, subject: Subject, manner: Manner, *, port: int = 0, client_id: str = "client") -> Played:
    """One case. Raises CannotStart where the program cannot be run at all, OSError where the port is taken."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="blackbox-", ignore_cleanup_errors=True) as folder:
        async with Emulator(SILENT, case.knobs, port=port) as emulator:
            program = subject(emulator.url, client_id, folder)
            stage = Stage(emulator, program, client_id, manner)
            not_ready = ""
            try:
                await program.start()
                await case.play(stage)
            except NotReady as missing:
                not_ready = str(missing)
            finally:
                await program.kill()
            findings = _findings(stage)
            har = as_har(emulator.url, emulator.traffic.latest.values(), emulator.now())
            errors = tuple(program.errors) if not_ready else ()
    return Played(case, findings, not_ready, errors, time.monotonic() - began, har)


def _findings(stage: Stage) -> tuple[Finding, ...]:
    """The judge's, and the case's own; one of each rule is enough."""
    emulator = stage.emulator
    found: dict[str, Finding] = {}
    for violation in emulator.centre.violations:
        if violation.rule not in found:
            shown = violation_data(emulator, violation)
            found[violation.rule] = Finding(
                rule_of(violation.rule), violation.message, tuple(shown["requests"]), shown["curl"]
            )
    for seen in stage.seen:
        exchanges = [one for ticket in seen.tickets if (one := emulator.traffic.find(ticket)) is not None]
        found.setdefault(seen.rule, Finding(rule_of(seen.rule), seen.message, (), curl.script(emulator.url, exchanges)))
    return tuple(found.values())


async def play_all(
    cases: Sequence[Case],
    subject: Subject,
    manner: Manner,
    at_once: int = 6,
    heard: Callable[[Played], None] | None = None,
) -> list[Played]:
    """All of these, so many at a time, the longest first. `heard` is told of each that is over."""
    gate = asyncio.Semaphore(at_once)

    async def one(case: Case) -> Played:
        async with gate:
            played = await play(case, subject, manner)
        if heard is not None:
            heard(played)
        return played

    async with asyncio.TaskGroup() as group:
        tasks = {case.id: group.create_task(one(case)) for case in sorted(cases, key=lambda case: -case.seconds)}
    return settled([tasks[case.id].result() for case in cases])


_PLAIN_ENDS: Final = tuple(case.id for case in CASES if case.faults == ("F1",))


def settled(played: Sequence[Played]) -> list[Played]:
    """Findings by what they mean: losing an end among odd entries is another fault than never heeding one."""
    heedless = {finding.rule.number for one in played if one.case.id in _PLAIN_ENDS for finding in one.findings}
    return [_settled(one, heedless) for one in played]


def _settled(played: Played, heedless: set[str]) -> Played:
    findings: dict[str, Finding] = {}
    for finding in played.findings:
        number = finding.rule.number
        meaning = played.case.reads_as.get(number)
        if meaning is not None and number not in heedless:
            finding = evolve(finding, rule=rule_of(meaning))
        findings.setdefault(finding.rule.number, finding)
    return evolve(played, findings=tuple(findings.values()))

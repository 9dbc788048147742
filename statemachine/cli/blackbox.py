"""The black box's door of `statemachine conform`: a client that talks HTTP to the emulator."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click
from attrs import frozen

from statemachine.conformance.blackbox.catalogue import CASES, Case
from statemachine.conformance.blackbox.program import CannotStart, Visitor
from statemachine.conformance.blackbox.rules import INVISIBLE
from statemachine.conformance.blackbox.run import Played, level_of, play, play_all, program, settled
from statemachine.conformance.blackbox.stage import Manner
from statemachine.conformance.verdicts import Status, Verdict, selected

from .app import Trouble
from .findings import evidence

__all__ = ["Asked", "list_cases", "run"]

_AT_ONCE: Final = 6
_SMOKE: Final = "F1/ended"
_BY_HAND_S: Final = 600.0
"""How long a person may take to do what a program does at once."""


@frozen
class Asked:
    """What was asked for. `port`: of a client started by hand. `har`: where each case's traffic is kept."""

    command: tuple[str, ...]
    only: tuple[str, ...] = ()
    watch: bool = False
    port: int | None = None
    har: Path | None = None

    def cases(self) -> list[Case]:
        """The cases asked for, less those that a client which only lives by itself cannot play. Raises Trouble."""
        found = [case for case in CASES if selected(case.id, case.faults, self.only)]
        if not found:
            raise Trouble(f"no case is called {' or '.join(self.only)}; see statemachine conform --client --list")
        return [case for case in found if not (self.watch and case.orders)]


def list_cases(asked: Asked) -> None:
    """Name the cases, and the faults that have none."""
    for case in asked.cases():
        orders = "  (takes orders)" if case.orders else ""
        click.echo(f"{case.id:<24} {', '.join(case.faults):<10} {case.why}{orders}")
    for fault, where in INVISIBLE.items():
        click.echo(f"{'-':<24} {fault:<10} not to be seen from outside: {where}")


def run(asked: Asked, heard: Callable[[Verdict], object]) -> list[Verdict]:
    """Play the cases, and say how each went. Raises Trouble where nothing could be played."""
    cases = asked.cases()
    try:
        played = asyncio.run(_by_hand(asked, cases) if asked.port is not None else _by_itself(asked, cases))
    except ExceptionGroup as group:
        raise _trouble(group.exceptions[0]) from None
    except (CannotStart, OSError) as error:
        raise _trouble(error) from None
    verdicts = [verdict for one in played for verdict in _verdicts(asked, one)]
    for verdict in verdicts:
        heard(verdict)
    if asked.har is not None:
        _keep(asked.har, played)
    return verdicts


def _trouble(error: BaseException) -> Trouble:
    if isinstance(error, Trouble):
        return error
    return Trouble(str(error) if isinstance(error, CannotStart) else f"the emulator cannot listen: {error}")


async def _by_itself(asked: Asked, cases: list[Case]) -> list[Played]:
    """A smoke test first: a program that opens no chat has another fault than any that is judged here."""
    manner = Manner(told=not asked.watch)
    subject = program(asked.command, manner)
    smoke = next(case for case in CASES if case.id == _SMOKE)
    first = await play(smoke, subject, manner)
    if first.not_ready:
        raise Trouble(
            f"the client {first.not_ready}; it finds the emulator in STATEMACHINE_URL, and "
            + ("must live by itself" if asked.watch else 'reads orders as lines of JSON: {"do": "start"}')
            + "".join(f"\n  {line}" for line in first.errors)
        )
    seconds = max(sum(case.seconds for case in cases) / _AT_ONCE, *(case.seconds for case in cases))
    click.echo(f"{len(cases)} cases, about {round(seconds)} s")
    return await play_all(cases, subject, manner, _AT_ONCE)


async def _by_hand(asked: Asked, cases: list[Case]) -> list[Played]:
    """One case after the other, on one port, with a person who does what is asked."""
    manner = Manner(patience_s=_BY_HAND_S)
    played: list[Played] = []
    for number, case in enumerate(cases, 1):
        click.echo(f"case {number} of {len(cases)}, {case.id}: {case.why}. http://127.0.0.1:{asked.port}")
        done = await play(case, _visitor, manner, port=asked.port or 0, client_id="")
        played.append(done)
        click.echo(f"  {', '.join(finding.rule.number for finding in done.findings) or done.not_ready or 'well done'}")
    return settled(played)


def _visitor(url: str, client_id: str, folder: str) -> Visitor:
    return Visitor(lambda words: click.echo(f"  please {words}"))


# --- verdicts -------------------------------------------------------------------------------------------------------


def _verdicts(asked: Asked, played: Played) -> list[Verdict]:
    case = played.case
    if not played.findings:
        what = f"could not be played: the client {played.not_ready}" if played.not_ready else ""
        status: Status = "skipped" if what else "passed"
        return [Verdict(case.id, status, why=case.why, what=what, seconds=played.seconds)]
    again = shlex.join(["statemachine", "conform", "--client", "--only", case.id, "--", *asked.command])
    return [
        Verdict(
            id=f"{finding.rule.number}/{case.name}",
            status="failed" if level_of(finding.rule) == "must" else "warned",
            level=level_of(finding.rule),
            why=finding.rule.instead,
            source=finding.rule.source,
            what=f"{finding.rule.fault}: {finding.message}",
            suffers=finding.rule.suffers,
            evidence=tuple(evidence(finding)),
            again=again if asked.port is None else "",
            seconds=played.seconds,
        )
        for finding in played.findings
    ]


def _keep(folder: Path, played: Sequence[Played]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in played:
            path = folder / f"{one.case.id.replace('/', '-')}.har"
            path.write_text(json.dumps(one.har, ensure_ascii=False), encoding="utf-8", errors="replace")
    except OSError as error:
        raise Trouble(f"{folder}: cannot be written: {error.strerror}") from None

"""Run the cases: each with an emulator, a process and a folder of its own, several at a time."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import evolve, field, frozen

from statemachine.emulator import curl
from statemachine.emulator.control.verdict import exchange_data, violation_data
from statemachine.emulator.http import Emulator
from statemachine.emulator.rules import RULES, Rule

from .catalogue import CASES, SILENT, HttpCase
from .context import CaseContext, NotReady, RunOptions
from .program import ManualClient, Program, environment
from .recorded import as_har

CLIENT_ID: Final = "client"
"""The id that a client is offered."""


@frozen
class RuleFinding:
    """One broken rule. `requests`: those that show it, as the emulator's verdict lists them; `curl` repeats them."""

    rule: Rule
    message: str
    requests: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    curl: str = field(default="", repr=False)


@frozen
class CaseResult:
    """The result of one case.

    Attributes:
        not_ready: What the program failed to do, so that the case could not continue; empty where it ran to its end.
        errors: The last lines of the program's standard error, where the case could not continue.
        client_id: Of the client that was judged; empty where none connected.
        har: The traffic in the HAR format of browsers.
    """

    case: HttpCase
    findings: tuple[RuleFinding, ...] = ()
    not_ready: str = ""
    errors: tuple[str, ...] = ()
    seconds: float = 0.0
    client_id: str = ""
    har: dict[str, Any] = field(factory=dict[str, Any], repr=False)


ClientFactory: TypeAlias = Callable[[str, str, str], Program | ManualClient]
"""Makes the client under test from the emulator's address, a client id and a folder."""


def program_factory(command: Sequence[str], options: RunOptions) -> ClientFactory:
    """Start this command anew for each case. Its words that are files here become absolute paths."""
    words = [str(Path(word).absolute()) if Path(word).is_file() else word for word in command]
    return lambda url, client_id, folder: Program(words, environment(url, client_id), folder, orders=options.orders)


async def run_case(
    case: HttpCase, make_client: ClientFactory, options: RunOptions, *, port: int = 0, client_id: str = CLIENT_ID
) -> CaseResult:
    """Run one case.

    Raises:
        CannotStart: The program cannot be started at all.
        OSError: The port is taken.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="blackbox-", ignore_cleanup_errors=True) as folder:
        async with Emulator(SILENT, case.knobs, port=port) as emulator:
            client = make_client(emulator.url, client_id, folder)
            context = CaseContext(emulator, client, client_id, options, folder)
            not_ready = ""
            try:
                await client.start()
                await case.script(context)
            except NotReady as missing:
                not_ready = str(missing)
            finally:
                context.judge_ids()
                findings = _findings(context)  # before the client's end, which breaks its calls off
                har = as_har(emulator.url, emulator.traffic.latest.values(), emulator.now())
                await client.kill()
            errors = tuple(client.errors) if not_ready else ()
    seconds = time.monotonic() - began
    return CaseResult(case, findings, not_ready, errors, seconds, context.subject, har)


def _findings(context: CaseContext) -> tuple[RuleFinding, ...]:
    """The findings of the emulator's judge and of the case itself, one for each rule."""
    emulator = context.emulator
    found: dict[str, RuleFinding] = {}
    for violation in emulator.centre.violations:
        if violation.rule not in found:
            shown = violation_data(emulator, violation)
            found[violation.rule] = RuleFinding(
                RULES[violation.rule], violation.message, tuple(shown["requests"]), shown["curl"]
            )
    for own in context.findings:
        exchanges = [one for ticket in own.tickets if (one := emulator.traffic.find(ticket)) is not None]
        requests = tuple(map(exchange_data, exchanges))
        found.setdefault(
            own.rule, RuleFinding(RULES[own.rule], own.message, requests, curl.script(emulator.url, exchanges))
        )
    return tuple(found.values())


async def run_cases(
    cases: Sequence[HttpCase],
    make_client: ClientFactory,
    options: RunOptions,
    at_once: int = 6,
    on_result: Callable[[CaseResult], None] | None = None,
) -> list[CaseResult]:
    """Run all of these cases, the longest first.

    Args:
        at_once: How many run at the same time.
        on_result: Called with each result as soon as there is one.
    """
    slots = asyncio.Semaphore(at_once)

    async def one(case: HttpCase) -> CaseResult:
        async with slots:
            result = await run_case(case, make_client, options)
        if on_result is not None:
            on_result(result)
        return result

    async with asyncio.TaskGroup() as group:
        tasks = {case.id: group.create_task(one(case)) for case in sorted(cases, key=lambda case: -case.seconds)}
    return reinterpreted([tasks[case.id].result() for case in cases])


_PLAIN_ENDS: Final = tuple(case.id for case in CASES if case.faults[0] == "F1")


def reinterpreted(results: Sequence[CaseResult]) -> list[CaseResult]:
    """Name findings by their cause: missing an end among odd entries is another fault than ignoring every end."""
    ignored = {finding.rule.number for one in results if one.case.id in _PLAIN_ENDS for finding in one.findings}
    return [_reinterpreted(one, ignored) for one in results]


def _reinterpreted(result: CaseResult, ignored: set[str]) -> CaseResult:
    findings: dict[str, RuleFinding] = {}
    for finding in result.findings:
        number = finding.rule.number
        meaning = result.case.reads_as.get(number)
        if meaning is not None and number not in ignored:
            finding = evolve(finding, rule=RULES[meaning])
        findings.setdefault(finding.rule.number, finding)
    return evolve(result, findings=tuple(findings.values()))

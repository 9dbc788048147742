"""The black box can tell: each faulty client is caught by name, the right ones are not, and so says the audit."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from statemachine.conformance.blackbox.audit import audit
from statemachine.conformance.blackbox.catalogue import CASES, HttpCase
from statemachine.conformance.blackbox.context import RunOptions
from statemachine.conformance.blackbox.recorded import read_recording
from statemachine.conformance.blackbox.run import CaseResult, ClientFactory, program_factory, run_cases

from .clients.faulty import FAULTY

CLIENTS = Path(__file__).parent / "clients"
MANNER = RunOptions(timeout_s=40, observe_s=3)
AT_ONCE = 4
SEEN_ONLY_LIVE = {"PoolOfSenders", "ForgetsTheFirst"}
"""What they do wrong is against what the user did, which no recording holds."""


def client(name: str, manner: RunOptions = MANNER) -> ClientFactory:
    if name in ("naive", "ours"):
        return program_factory([sys.executable, str(CLIENTS / f"{name}.py")], manner)
    return program_factory([sys.executable, str(CLIENTS / "faulty.py"), name], manner)


def fault_of(name: str) -> str:
    return str(FAULTY[name].__doc__).partition(":")[0]


def cases_for(name: str) -> list[HttpCase]:
    """Those of its fault, and one plain end."""
    return [case for case in CASES if fault_of(name) in case.faults or case.id == "F1/ended"]


def found(played: Sequence[CaseResult]) -> set[str]:
    return {finding.rule.number for one in played for finding in one.findings}


def audited(played: Sequence[CaseResult]) -> set[str]:
    """Each case recorded, and the recordings judged."""
    audits = [audit(read_recording(one.har)) for one in played if one.har["log"]["entries"]]
    return {finding.rule.number for one in audits for finding in one.findings}


async def _trials(names: Sequence[str]) -> dict[str, list[CaseResult]]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def trial(name: str) -> list[CaseResult]:
        async with gate:
            return await run_cases(cases_for(name), client(name), MANNER, 2)

    return dict(zip(names, await asyncio.gather(*map(trial, names)), strict=True))


def _say(played: Sequence[CaseResult]) -> str:
    return "; ".join(f"{one.case.id}: {one.findings} {one.not_ready} {one.errors}" for one in played)


@pytest.mark.slow
async def test_every_faulty_client_is_caught_by_name_and_its_recording_too() -> None:
    assert len(FAULTY) >= 15
    trials = await _trials(list(FAULTY))
    missed = {name: _say(played) for name, played in trials.items() if fault_of(name) not in found(played)}
    assert missed == {}
    unseen = {
        name: (sorted(found(played)), sorted(audited(played)))
        for name, played in trials.items()
        if name not in SEEN_ONLY_LIVE and not _agrees(name, played)
    }
    assert unseen == {}


def _agrees(name: str, played: Sequence[CaseResult]) -> bool:
    """The audit names the fault; or, where the case knows better what a missed end means, the missed end."""
    by_meaning = {meant for one in played for meant in one.case.reads_as.values()}
    fault, rules = fault_of(name), audited(played)
    return fault in rules or (fault in by_meaning and bool(rules & {"F1", "F37", "F15", "F5"}))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["naive", "ours"])
async def test_a_right_client_has_a_clean_sheet(name: str) -> None:
    played = await run_cases(CASES, client(name), MANNER, 8)
    assert found(played) == set(), _say(played)
    assert [one.case.id for one in played if one.not_ready] == [], _say(played)
    assert {one.case.id: audited([one]) for one in played if audited([one])} == {}


@pytest.mark.parametrize(("name", "case"), [("OnlyEnded", "F1/failed"), ("AllOrNothing", "F9/unknown-event")])
async def test_a_faulty_client_is_caught(name: str, case: str) -> None:
    chosen = [one for one in CASES if one.id in (case, "F1/ended")]
    played = await run_cases(chosen, client(name), RunOptions(timeout_s=40, observe_s=1.5), 2)
    (caught,) = [finding for one in played for finding in one.findings]
    assert caught.rule.number == fault_of(name)
    assert caught.rule.suffers
    assert caught.requests
    assert "curl" in caught.curl


async def test_a_right_client_is_not() -> None:
    chosen = [one for one in CASES if one.id in ("F5/plain", "F1/failed")]
    played = await run_cases(chosen, client("naive"), RunOptions(timeout_s=40, observe_s=1), 2)
    assert found(played) == set(), _say(played)
    assert not any(one.not_ready for one in played), _say(played)
    assert audited(played) == set()

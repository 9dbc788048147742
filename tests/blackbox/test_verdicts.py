"""The judge is right: a part of the table of verdicts, and what the table needs to mean anything."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from statemachine.conformance.blackbox.audit import audit
from statemachine.conformance.blackbox.catalogue import CASES
from statemachine.conformance.blackbox.context import RunOptions
from statemachine.conformance.blackbox.recorded import read_recording
from statemachine.conformance.blackbox.run import CaseResult, program_factory, run_cases
from statemachine.emulator.rules import RULES
from tests.docs.documents import ROOT

from .clients.registry import CLIENTS, Specimen
from .verdicts import Verdict, judged, report

VISIBLE = {number for number, rule in RULES.items() if rule.seen_by != "nobody"}
FAULTY = [one for one in CLIENTS if one.breaks]
RIGHT = [one for one in CLIENTS if not one.breaks]
PART = (
    "ours",
    "naive",
    "naive rest=5 pause=5 reaction=2",
    "eventloop pause=5 backoff=5,10,20,30",
    "eventloop create_each",
)
"""The right clients that are run here: the fastest and the slowest of each kind."""
IN_RECORDINGS = {"F1", "F11", "F15", "F22", "F35", "cache"}
"""Rules that need neither orders nor reports, nor the speed of the machine."""


def test_each_rule_has_two_faulty_clients_of_different_build() -> None:
    builds: dict[str, set[str]] = defaultdict(set)
    for one in FAULTY:
        for rule in one.breaks:
            builds[rule].add(one.program)
    assert {rule for rule, programs in builds.items() if len(programs) >= 2} == VISIBLE


def test_there_are_twenty_right_clients_with_different_habits() -> None:
    assert len(RIGHT) >= 20
    assert len({one.name for one in CLIENTS}) == len(CLIENTS)
    assert set(PART) <= {one.name for one in RIGHT}


def test_the_two_numbers_count_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    missed = Verdict(Specimen("x.py", ("Missed",), ("F1",)), ())
    skipping = Verdict(Specimen("x.py"), (CaseResult(CASES[0], not_ready="did nothing", har={"log": {"entries": []}}),))
    assert report([missed, skipping], 1.0) == 2
    out = capsys.readouterr().out
    assert "false acquittals: 1\n  F1     x Missed: found nothing" in out
    assert "false accusations: 0" in out
    assert "not judged: x did not finish its cases" in out


@pytest.mark.slow
async def test_a_part_of_the_table_has_no_false_verdict() -> None:
    first_of = {rule: one for one in reversed(FAULTY) for rule in one.breaks}
    chosen = [*first_of.values(), *(one for one in RIGHT if one.name in PART)]
    verdicts = await judged(chosen)
    assert report(verdicts, 0) == 0
    unseen = {one.client.name: one.client.breaks for one in verdicts if not set(one.client.breaks) <= _audited(one)}
    assert unseen == {}


def _audited(verdict: Verdict) -> set[str]:
    """The rules that the recordings show, and those that they need not show."""
    recordings = [read_recording(one.har) for one in verdict.results if one.har["log"]["entries"]]
    return (VISIBLE - IN_RECORDINGS) | {found.rule.number for one in recordings for found in audit(one).findings}


FAST = RunOptions(timeout_s=40, observe_s=3)
CLIENTS_FOLDER = Path(__file__).parent / "clients"


async def played(case: str, *command: str) -> CaseResult:
    chosen = [one for one in CASES if one.id in (case, "F1/ended")]
    program = program_factory([sys.executable, str(CLIENTS_FOLDER / command[0]), *command[1:]], FAST)
    return next(one for one in await run_cases(chosen, program, FAST) if one.case.id == case)


async def test_faulty_clients_are_found_with_the_evidence() -> None:
    broken = {
        ("F1/failed", "faulty.py", "OnlyEnded"): "F1",
        ("F9/unknown-event", "faulty.py", "AllOrNothing"): "F9",
        ("F1/ended", "eventloop_faulty.py", "EndsTheEnded"): "F37",
        ("F15/own-echo", "eventloop_faulty.py", "EchoIsTheAgent"): "F33",
        ("F3/errors", "aio.py", "--fault", "F16"): "F16",
        ("F31/form", "aio.py", "--fault", "F31"): "F31",
        ("F38/whole-batch", "aio.py", "--fault", "F38"): "F38",
    }
    results = await asyncio.gather(*(played(*one) for one in broken))
    found = {one: result.findings for one, result in zip(broken, results, strict=True)}
    assert {one: [finding.rule for finding in findings] for one, findings in found.items()} == {
        one: [RULES[rule]] for one, rule in broken.items()
    }
    for (finding,) in found.values():
        assert finding.requests
        assert "curl" in finding.curl


async def test_right_clients_are_not_accused() -> None:
    right = (
        ("F5/plain", "naive.py"),
        ("F3/errors", "aio.py"),  # its library repeats a poll whose connection broke
        ("F24/page", "eventloop.py"),  # a page with status 200 is an empty answer to it
        ("F18/one-second", "callbacks.py"),  # its receipts overtake each other
        ("F31/form", "aio.py"),
        ("F38/whole-batch", "callbacks.py"),
    )
    results = await asyncio.gather(*(played(*one) for one in right))
    assert {
        one: (result.findings, result.not_ready) for one, result in zip(right, results, strict=True)
    } == dict.fromkeys(right, ((), ""))


async def test_a_text_that_is_sent_again_under_a_new_id_is_counted() -> None:
    options = RunOptions(observe_s=14)
    case = next(one for one in CASES if one.id == "F12/lost-by-error")
    program = program_factory([sys.executable, str(CLIENTS_FOLDER / "eventloop_faulty.py"), "ResendsAnew"], options)
    (result,) = await run_cases([case], program, options)
    (found,) = result.findings
    assert found.rule.number == "F12"
    assert found.message.startswith("a text that was ordered once arrived 2 times, with the ids ")


async def test_a_client_that_polls_no_more_after_a_restart_is_found() -> None:
    options = RunOptions(timeout_s=8, observe_s=1)
    case = next(one for one in CASES if one.id == "F29/restart")
    command = [sys.executable, str(CLIENTS_FOLDER / "eventloop_faulty.py"), "ForgetsToPollAfterRestart"]
    (result,) = await run_cases([case], program_factory(command, options), options)
    assert [found.rule.number for found in result.findings] == ["F5"]
    assert result.findings[0].message == "no poll after a restart, and then none for 8 s"
    assert result.not_ready == "polled no more after a restart"


async def test_an_id_of_its_own_is_judged_and_printed() -> None:
    result = await played("F5/plain", "eventloop.py", "own_id")
    assert result.findings == ()
    assert len(result.client_id) == 36


async def test_the_client_of_the_guide_can_be_judged(tmp_path: Path) -> None:
    guide = (ROOT / "statemachine" / "conformance" / "README.md").read_text(encoding="utf-8")
    code, *_ = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    (tmp_path / "my_client.py").write_text(code, encoding="utf-8")
    cases = [one for one in CASES if one.id in ("F5/plain", "F30/leaves")]
    program = program_factory([sys.executable, str(tmp_path / "my_client.py")], FAST)
    results = await run_cases(cases, program, FAST)
    assert {one.case.id: (one.findings, one.not_ready) for one in results} == {
        "F5/plain": ((), ""),
        "F30/leaves": ((), ""),
    }

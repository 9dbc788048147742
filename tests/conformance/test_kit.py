"""The kit as a whole: our engine passes it, a stranger with less is asked less, and a wrong one is told where."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from statemachine.conformance.implementation import NoAnswer, Unusable
from statemachine.conformance.kit import (
    case_lines,
    checks,
    expected_seconds,
    read_case,
    replay_case,
    run,
    select_checks,
    smoke,
)
from statemachine.conformance.random_search import LAWS, search
from statemachine.conformance.results import conforms
from statemachine.conformance.vectors import BadVector, Vector, engine_vectors
from statemachine.core.tables import MACHINES
from statemachine.engine.session import JsonObject, JsonSession
from statemachine.engine.wire import CODEC
from tests.conformance.deaf import DEAFNESSES, Deaf
from tests.conformance.rejecting import is_failed_by
from tests.conformance.strangers import Modest, Renaming, Spoilt

FEW = 14


class WithCodec(JsonSession):
    def codec(self, operation: str, asked: JsonObject) -> JsonObject:
        return CODEC[operation](asked)


def test_our_engine_passes_in_process() -> None:
    asked = checks(FEW)
    verdicts = list(run(WithCodec(), asked))
    assert [one for one in verdicts if one.status != "passed"] == []
    assert len(verdicts) == len(asked) > 300


def test_other_ids_pass_as_well() -> None:
    """A stranger that names its messages otherwise; what nobody outside has seen yet, no story may mention."""
    verdicts = list(run(Renaming(), select_checks(checks(FEW), ["fault", "law/agreement"])))
    assert [one.id for one in verdicts if one.status not in ("passed", "skipped")] == []


def test_who_has_less_is_asked_less_and_it_is_counted() -> None:
    verdicts = list(run(Modest(), checks(FEW)))
    counts = Counter(one.status for one in verdicts)
    assert counts["failed"] == 0
    assert counts["passed"] > 100
    assert counts["skipped"] > 100
    skipped = next(one for one in verdicts if one.id == "law/L5")
    assert skipped.what == "needs features that are not declared: snapshot"


def test_a_wrong_one_is_told_where_and_the_case_shows_it_again(tmp_path: Path) -> None:
    def polls_twice(shown: JsonObject) -> JsonObject:
        return {**shown, "deadline": None, "latest": None}

    (verdict,) = run(Spoilt(polls_twice), select_checks(checks(FEW), ["law/agreement"]))
    assert (verdict.status, verdict.level) == ("failed", "must")
    assert "at step 1 of 1" in verdict.what
    path = tmp_path / "case.jsonl"
    path.write_text("".join(f"{line}\n" for line in verdict.evidence), encoding="utf-8")
    law, vector = read_case(path)
    assert (law, len(vector.steps)) == ("agreement", 1)
    assert replay_case(Spoilt(polls_twice), law, vector).status == "failed"
    assert replay_case(JsonSession(), law, vector).status == "passed"


@pytest.mark.parametrize(
    ("entry", "phase", "named"),
    [
        ("inactivity_timeout", "wrapping_up", "lifecycle/wrapping_up/"),
        ("timeout_warning", "queued", "lifecycle/queued/"),
        ("session_ended", "establishing", "lifecycle/establishing/"),
        ("status", "ending", "lifecycle/ending/"),
        ("form_show", "ivr", "lifecycle/ivr/"),
        ("message", "wrapping_up", "lifecycle/wrapping_up/"),
    ],
)
def test_an_engine_that_is_deaf_in_one_phase_fails_a_vector_of_that_phase(entry: str, phase: str, named: str) -> None:
    of_that_phase = [check for check in checks(0) if check.id.startswith(named)]
    assert any(one.status == "failed" for one in run(Deaf(entry, phase), of_that_phase))


@pytest.mark.parametrize("cases", [42, pytest.param(140, marks=pytest.mark.slow)])
def test_one_difference_from_the_reference_is_reported_once(cases: int) -> None:
    """All laws but the agreement compare the implementation with itself."""
    laws = [check for check in checks(cases) if check.id.startswith("law/")]
    verdicts = list(run(Deaf("status", "queued"), laws))
    assert [one.id for one in verdicts if one.status != "passed"] == ["law/agreement"]


def test_a_broken_law_is_found_where_the_engine_differs_from_the_reference() -> None:
    class Restless(Deaf):
        """A second tick does something, too."""

        def step(self, event: JsonObject) -> JsonObject:
            shown = super().step(event)
            again = event["type"] == "tick" and not shown.get("commands")
            return {**shown, "changes": [{"type": "phase_changed", "phase": "queued"}]} if again else shown

    checked = select_checks(checks(140), ["law/L1"])
    (verdict,) = run(Restless("status", "queued"), checked)
    assert verdict.status == "failed"
    assert verdict.what.startswith("L1")


def test_a_fault_in_a_vector_names_rule_and_source() -> None:
    def silent(shown: JsonObject) -> JsonObject:
        return {**shown, "updates": []}

    verdicts = list(run(Spoilt(silent), select_checks(checks(0), ["F13"])))
    assert not conforms(verdicts)
    (first, *_) = verdicts
    assert first.source == "protocol.md 8 F13"
    assert first.why
    assert first.evidence


@pytest.mark.parametrize("text", ["", "[]\n", "{}\n", '{"law": "L1", "id": "a", "at": 1}\n{"expect": {}}\n'])
def test_what_is_no_case_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "case.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadVector, match=r"case\.jsonl: not a stored case|each step holds one of"):
        read_case(path)


def test_smoke_tells_a_broken_harness_from_a_broken_engine() -> None:
    smoke(JsonSession())
    with pytest.raises(Unusable, match="the harness does not work: after begin and request_chat"):
        smoke(Spoilt(lambda shown: {**shown, "phase": "ended"}))

    def crash(shown: JsonObject) -> JsonObject:
        raise NoAnswer("the process ended")

    with pytest.raises(Unusable, match="the harness does not work: the process ended"):
        smoke(Spoilt(crash))


def test_the_checks_are_ordered_as_a_port_is_written() -> None:
    """Lifecycle, then connection, then items; in each part the shortest story first."""
    found = [check for check in checks(7) if check.id.partition("/")[0] in MACHINES]
    parts = list(dict.fromkeys(check.id.partition("/")[0] for check in found))
    assert parts.index("lifecycle") < parts.index("connection") < parts.index("item")
    assert parts == [machine for machine in MACHINES if machine in parts]
    assert [check.steps for check in found] == [
        steps for part in parts for steps in sorted(c.steps for c in found if c.id.startswith(f"{part}/"))
    ]


def test_no_text_of_a_law_speaks_of_python() -> None:
    texts = [check.why for check in checks(7) if check.id.startswith("law/")]
    assert len(texts) == len(LAWS)
    assert [text for text in texts if re.search("object|None|reduce|tuple|Python", text)] == []


def test_cases_are_shared_out_and_time_is_estimated() -> None:
    laws = [check for check in checks(200) if check.id.startswith("law/")]
    assert sum(check.steps for check in laws) == 200 * 40
    assert 0 < expected_seconds(checks(0)) < expected_seconds(checks(200)) < 60


def test_no_two_laws_are_tried_on_the_same_lives() -> None:
    class Overheard(JsonSession):
        def __init__(self) -> None:
            super().__init__()
            self.heard: list[str] = []

        def step(self, event: JsonObject) -> JsonObject:
            self.heard.append(repr(event))
            return super().step(event)

    lives = set[str]()
    for law in LAWS:
        subject = Overheard()
        assert search(subject, law, 1) is None
        lives.add(subject.heard[0] + subject.heard[1])
    assert len(lives) == len(LAWS)


def test_lines_of_a_case_read_back() -> None:
    vector: Vector = engine_vectors()[0]
    from statemachine.conformance.judge import Deviation

    lines = list(case_lines(vector, Deviation("L1", 0, "x")))
    assert len(lines) == 2


@pytest.mark.slow
def test_every_engine_that_is_deaf_to_one_entry_in_one_phase_fails_a_vector_of_both() -> None:
    """Through the command line: `python -m tests.conformance.deaf`."""
    vectors = engine_vectors()
    missed = [
        one.name
        for one in DEAFNESSES
        if not any(is_failed_by(one, vector) for vector in vectors if one.is_named_by(vector.id))
    ]
    assert missed == []
    assert len(DEAFNESSES) > 250

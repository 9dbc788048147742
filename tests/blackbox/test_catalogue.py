"""The catalogue: every fault of protocol.md section 8 has a case, or a reason why none can be seen."""

from __future__ import annotations

import pytest

from statemachine.conformance.blackbox.catalogue import CASES, HttpCase
from statemachine.conformance.blackbox.rules import INVISIBLE, rule_of
from statemachine.conformance.blackbox.run import rule_level
from statemachine.emulator.rules import RULES

FAULTS = [f"F{number}" for number in range(1, 39)]


def test_every_fault_has_a_case_or_a_reason() -> None:
    provoked = {fault for case in CASES for fault in case.faults}
    assert provoked | set(INVISIBLE) | {"F35"} == set(FAULTS)
    assert provoked.isdisjoint(INVISIBLE)
    assert "F35" in RULES  # judged wherever it shows; a client alone with its chat has no other's to name


def test_names_are_unique_and_say_what_they_are_about() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert all(case.id == f"{case.faults[0]}/{case.name}" and case.why for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_rule_says_who_suffers_what_is_right_and_who_says_so(case: HttpCase) -> None:
    for number in (*case.faults, *case.reads_as.values()):
        rule = rule_of(number)
        assert rule.number == number
        assert all((rule.fault, rule.suffers, rule.instead, rule.source))


def test_what_rests_on_an_inference_is_never_a_must() -> None:
    """Sections 1.4 and 10 of protocol.md are inferences as a whole."""
    assert rule_level(rule_of("F12")) == rule_level(rule_of("F16")) == "should"
    assert rule_level(rule_of("F1")) == rule_level(rule_of("F22")) == "must"

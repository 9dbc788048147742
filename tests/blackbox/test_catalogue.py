"""The catalogue: every fault of protocol.md section 8 has a case, or a reason why none can be seen."""

from __future__ import annotations

from statemachine.conformance.blackbox.catalogue import CASES
from statemachine.emulator.rules import RULES

FAULTS = [f"F{number}" for number in range(1, 39)]


def test_every_fault_has_a_case_or_a_reason() -> None:
    provoked = {fault for case in CASES for fault in case.faults}
    invisible = {rule.number for rule in RULES.values() if rule.seen_by == "nobody"}
    assert provoked.isdisjoint(invisible)
    assert set(FAULTS) <= set(RULES) == provoked | invisible | SEEN_ANYWHERE


SEEN_ANYWHERE = {"F35", "cache", "5003"}
"""Judged wherever they show; a client alone with its chat has no other's to name."""


def test_names_are_unique_and_say_what_they_are_about() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert all(case.id == f"{case.faults[0]}/{case.name}" and case.why for case in CASES)


def test_the_rules_of_a_case_can_be_seen() -> None:
    for case in CASES:
        for number in (*case.faults, *case.reads_as.values()):
            assert RULES[number].seen_by != "nobody", case.id

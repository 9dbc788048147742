"""Several copies of an implementation share the work: the results and their order stay the same."""

from __future__ import annotations

from threading import Barrier

import pytest
from attrs import evolve

from statemachine.cli.harness import _copies
from statemachine.conformance.implementation import Implementation
from statemachine.conformance.kit import answer_seconds, checks, expected_seconds, run, select_checks
from statemachine.conformance.parallel import each
from statemachine.conformance.results import CheckResult
from statemachine.engine.session import JsonSession
from tests.conformance.deaf import Deaf

SOME = select_checks(checks(14), ["item", "law/agreement", "law/L1"])


def test_each_works_at_once_and_gives_the_results_in_order() -> None:
    together = Barrier(3, timeout=60)

    def wait(subject: Implementation, number: int) -> int:
        together.wait()  # broken where fewer than three work at once
        return number

    assert list(each([JsonSession() for _ in range(3)], wait, range(9))) == [*range(9)]


def test_no_copy_is_used_by_two_at_once_and_an_error_ends_all() -> None:
    busy = set[int]()

    def work(subject: Implementation, number: int) -> int:
        assert id(subject) not in busy
        busy.add(id(subject))
        busy.remove(id(subject))
        if number == 50:
            raise ValueError("the fiftieth")
        return number

    with pytest.raises(ValueError, match="the fiftieth"):
        list(each([JsonSession() for _ in range(4)], work, range(100)))


def _results(subjects: list[Implementation]) -> list[CheckResult]:
    first, *copies = subjects
    return [evolve(one, seconds=0) for one in run(first, SOME, copies)]


def test_the_results_of_several_are_those_of_one() -> None:
    alone = _results([Deaf("message_delivered", "ivr")])
    assert _results([Deaf("message_delivered", "ivr") for _ in range(4)]) == alone
    assert {one.status for one in alone} == {"passed", "failed"}


def test_a_slow_harness_gets_as_many_processes_as_it_needs() -> None:
    assert answer_seconds(JsonSession()) < 10
    assert expected_seconds(SOME, 0.02) > expected_seconds(SOME) + 0.02 * 100
    assert [_copies(seconds, 0.01, 64) for seconds in (0, 5, 6, 50, 10_000)] == [1, 1, 2, 10, 64]
    assert _copies(400, 10, 64) < 20  # those that start slowly
    assert _copies(400, 0.01, 2) == 2  # one that does not wait gets no more than there are cores

"""A small dose of `python -m tests.fuzz`, and that it can fail."""

from __future__ import annotations

import json
from random import Random

import pytest

from statemachine.codec import wire
from statemachine.core import signals as sig
from statemachine.core.draft import Draft
from statemachine.core.session import ConnectionPaused, ConnectionPolling
from statemachine.core.tables import CELLS
from statemachine.logs import silenced
from tests.fuzz.__main__ import Failed, run_chunk
from tests.fuzz.answers import KINDS, Answer, mutated
from tests.fuzz.centre import Counts
from tests.simulation.plants import acting


def test_no_mutated_answer_raises_or_makes_a_session_deaf() -> None:
    counts, failed = run_chunk(1, 0, 1_000)
    assert failed is None
    assert counts.answers == 1_000
    assert counts.with_entry > 250  # otherwise most answers would not reach the engine
    assert set(counts.kinds) == set(KINDS)


def test_answers_are_mutated_in_json_bytes_and_http() -> None:
    answers = [mutated(Random(seed)) for seed in range(600)]
    assert {answer.kind for answer in answers} == set(KINDS)
    assert len({answer.status for answer in answers}) > 20
    assert len({str(answer.headers) for answer in answers}) > 20
    readable = [answer for answer in answers if _is_json(answer.body)]
    assert 200 < len(readable) < 500
    assert [mutated(Random(seed)) for seed in range(600)] == answers


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _found(dose: int = 4_000) -> Failed:
    with silenced():
        _, failed = run_chunk(2, 0, dose)
    assert failed is not None
    return failed


def test_an_exception_is_found_and_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    right = wire.read_entries

    def strict(events: list[object], *, newest: bool = False) -> object:
        if "null" in json.dumps(events, default=str):
            raise RuntimeError("planted")
        return right(events, newest=newest)

    monkeypatch.setattr("statemachine.codec.http.read_entries", strict)
    failed = _found()
    assert failed.what == "RuntimeError: planted"
    assert len(failed.answers) == 1
    assert len(failed.answers[0].body) < 100


def test_a_session_that_stops_polling_is_found_and_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    def pause(d: Draft, e: object) -> None:
        d.connection = ConnectionPaused()

    monkeypatch.setitem(CELLS["connection"][ConnectionPolling], sig.PollFailed, acting(pause))
    failed = _found()
    assert failed.what.startswith("Deaf")
    assert len(failed.answers) == 1
    assert isinstance(failed.answers[0], Answer)


def test_figures_add_up() -> None:
    total = Counts()
    for chunk in range(2):
        counts, _ = run_chunk(3, chunk, 50)
        total.add(counts)
    assert total.answers == total.kinds.total() == 100

"""What the benchmark measures that is the same on every machine is held here; times never are."""

from __future__ import annotations

from functools import partial

import pytest

from statemachine import EventBatch, Poll, Tick, next_deadline, reduce
from tests.adapters.bench import Rig, VirtualBench
from tests.bench.work import TURN, allocated, conversation, counted, exact_calls, live_session, weight

MOST_CALLS = {
    "a phase change": 8,
    "a message with its receipt": 61,
    "a message that a poll brings": 81,
    "a message from bytes to commands": 161,
    "a text that is sent": 50,
    "an empty poll": 31,
    "an early tick": 5,
}
"""The goals are lower (`goals.py`). These are today's figures; they may only fall.

They include plain attrs records (a constructor call each), and the machines for the opening and for the presence.
"""


def test_calls_of_a_step() -> None:
    found = exact_calls()
    assert set(found) == set(MOST_CALLS)
    assert {name: count for name, count in found.items() if count > MOST_CALLS[name]} == {}


MOST_CALLS_OF_THE_DRIVER = 169
"""Of an empty poll, from its answer to the next poll, with the doubles of `tests/adapters`. It may only fall."""


def test_calls_of_an_empty_poll_in_the_driver() -> None:
    rig = Rig(VirtualBench()).live()
    rig.transport.answer(Poll, EventBatch())
    saves = len(rig.store.saves)
    assert counted(partial(rig.transport.answer, Poll, EventBatch())) <= MOST_CALLS_OF_THE_DRIVER
    assert len(rig.store.saves) == saves


def test_an_ignored_event_leaves_nothing_behind() -> None:
    session = live_session()
    due = next_deadline(session)
    assert due is not None
    assert allocated(session, Tick(due - 1)) == 0


def test_a_session_at_rest_is_small() -> None:
    assert weight(live_session()) <= 2_048


def test_age_adds_neither_work_nor_weight() -> None:
    """Calls and bytes of a turn, and not its time: the fiftieth turn of a conversation and its five hundredth."""
    lived = conversation(live_session())
    sessions = [next(lived)[1] for _ in range(TURN * 500)]
    assert weight(sessions[TURN * 50 - 1]) == pytest.approx(weight(sessions[-1]), rel=0.1)


def test_each_turn_of_the_conversation_ends_with_nothing_pending() -> None:
    lived = conversation(live_session())
    for _ in range(3):
        steps = [next(lived) for _ in range(TURN)]
        session = steps[-1][1]
        assert session.phase == "agent_joined"
        assert not session.ephemeral_queue.pending
        assert all(reduce(session, Tick(session.now))[0] is session for _ in range(2))

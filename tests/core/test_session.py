"""The records: frozen, small, discreet; the public phase."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Any

import pytest
from attrs import evolve, fields, has
from attrs.exceptions import FrozenInstanceError

from statemachine import Carryover, Config, RequestChat, Session, carry_over, new_session, records
from statemachine.records import LIFECYCLE, LIVE, PHASES, TERMINAL, Calm, Queued, Warned, phase_of
from tests.core.play import ANN, CHAT, Play, chatting, message, requested

RECORDS = [one for one in vars(records).values() if isinstance(one, type) and has(one)]


def test_records_have_slots_and_are_frozen_in_development_mode() -> None:
    for record in RECORDS:
        made: Any = object.__new__(record)
        assert not hasattr(made, "__dict__"), record
        for one in fields(record):
            with pytest.raises(FrozenInstanceError) if sys.flags.dev_mode or record is Config else nullcontext():
                setattr(made, one.name, 0)


def test_a_new_session_has_done_nothing() -> None:
    session = new_session(5)
    assert (session.now, session.ids, session.seq, session.phase, session.outcome) == (5, 0, 0, "idle", None)
    assert session.config is new_session(7).config


def test_sessions_are_values() -> None:
    one, other = chatting().session, chatting().session
    assert one == other
    assert hash(one) == hash(other)
    assert one != evolve(one, ids=one.ids + 1)


def test_the_phase_is_warned_while_live_only() -> None:
    for state in LIFECYCLE:
        made = state(0) if state.name == "ending" else object.__new__(state)  # type: ignore[call-arg]
        assert phase_of(made, Calm()) == state.name
        assert phase_of(made, Warned()) == ("warned" if state in LIVE else state.name)
    assert len(set(PHASES)) == len(LIFECYCLE) + 1
    assert not set(LIVE) & set(TERMINAL)


def test_no_private_text_in_a_repr() -> None:
    play = requested(text="my secret", parameters={"pin": "4711"}, phone_number="+49 170")
    shown = (
        repr(play.session) + repr(play.all) + repr(RequestChat(0, "o", {"pin": "4711"}, "+49 170", "here", "my secret"))
    )
    for secret in ("secret", "4711", "+49 170"):
        assert secret not in shown


def test_ewt_stands_only_where_it_means_something() -> None:
    assert [state for state in LIFECYCLE if "ewt" in {one.name for one in fields(state)}] == [Queued]


def test_past_hands_on_what_must_not_happen_twice() -> None:
    play = chatting()
    play.poll(message(1))
    session = play.session
    assert carry_over(session) == Carryover(
        CHAT, "o", session.ids, session.seq, session.window.entries, session.window.batches
    )
    fresh = Play()
    fresh.ledger.command, fresh.ledger.seq = session.ids, session.seq
    fresh.do(RequestChat, "other", after=carry_over(session))
    assert carry_over(fresh.session).chat_id == CHAT
    assert ANN not in repr(carry_over(session))


def test_a_config_is_part_of_the_session() -> None:
    config = Config(api="v1", window=9)
    assert isinstance(new_session(0, config), Session)
    assert chatting(config).session.config is config

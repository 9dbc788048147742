"""Refusals in the user's words."""

from __future__ import annotations

from statemachine import IllegalIntent
from statemachine.client import ChatError, NotPossible, SessionOver
from statemachine.client.errors import refusal


def test_a_refusal_names_phase_reason_and_remedy() -> None:
    error = refusal(IllegalIntent("idle", "SendText", "request a chat first"), None)
    assert type(error) is NotPossible
    assert isinstance(error, ChatError)
    assert (error.phase, error.reason) == ("idle", "request a chat first")
    assert "request a chat first" in str(error)


def test_after_the_end_it_names_the_outcome_and_the_way_on() -> None:
    error = refusal(IllegalIntent("gone", "SendText", "the session is over"), "gone")
    assert isinstance(error, SessionOver)
    assert error.outcome == "gone"
    assert str(error) == "the chat is over (gone): start() or send(…, new_chat=True) begins a new one"

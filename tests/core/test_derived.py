"""What is read off a session: outbox, deadlines, status updates."""

from __future__ import annotations

import pytest

from statemachine import (
    Background,
    CaseChanged,
    ConnectionChanged,
    Failure,
    FormsChanged,
    PhaseChanged,
    Poll,
    ReadHistory,
    RosterChanged,
    Session,
    TypingChanged,
    changes,
    next_deadline,
    outbox,
    wake_window,
)
from statemachine import wire as w
from statemachine.core.commands import COMMANDS
from statemachine.core.derived import deadlines, owing
from tests.core.examples import EXAMPLES
from tests.core.play import ANN, BOB, TIMEOUT, chatting, http, joined, left, opened


@pytest.fixture(scope="module")
def sessions() -> list[Session]:
    return [make().session for states in EXAMPLES.values() for makers in states.values() for make in makers]


def test_the_quick_deadline_is_the_least_of_all(sessions: list[Session]) -> None:
    """`next_deadline` is asked at each event, so it builds nothing; it must find what `deadlines` lists."""
    for session in sessions:
        running = list(deadlines(session))
        assert next_deadline(session) == min((one.due for one in running), default=None)
        window = wake_window(session)
        assert window == ((min(d.due for d in running), min(d.due + d.slack for d in running)) if running else None)


def test_the_outbox_is_in_order_and_of_known_kinds(sessions: list[Session]) -> None:
    for session in sessions:
        owed = outbox(session)
        assert [one.id for one in owed] == sorted(one.id for one in owed)
        assert {type(one) for one in owed} <= set(COMMANDS)
        assert sorted(call for call, _, _ in owing(session)) == [one.id for one in owed]
        for since in (0, *(one.id for one in owed)):
            assert outbox(session, since) == tuple(one for one in owed if one.id > since)


def test_every_kind_of_command_is_owed_by_some_example(sessions: list[Session]) -> None:
    assert {type(one) for session in sessions for one in outbox(session)} == set(COMMANDS)


def test_no_change_is_no_news() -> None:
    session = chatting().session
    assert changes(session, session) == ()


def test_level_news_names_what_differs() -> None:
    play = opened("ivr")
    before = play.session
    play.poll(
        w.Status("queued", 5_000), w.Typing(ANN), w.CaseSet("case"), w.FormShow("f", "x"), w.SecureFormShow("s", "y")
    )
    assert changes(before, play.session) == (
        PhaseChanged("queued", 5_000),
        TypingChanged((ANN,)),
        FormsChanged((("f", "x", False), ("s", "y", True))),
        CaseChanged("case"),
    )
    before = play.session
    play.poll(joined(ANN, name="Ann"), w.PartyJoined(BOB, "msteams", "Bob", "B."))
    assert changes(before, play.session) == (
        PhaseChanged("agent_joined"),
        RosterChanged(((ANN, "internal", "Ann"), (BOB, "msteams", "Bob B."))),
    )


def test_the_link_is_in_trouble_until_a_poll_succeeds() -> None:
    play = chatting()
    before = play.session
    play.answer(Poll, http(503, 5001))
    next_try = next_deadline(play.session)
    assert changes(before, play.session) == (ConnectionChanged("backing_off", 1, 5001, "http", next_try),)
    before = play.session
    play.tick()
    assert play.owes(ReadHistory)
    assert changes(before, play.session) == (ConnectionChanged("backing_off", 1),)
    before = play.session
    play.answer(ReadHistory, Failure("timeout"))
    assert changes(before, play.session) == (ConnectionChanged("backing_off", 1, next_try=next_deadline(play.session)),)
    play.tick()
    before = play.session
    play.log()
    assert changes(before, play.session) == (
        PhaseChanged("wrapping_up"),
        RosterChanged(()),
    )
    before = play.session
    play.poll()
    assert changes(before, play.session) == (ConnectionChanged("polling"),)
    before = play.session
    play.do(Background)
    assert changes(before, play.session) == (ConnectionChanged("paused"),)


def test_the_roster_shrinks() -> None:
    play = chatting()
    before = play.session
    play.poll(left(ANN))
    assert changes(before, play.session) == (PhaseChanged("wrapping_up"), RosterChanged(()))


def test_an_unanswered_call_is_answered_by_time() -> None:
    """Timeout plus margin: an adapter that never answers wedges nothing."""
    play = chatting()
    play.wait(35_000)
    assert play.session.connection.name == "backing_off"
    assert TIMEOUT.kind == "timeout"

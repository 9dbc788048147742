"""Stages: every conflict that was decided, and every transition that has evidence (protocol.md section 9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from statemachine import ChatOpened, CreateChat, Disconnect, End, FindChat, Incoming, Poll, Post, ReadHistory, Reattach
from statemachine import wire as w
from tests.core.play import (
    ANN,
    BOB,
    CHAT,
    TIMEOUT,
    UNSENT,
    Play,
    chatting,
    http,
    joined,
    left,
    message,
    opened,
    requested,
)

QUEUED, CONNECTING, CONNECTED, IVR = (w.Status(state) for state in ("queued", "connecting", "connected", "ivr"))
FAILED, COMPLETED = w.Status("failed"), w.Status("completed")
WARNING, TIMED_OUT, ENDED = w.TimeoutWarning("?"), w.InactivityTimeout("bye"), w.SessionEnded()


def warned() -> Play:
    play = chatting()
    play.poll(WARNING)
    return play


def ending() -> Play:
    play = chatting()
    play.do(End)
    return play


def wrapping() -> Play:
    play = chatting()
    play.poll(left(ANN))
    return play


STAGES: dict[str, Callable[[], Play]] = {
    "establishing": lambda: opened("establishing"),
    "ivr": opened,
    "queued": lambda: opened("queued"),
    "connecting": lambda: opened("connecting"),
    "connected": lambda: opened("connected"),
    "agent_joined": chatting,
    "warned": warned,
    "wrapping_up": wrapping,
    "ending": ending,
}
LIVE = [stage for stage in STAGES if stage != "ending"]


@pytest.mark.parametrize("stage", STAGES)
def test_examples(stage: str) -> None:
    assert STAGES[stage]().phase == stage


# --- transitions evidenced ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["ivr", "queued", "establishing", "connecting", "connected"])
def test_a_new_chat_is_where_the_answer_says_and_is_polled(state: str) -> None:
    play = opened(state)
    assert play.phase == state
    assert play.owes(Poll)
    assert not play.owes(ReadHistory)


@pytest.mark.parametrize("new", [False, None])
@pytest.mark.parametrize("state", ["ivr", "queued", "establishing", "connecting", "connected"])
def test_an_existing_chat_is_read_first(state: str, new: bool | None) -> None:
    play = opened(state, new=new)
    assert play.phase == state
    assert play.owes(ReadHistory)
    assert not play.owes(Poll)
    play.log()
    assert play.owes(Poll)


def test_find_gives_the_stage_or_none() -> None:
    play = Play()
    play.do(Reattach, "o")
    play.answer(FindChat, ChatOpened(CHAT, "queued"))
    assert play.phase == "queued"
    play = Play()
    play.do(Reattach, "o")
    play.answer(FindChat, http(404, 5005))
    assert (play.phase, play.session.outcome) == ("idle", None)


def test_no_server_available_is_tried_again_later() -> None:
    play = requested()
    play.answer(CreateChat, http(503, 5001))
    assert play.phase == "requesting"
    assert not play.owes(CreateChat)
    play.tick()
    assert play.owes(CreateChat)


EVIDENCED: list[tuple[str, tuple[Any, ...], str]] = [
    ("establishing", (IVR,), "ivr"),
    ("establishing", (QUEUED,), "queued"),
    ("ivr", (QUEUED,), "queued"),
    ("ivr", (CONNECTING,), "connecting"),
    ("ivr", (CONNECTED,), "connected"),
    ("ivr", (w.FormShow("f", "start_form"),), "ivr"),
    ("ivr", (w.CaseSet("case"),), "ivr"),
    ("ivr", (ENDED,), "ended"),
    ("ivr", (FAILED,), "failed"),
    ("ivr", (COMPLETED,), "ended"),
    ("queued", (w.Status("queued", 30_000),), "queued"),
    ("queued", (CONNECTING,), "connecting"),
    ("queued", (joined(ANN),), "agent_joined"),
    ("queued", (FAILED,), "failed"),
    ("queued", (ENDED,), "ended"),
    ("connecting", (CONNECTED,), "connected"),
    ("connecting", (QUEUED,), "queued"),
    ("connecting", (IVR,), "ivr"),
    ("connected", (joined(ANN),), "agent_joined"),
    ("connected", (QUEUED,), "queued"),
    ("agent_joined", (joined(BOB),), "agent_joined"),
    ("agent_joined", (joined(BOB), left(ANN)), "agent_joined"),
    ("agent_joined", (left(ANN),), "wrapping_up"),
    ("agent_joined", (QUEUED,), "queued"),
    ("agent_joined", (WARNING,), "warned"),
    ("warned", (TIMED_OUT,), "timed_out"),
    *((stage, (TIMED_OUT,), "timed_out") for stage in LIVE),
    ("wrapping_up", (w.FormShow("f", "survey_form"),), "wrapping_up"),
    ("wrapping_up", (message(7, "bot"),), "wrapping_up"),
    ("wrapping_up", (QUEUED,), "queued"),
    ("wrapping_up", (CONNECTED,), "connected"),
    ("wrapping_up", (CONNECTING,), "connecting"),
    ("ending", (ENDED,), "ended"),
    ("ending", (COMPLETED,), "ended"),
    *((stage, (ENDED,), "ended") for stage in LIVE),
    *((stage, (FAILED,), "failed") for stage in LIVE),
    *((stage, (COMPLETED,), "ended") for stage in LIVE),
    *((stage, (w.Unknown("chat_session_new"), w.Status("hovering")), stage) for stage in STAGES),
]


@pytest.mark.parametrize(("stage", "entries", "then"), EVIDENCED)
def test_evidenced(stage: str, entries: tuple[Any, ...], then: str) -> None:
    play = STAGES[stage]()
    play.poll(*entries)
    assert play.phase == then


@pytest.mark.parametrize("stage", LIVE)
@pytest.mark.parametrize("failure", [http(404, 5005), http(404), http(400, 5005)])
def test_gone_while_live(stage: str, failure: Any) -> None:
    play = STAGES[stage]()
    play.answer(Poll, failure)
    assert (play.phase, play.session.outcome) == ("gone", "gone")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("failure", [http(429, 5509), http(200, 5511), http(503), TIMEOUT, UNSENT])
def test_trouble_leaves_the_stage(stage: str, failure: Any) -> None:
    play = STAGES[stage]()
    play.answer(Poll, failure)
    assert play.phase == stage


def test_an_own_message_calms_a_warning_when_it_has_arrived() -> None:
    play = warned()
    play.say("here I am")
    assert play.phase == "warned"
    play.posted()
    assert play.phase == "agent_joined"
    play.poll(w.TimeoutWarning("?", 99))
    assert play.phase == "warned"


@pytest.mark.parametrize("stage", LIVE)
def test_end_while_live(stage: str) -> None:
    play = STAGES[stage]()
    play.do(End)
    assert play.phase == "ending"
    assert isinstance(play.owed(Post).entry, w.SessionEnd)


@pytest.mark.parametrize("case", [("case-1", "case-1"), ("", "")])
def test_case_features_on_and_off(case: tuple[str, str]) -> None:
    play = chatting()
    play.poll(w.CaseSet("case-0", 1))
    play.poll(w.CaseSet(case[0], 2))
    assert play.session.chat.case_id == case[1]


# --- conflicts decided ----------------------------------------------------------------------------------------------


def roster(play: Play) -> list[str]:
    return [party.id for party in play.session.participants.parties]


def test_queued_with_an_agent_present_is_queued_and_the_roster_stays() -> None:
    play = chatting()
    play.poll(QUEUED)
    assert play.phase == "queued"
    assert roster(play) == [ANN]


@pytest.mark.parametrize("status", [CONNECTING, CONNECTED])
def test_connecting_or_connected_while_an_agent_is_here_says_nothing(status: w.Status) -> None:
    play = chatting()
    play.poll(status)
    assert play.phase == "agent_joined"


@pytest.mark.parametrize("stage", ["connected", "agent_joined"])
def test_ivr_after_a_conversation_is_wrapping_up(stage: str) -> None:
    play = STAGES[stage]()
    play.poll(IVR)
    assert play.phase == "wrapping_up"


def test_the_last_agent_leaving_ends_the_conversation_only() -> None:
    play = chatting()
    play.poll(joined(BOB), joined("bot", "scenario"))
    play.poll(left(BOB.upper()))
    assert play.phase == "agent_joined"
    play.poll(left(ANN))
    assert play.phase == "wrapping_up"
    assert play.session.outcome is None
    assert play.owes(Poll)


@pytest.mark.parametrize("stage", ["establishing", "ivr", "queued", "connecting"])
def test_disconnect_before_any_agent_is_sent_as_end(stage: str) -> None:
    play = STAGES[stage]()
    play.do(Disconnect)
    assert play.phase == "ending"
    assert isinstance(play.owed(Post).entry, w.SessionEnd)


@pytest.mark.parametrize("stage", ["connected", "agent_joined"])
def test_disconnect_in_a_conversation_wraps_up_when_it_has_arrived(stage: str) -> None:
    play = STAGES[stage]()
    play.do(Disconnect)
    assert play.phase == stage
    play.posted()
    assert play.phase == "wrapping_up"
    assert roster(play) == []


def test_404_while_ending_is_the_end_that_was_asked_for() -> None:
    play = ending()
    play.answer(Poll, http(404, 5005))
    assert (play.phase, play.session.outcome) == ("ended", "ended")


def test_completed_is_ended_with_the_outcome_completed() -> None:
    play = chatting()
    play.poll(COMPLETED)
    assert (play.phase, play.session.outcome) == ("ended", "completed")
    assert play.finished().outcome == "completed"


def test_the_first_terminal_signal_fixes_the_outcome_after_the_last_entry() -> None:
    play = chatting()
    play.poll(TIMED_OUT, message(1), ENDED, FAILED)
    assert (play.phase, play.session.outcome) == ("timed_out", "timed_out")
    assert [one.entry for one in play.received()] == [message(1)]
    assert not play.received()[0].late


def test_connected_and_joined_come_in_either_order() -> None:
    play = opened("connecting")
    play.poll(joined(ANN), CONNECTED)
    assert play.phase == "agent_joined"
    play = opened("queued")
    play.poll(CONNECTED, joined(ANN))
    assert play.phase == "agent_joined"


@pytest.mark.parametrize("kind", ["scenario", "external", "EXTERNAL"])
def test_only_agents_make_a_conversation(kind: str) -> None:
    play = opened("queued")
    play.poll(joined("bot", kind))
    assert play.phase == "queued"
    assert roster(play) == ["bot"]


# --- ending a chat that is being opened -----------------------------------------------------------------------------


def test_end_while_requesting_awaits_the_answer_then_sends_end() -> None:
    play = requested()
    play.do(End)
    assert play.phase == "ending"
    play.answer(CreateChat, ChatOpened(CHAT, "ivr", None, True))
    assert isinstance(play.owed(Post).entry, w.SessionEnd)


def test_end_while_requesting_in_doubt_asks_and_never_creates() -> None:
    play = requested()
    play.do(End)
    play.answer(CreateChat, TIMEOUT)
    play.tick()
    assert play.owes(FindChat)
    play.answer(FindChat, http(404))
    assert (play.phase, play.session.outcome) == ("ended", "ended")


def test_end_between_two_tries_never_creates_a_chat_to_end_it() -> None:
    """Found by reading: the pause after a failed E4 was followed by another E4 although the user had ended it."""
    play = requested()
    play.answer(CreateChat, http(503, 5001))
    play.do(End)
    play.tick()
    assert play.owes(FindChat)
    assert len(play.commands(CreateChat)) == 1


@pytest.mark.parametrize("state", ["failed", "completed", "Failed"])
def test_an_old_chat_that_was_not_purged_yet_is_asked_for_again(state: str) -> None:
    """Protocol.md section 10, row 25. The value may come in any case of letters, as in a status."""
    play = requested()
    play.answer(CreateChat, ChatOpened("old", state, None, False))
    assert play.phase == "requesting"
    play.tick()
    assert play.owes(CreateChat)


def test_terminal_is_never_left() -> None:
    play = chatting()
    play.poll(ENDED)
    before = play.session
    play.do(Incoming, (QUEUED, joined(BOB), FAILED))
    assert play.session.lifecycle == before.lifecycle

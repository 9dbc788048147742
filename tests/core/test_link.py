"""The one poll: background and foreground, push, blocked and unblocked, the brake; and how a session is left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from statemachine import (
    Background,
    ChatOpened,
    ClockChanged,
    Config,
    CreateChat,
    Disconnect,
    End,
    EventBatch,
    Failure,
    FindChat,
    Foreground,
    HistoryGap,
    HistoryLog,
    Poll,
    Post,
    PostEphemeral,
    PushReceived,
    ReadHistory,
    Reattach,
    Reauthorized,
    Restarted,
    SendFile,
    StartTyping,
    Upload,
    next_deadline,
    outbox,
    wake_window,
)
from statemachine import wire as w
from statemachine.wire import SessionEnded
from tests.core.examples import EXAMPLES
from tests.core.play import ANN, CHAT, TIMEOUT, Play, chatting, http, joined, message, opened, requested

# --- background and push --------------------------------------------------------------------------------------------


def background() -> Play:
    """In the background, the last poll answered."""
    play = chatting()
    play.do(Background)
    play.poll(message(1))
    return play


def test_in_the_background_no_other_poll_is_started() -> None:
    play = background()
    assert play.heard() == ["text 1"]
    assert not play.owes(Poll)
    assert play.session.connection.name == "paused"


def test_back_in_the_foreground_the_history_comes_first() -> None:
    play = background()
    play.do(Foreground)
    assert play.owes(ReadHistory)
    assert not play.owes(Poll)
    play.log(joined(ANN), message(1), message(2))
    assert play.heard() == ["text 1", "text 2"]
    assert play.owes(Poll)


def test_sending_goes_on_in_the_background() -> None:
    play = background()
    play.say("hi")
    assert play.owes(Post)


def test_a_push_reads_once_and_stays_in_the_background() -> None:
    play = background()
    play.do(PushReceived, CHAT.upper())
    play.log(joined(ANN), message(1), message(2))
    assert play.heard() == ["text 1", "text 2"]
    assert not play.owes(Poll)


def test_a_push_for_another_chat_is_nothing() -> None:
    play = background()
    before = play.session
    assert play.do(PushReceived, "another") == ()
    assert play.session is before


@pytest.mark.parametrize("sign", [(Foreground,), (PushReceived, CHAT)])
def test_a_sign_of_life_cuts_the_pause_short(sign: tuple[object, ...]) -> None:
    play = chatting()
    play.answer(Poll, TIMEOUT)
    play.do(*sign)  # type: ignore[arg-type]
    assert play.owes(ReadHistory)


def test_a_chat_that_opens_in_the_background_is_not_polled() -> None:
    play = requested()
    play.do(Background)
    play.answer(CreateChat, ChatOpened(CHAT, "ivr", None, True))
    assert outbox(play.session) == ()
    play.do(Foreground)
    play.log()
    assert play.owes(Poll)


@pytest.mark.parametrize("failure", [TIMEOUT, http(429), http(400)])
def test_the_last_poll_may_fail_in_the_background(failure: Failure) -> None:
    play = chatting()
    play.do(Background)
    play.answer(Poll, failure)
    assert (play.session.connection.name, next_deadline(play.session)) == ("paused", None)


# --- blocked --------------------------------------------------------------------------------------------------------


REFUSED = http(401, 2004)


@pytest.mark.parametrize("kind", [Poll, Post, Upload, ReadHistory])
def test_any_refused_call_blocks_the_link(kind: type[Poll]) -> None:
    play = chatting()
    play.say("hi")
    play.do(SendFile, "bytes")
    if kind is ReadHistory:
        play.answer(Poll, TIMEOUT)
        play.tick()
    play.answer(kind, REFUSED)
    assert play.session.connection.name == "blocked"
    assert not play.owes(Poll)
    assert play.phase == "agent_joined"


def test_reauthorized_goes_on_where_it_stopped() -> None:
    play = chatting()
    item = play.say("hi")
    play.answer(Post, REFUSED)
    play.do(StartTyping)
    assert outbox(play.session) == ()
    play.do(Reauthorized)
    assert {type(command) for command in outbox(play.session)} == {ReadHistory, Post, PostEphemeral}
    assert play.owed(Post).item == item
    play.log()
    assert play.owes(Poll)


def test_foreground_and_push_do_not_help_a_blocked_link() -> None:
    play = chatting()
    play.answer(Poll, REFUSED)
    before = play.session
    assert play.do(Foreground) == ()
    assert play.do(PushReceived, CHAT) == ()
    assert play.session is before


def test_background_is_kept_in_mind_while_blocked() -> None:
    """New credentials catch up once, but start no poll in the background."""
    play = chatting()
    play.answer(Poll, REFUSED)
    play.do(Background)
    play.do(Reauthorized)
    play.log(joined(ANN), message(1))
    assert play.heard() == ["text 1"]
    assert (play.session.connection.name, play.owes(Poll)) == ("paused", False)
    play = chatting()
    play.answer(Poll, REFUSED)
    play.do(Background)
    play.do(Foreground)
    play.do(Reauthorized)
    play.log(joined(ANN))
    assert play.owes(Poll)


def test_a_poll_refused_for_no_known_reason_is_tried_again_for_as_long_as_it_takes() -> None:
    """A proxy may answer so for an hour; nobody could unblock the chat afterwards."""
    play = chatting()
    for _ in range(20):
        play.answer(Poll, http(418))
        assert play.session.connection.name == "backing_off"
        play.tick()
        play.log(joined(ANN))
    play.poll(message(1))
    assert play.session.connection.name == "polling"
    assert len(play.received()) == 1


def test_a_blocked_post_is_refused_again() -> None:
    play = chatting()
    play.say("hi")
    play.answer(Post, REFUSED)
    play.do(Reauthorized)
    play.answer(Post, REFUSED)
    assert play.session.connection.name == "blocked"


# --- pauses ---------------------------------------------------------------------------------------------------------


def test_pauses_double_up_to_the_cap_and_leave_room_for_jitter() -> None:
    play = chatting()
    pauses = []
    for _ in range(7):
        play.answer(Poll, TIMEOUT)
        window = wake_window(play.session)
        assert window is not None
        pauses.append((window[0] - play.now, window[1] - play.now))
        play.tick()
        play.log()
    assert [early for early, _ in pauses] == [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
    assert all(late == early * 3 // 2 for early, late in pauses)


def test_a_busy_server_is_left_alone_for_shorter() -> None:
    play = chatting()
    for _ in range(6):
        play.answer(Poll, http(429, 5509))
        last = play.session.connection.due
        assert last is not None
        assert last - play.now <= 15_000
        play.tick()
        play.log()


@pytest.mark.parametrize(("asked", "given"), [(10_000, 10_000), (0, 1_000), (-5, 1_000), (10**12, 300_000)])
def test_retry_after_only_prolongs_and_is_capped(asked: int, given: int) -> None:
    play = chatting()
    play.answer(Poll, http(503, None, asked))
    assert play.session.connection.due == play.now + given


def test_the_brake_eases_when_the_server_holds_again() -> None:
    play = chatting()
    pauses = []
    for _ in range(12):
        if not play.owes(Poll):
            due = next_deadline(play.session)
            assert due is not None
            pauses.append(due - play.now)
            play.tick()
        play.poll(later=5)
    assert pauses[:4] == [1_000, 2_000, 3_000, 3_000]
    assert not play.commands(ReadHistory)
    play.wait(3_000)
    play.poll(later=10_000)
    play.poll(later=5)
    assert play.owes(Poll)


def test_a_clock_that_jumps_fires_each_deadline_once() -> None:
    """A laptop that slept: one poll given up, not a thousand."""
    play = chatting()
    play.now += 10 * 3_600_000
    play.tick()
    assert len(play.commands(Poll)) == 2
    assert not play.owes(Poll)


def test_restarted_moves_every_deadline_both_ways() -> None:
    for shift in (86_400_000, -86_400_000):
        play = chatting()
        play.poll(w.FormShow("f", "x", 60_000), w.Typing(ANN))
        form, typist = play.session.participants.forms[0].due, play.session.participants.typists[0].due
        assert form is not None
        play.do(Restarted, later=shift)
        room = play.session.participants
        assert (room.forms[0].due, room.typists[0].due) == (form + shift, typist + shift)
        assert play.session.now == play.now
        assert play.session.connection.name == "backing_off"


@pytest.mark.parametrize(
    "make", [make for machine in EXAMPLES.values() for makers in machine.values() for make in makers]
)
def test_after_a_restart_the_history_is_read_before_the_next_poll(make: Callable[[], Play]) -> None:
    """Steps with nothing but polls are not saved: one that followed the saved session may have consumed events."""
    play = make()
    play.do(Restarted)
    assert not play.owes(Poll)
    for _ in range(20):
        if play.owes(ReadHistory) or play.owes(FindChat) or next_deadline(play.session) is None:
            return
        play.tick()
        assert not play.owes(Poll)


# --- leaving --------------------------------------------------------------------------------------------------------


def test_end_waits_for_what_was_said_before_it() -> None:
    play = chatting()
    first = play.say("last words")
    play.do(End)
    assert play.owed(Post).item == first
    play.posted()
    assert play.owed(Post).entry == w.SessionEnd()
    play.posted()
    assert play.phase == "ending"
    play.poll(w.SessionEnded())
    assert play.session.outcome == "ended"


def test_an_end_that_the_server_has_needs_no_word() -> None:
    play = chatting()
    play.do(End)
    play.posted()
    play.answer(Poll, TIMEOUT)
    play.wait(45_000)
    assert (play.phase, play.session.outcome) == ("ended", "ended")


def test_an_end_that_never_arrives_is_given_up() -> None:
    play = chatting()
    play.do(End)
    play.wait(45_000)
    assert (play.phase, play.session.outcome) == ("failed", "gave_up")


def test_end_in_doubt_is_sent_again_without_proof() -> None:
    play = chatting()
    play.do(End)
    play.answer(Post, TIMEOUT)
    play.tick()
    assert play.owed(Post).entry == w.SessionEnd()
    play.answer(Post, http(404, 5005))
    play.answer(Poll, http(404, 5005))
    assert play.session.outcome == "ended"


def test_end_behind_a_message_in_doubt_waits_for_the_proof() -> None:
    play = chatting()
    item = play.say("maybe")
    play.answer(Post, TIMEOUT)
    play.do(End)
    play.wait(10_000)
    play.log(joined(ANN), w.Message(item, CHAT, msg="maybe"))
    assert play.owed(Post).entry == w.SessionEnd()


def test_end_gives_a_blocked_link_one_more_try() -> None:
    play = chatting()
    play.answer(Poll, REFUSED)
    play.do(End)
    assert {type(command) for command in outbox(play.session)} == {ReadHistory, Post}
    play.answer(Post, REFUSED)
    assert play.session.connection.name == "blocked"
    play.wait(45_000)
    assert play.session.outcome == "gave_up"


def test_a_disconnect_in_doubt_is_done_when_no_agent_is_left() -> None:
    play = chatting()
    play.do(Disconnect)
    assert play.do(Disconnect) == ()
    play.answer(Post, TIMEOUT)
    play.poll(w.PartyLeft(ANN))
    play.wait(10_000)
    play.log(joined(ANN), w.PartyLeft(ANN))
    assert not play.owes(Post)
    assert play.phase == "wrapping_up"


def test_a_disconnect_that_did_not_arrive_is_sent_again() -> None:
    play = chatting()
    play.do(Disconnect)
    play.answer(Post, TIMEOUT)
    play.wait(10_000)
    play.log(joined(ANN))
    assert play.owed(Post).entry == w.SessionDisconnect()


def test_after_disconnect_another_agent_may_come() -> None:
    play = chatting()
    play.do(Disconnect)
    play.posted()
    play.poll(w.Status("queued"), w.Status("connected"), joined("agent-bob"))
    assert play.phase == "agent_joined"


def test_a_warning_answered_by_disconnect_or_typing_stands() -> None:
    """Only what is said resets the server's timer, as far as anybody knows (protocol.md 10, row 7)."""
    play = chatting()
    play.poll(w.TimeoutWarning("?", 1))
    play.do(StartTyping)
    play.answer(PostEphemeral, EventBatch())
    assert play.phase == "warned"


def test_v1_and_v2_refuse_a_second_poll_alike() -> None:
    for api, failure in (("v1", http(400, 5509)), ("v2", http(429, 5509))):
        play = opened("queued", Config(api=api))
        play.answer(Poll, failure)
        assert play.session.connection.name == "backing_off"


# --- a history that cannot be read (design 2.14) ----------------------------------------------------------------------


UNREADABLE = Failure("unreadable", 200)


def test_a_history_that_is_unreadable_three_times_costs_a_gap_and_polling_goes_on() -> None:
    play = chatting()
    play.answer(Poll, TIMEOUT)
    for _ in range(3):
        play.tick()
        play.answer(ReadHistory, UNREADABLE)
    assert [type(one).__name__ for one in play.all if isinstance(one, HistoryGap)] == ["HistoryGap"]
    play.poll(message(4))
    assert play.received()[-1].entry == message(4)


def test_an_outage_costs_no_history_however_long_it_lasts() -> None:
    play = chatting()
    play.answer(Poll, TIMEOUT)
    for failure in (TIMEOUT, UNREADABLE, TIMEOUT, http(503), TIMEOUT, UNREADABLE, TIMEOUT):
        play.tick()
        play.answer(ReadHistory, failure)
    play.tick()
    play.log(joined(ANN), message(4))
    assert not any(isinstance(one, HistoryGap) for one in play.all)
    assert play.received()[-1].entry == message(4)


def test_an_answer_that_was_read_leniently_is_an_anomaly() -> None:
    play = chatting()
    play.answer(Poll, EventBatch((message(4),), repaired="not UTF-8"))
    assert play.odd() == ["repaired_answer"]
    assert play.received()[-1].entry == message(4)


# --- a clock that is corrected (design 2.17) --------------------------------------------------------------------------


@pytest.mark.parametrize("by", [3_600_000, -3_600_000, 86_400_000 * 365, 1])
def test_a_corrected_clock_moves_deadlines_and_leaves_calls_in_flight(by: int) -> None:
    play = chatting()
    poll, deadline = play.owed(Poll), next_deadline(play.session)
    assert deadline is not None
    play.wait(2_000)
    play.feed(ClockChanged(play.now + by, by))
    play.now += by
    assert next_deadline(play.session) == deadline + by
    assert play.owed(Poll) == poll
    play.poll(message(3))
    assert play.received()[-1].at == play.now


def test_without_an_amount_the_clock_moved_by_all_that_differs() -> None:
    play = chatting()
    deadline = next_deadline(play.session)
    assert deadline is not None
    play.feed(ClockChanged(play.session.now + 50_000))
    assert next_deadline(play.session) == deadline + 50_000


def test_a_clock_changes_nothing_of_a_session_that_is_over() -> None:
    play = chatting()
    play.poll(SessionEnded())
    before = play.session
    play.feed(ClockChanged(play.now - 10_000, -10_000))
    assert play.session is before


# --- answers that cannot be read ------------------------------------------------------------------------------------


def test_an_unreadable_poll_is_followed_by_the_history() -> None:
    play = chatting()
    play.answer(Poll, UNREADABLE)
    assert play.session.connection.name == "backing_off"
    play.tick()
    play.log(joined(ANN), message(4))
    assert play.received()[-1].entry == message(4)
    assert play.owes(Poll)


def test_an_unreadable_answer_to_the_search_is_asked_for_again() -> None:
    play = Play()
    play.do(Reattach, "o")
    play.answer(FindChat, UNREADABLE)
    play.tick()
    play.answer(FindChat, ChatOpened(CHAT, "queued"))
    assert play.phase == "queued"


def test_a_log_that_stays_empty_where_it_cannot_be_costs_a_gap() -> None:
    play = chatting()
    play.poll(message(1))
    play.answer(Poll, TIMEOUT)
    for _ in range(3):
        while not play.owes(ReadHistory):
            play.tick()
        play.answer(ReadHistory, HistoryLog(()))
    assert any(isinstance(one, HistoryGap) for one in play.all)
    assert play.owes(Poll)


def test_a_deadline_that_passed_before_the_clock_was_corrected_is_handled() -> None:
    play = chatting()
    play.answer(Poll, TIMEOUT)
    play.feed(ClockChanged(play.now + 60_000 - 5_000, -5_000))
    play.now = play.session.now
    assert play.owes(ReadHistory)

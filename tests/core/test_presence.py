"""Messages that cross the end: "no such chat" to a call beside the poll decides nothing while a poll is in flight."""

from __future__ import annotations

import pytest

from statemachine import (
    Background,
    End,
    Failure,
    FileUploaded,
    Foreground,
    MarkRead,
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    Reauthorized,
    Restarted,
    SendFile,
    StartTyping,
    Upload,
)
from statemachine.wire import InactivityTimeout, SessionEnded, Status
from tests.core.examples import TIMEOUT, http
from tests.core.play import ANN, Play, chatting, joined, message

GONE = http(404, 5005)


def denied(play: Play | None = None) -> tuple[Play, str]:
    """A text was answered "no such chat" while a poll is in flight."""
    play = play or chatting()
    item = play.say("one more thing")
    play.answer(Post, GONE)
    return play, item


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (SessionEnded(), "ended"),
        (Status("failed"), "failed"),
        (Status("completed"), "completed"),
        (InactivityTimeout(), "timed_out"),
    ],
    ids=str,
)
def test_the_poll_in_flight_brings_the_last_words_and_the_outcome(end: object, outcome: str) -> None:
    play, item = denied()
    assert play.session.outcome is None
    play.poll(message(7), end)  # type: ignore[arg-type]
    assert [one.entry for one in play.received()][-1] == message(7)
    assert play.session.outcome == outcome
    assert play.failure(item).reason == "not_sent"
    assert not play.owes(PostEphemeral)


@pytest.mark.parametrize("call", ["receipt", "typing", "post", "history"])
def test_any_call_beside_the_poll_only_raises_a_doubt(call: str) -> None:
    play = chatting()
    if call == "receipt":
        play.poll(message(1))
        play.answer(PostEphemeral, GONE)
    elif call == "typing":
        play.do(StartTyping)
        play.answer(PostEphemeral, GONE)
    elif call == "post":
        play.say("hi")
        play.answer(Post, GONE)
    else:
        play.answer(Poll, TIMEOUT)
        play.tick()
        play.log(joined(ANN))
        play.poll()
        play.wait(10_000)
        play.answer(ReadHistory, GONE)
    assert (play.session.presence.name, play.session.outcome, play.phase) == ("doubted", None, "agent_joined")
    play.poll(message(8), SessionEnded())
    assert play.session.outcome == "ended"


def test_the_poll_itself_is_believed_at_once() -> None:
    play, _ = denied()
    play.answer(Poll, GONE)
    assert play.session.outcome == "gone"


def test_nothing_is_sent_while_the_chat_is_doubted() -> None:
    play, _ = denied()
    play.say("another")
    play.do(StartTyping)
    play.do(SendFile, "ref")
    play.do(MarkRead, "m1")
    play.wait(15_000)
    assert not any(play.owes(kind) for kind in (Post, PostEphemeral, Upload))


def test_a_denied_post_is_sent_again_when_the_poll_shows_that_the_chat_exists() -> None:
    play, item = denied()
    play.poll()
    assert play.session.presence.name == "present"
    assert play.owed(Post).item == item
    play.posted()
    assert play.progress(item) == ["sent"]


def test_a_post_that_is_denied_each_time_fails_and_the_others_go_on() -> None:
    """A balancer whose posts get 404 and whose polls get 200 cannot keep the queue waiting for ever."""
    play, item = denied()
    for _ in range(10):
        if play.progress(item):
            break
        play.poll(later=10_000)
        play.answer(Post, GONE)
    assert play.failure(item).reason == "refused"
    other = play.say("still here")
    play.poll()
    play.posted()
    assert play.progress(other) == ["sent"]


def test_the_queue_keeps_its_order_over_a_denial() -> None:
    play, first = denied()
    second = play.say("two")
    play.poll()
    assert play.owed(Post).item == first
    play.posted()
    assert play.owed(Post).item == second


def test_denied_receipts_are_dropped_with_all_that_wait() -> None:
    play = chatting()
    play.poll(message(1), message(2), message(3))
    play.answer(PostEphemeral, GONE)
    play.poll()
    assert not play.owes(PostEphemeral)


def test_after_twenty_seconds_without_a_decision_the_denial_is_believed() -> None:
    play, item = denied()
    play.wait(19_000)
    assert play.session.outcome is None
    play.wait(2_000)
    assert play.session.outcome == "gone"
    assert play.failure(item).reason == "not_sent"


def test_without_a_poll_in_flight_the_history_decides() -> None:
    play = chatting()
    play.say("hi")
    play.answer(Poll, TIMEOUT)
    play.answer(Post, GONE)
    assert play.owes(ReadHistory)
    play.answer(ReadHistory, GONE)
    assert play.session.outcome == "gone"


def test_a_history_that_is_read_after_the_denial_shows_that_the_chat_exists() -> None:
    play = chatting()
    item = play.say("hi")
    play.answer(Poll, TIMEOUT)
    play.answer(Post, GONE)
    play.log(joined(ANN))
    assert play.session.presence.name == "present"
    play.tick()
    assert play.owed(Post).item == item


def test_a_history_that_began_before_the_denial_proves_nothing() -> None:
    play = chatting()
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.say("hi")
    first = play.owed(ReadHistory)
    play.answer(Post, GONE)
    play.log(joined(ANN))
    assert play.session.presence.name == "doubted"
    assert play.owed(ReadHistory).id > first.id
    play.log(joined(ANN))
    assert play.session.presence.name == "present"


def test_a_second_reading_beside_the_poll_decides_nothing() -> None:
    play = chatting()
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(joined(ANN))
    play.poll()
    play.wait(10_000)
    assert play.owes(ReadHistory)
    play.say("hi again")
    play.answer(Post, GONE)
    play.log(joined(ANN))
    assert play.session.presence.name == "doubted"


def test_in_the_background_the_last_poll_decides() -> None:
    play, _ = denied()
    play.do(Background)
    play.poll(message(5), SessionEnded())
    assert play.session.outcome == "ended"


def test_paused_without_a_poll_the_history_decides() -> None:
    play = chatting()
    play.do(Background)
    play.poll()
    play.say("hi")
    play.answer(Post, GONE)
    assert play.session.connection.name == "paused"
    play.answer(ReadHistory, GONE)
    assert play.session.outcome == "gone"


def test_a_denial_while_the_connection_brakes_waits_for_the_next_poll() -> None:
    play = chatting()
    play.say("hi")
    while play.session.connection.name == "polling":
        play.poll(later=10)
    play.answer(Post, GONE)
    assert not play.owes(ReadHistory)
    while not play.owes(Poll):
        play.tick()
    play.poll(message(3), SessionEnded())
    assert play.session.outcome == "ended"


def test_while_blocked_only_time_decides() -> None:
    play = chatting()
    play.say("hi")
    play.answer(Poll, http(403))
    play.answer(Post, GONE)
    assert not play.owes(ReadHistory)
    play.wait(21_000)
    assert play.session.outcome == "gone"


def test_credentials_that_come_in_time_let_the_history_decide() -> None:
    play = chatting()
    play.say("hi")
    play.answer(Poll, http(403))
    play.answer(Post, GONE)
    play.do(Reauthorized)
    play.log(joined(ANN))
    assert play.session.presence.name == "present"


def test_ending_a_denial_is_no_end_while_a_poll_is_in_flight() -> None:
    play = chatting()
    play.do(End)
    play.answer(Post, GONE)
    assert (play.phase, play.session.presence.name) == ("ending", "doubted")
    play.poll(message(9), SessionEnded())
    assert play.session.outcome == "ended"
    assert [one.entry for one in play.received()][-1] == message(9)


@pytest.mark.parametrize("decides", ["poll", "time"])
def test_ending_the_chat_that_is_gone_has_ended(decides: str) -> None:
    play = chatting()
    play.do(End)
    play.answer(Post, GONE)
    if decides == "poll":
        play.answer(Poll, GONE)
    else:
        play.wait(21_000)
    assert play.session.outcome == "ended"


def test_an_end_that_the_user_orders_while_doubted_is_queued() -> None:
    play, _ = denied()
    play.do(End)
    assert not play.owes(Post)
    play.poll()
    assert play.owes(Post)


def test_after_a_restart_the_history_decides() -> None:
    play, _ = denied()
    play.do(Restarted, later=1_000)
    play.tick()
    play.answer(ReadHistory, GONE)
    assert play.session.outcome == "gone"


def test_a_chat_that_exists_after_a_restart_goes_on() -> None:
    play, item = denied()
    play.do(Restarted, later=1_000)
    play.tick()
    play.log(joined(ANN))
    play.wait(3_000)
    assert play.session.presence.name == "present"
    play.posted()
    assert play.progress(item) == ["sent"]


def test_an_upload_under_way_is_not_lost_by_a_doubt() -> None:
    play = chatting()
    play.do(SendFile, "ref", "a.png")
    play.say("hi")
    play.answer(Post, GONE)
    play.answer(Upload, FileUploaded("f1"))
    play.poll()
    assert play.owes(Post)


def test_a_history_denied_for_ever_beside_polls_that_are_answered_costs_a_gap() -> None:
    play = chatting()
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(joined(ANN))
    play.poll()
    for _ in range(8):
        play.wait(10_000)
        if play.owes(ReadHistory):
            play.answer(ReadHistory, GONE)
        if play.owes(Poll):
            play.poll()
    assert play.session.outcome is None
    assert (play.session.presence.name, play.session.history.name) == ("present", "current")


def test_foreground_reads_the_history_which_decides() -> None:
    play = chatting()
    play.do(Background)
    play.poll()
    play.say("hi")
    play.answer(Post, GONE)
    play.do(Foreground)
    play.answer(ReadHistory, Failure("http", 404, 5005))
    assert play.session.outcome == "gone"


def test_an_end_that_is_denied_each_time_is_sent_again_until_its_time_is_over() -> None:
    play = chatting()
    play.do(End)
    for _ in range(4):
        play.answer(Post, GONE)
        play.poll(later=9_000)
    assert play.owes(Post)
    play.wait(10_000)
    assert play.session.outcome is not None

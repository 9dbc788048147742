"""Faults that reading and walking found, each as the shortest life that showed it."""

from __future__ import annotations

import pytest

from statemachine import (
    AnswerForm,
    Background,
    ChatOpened,
    Config,
    CreateChat,
    Disconnect,
    End,
    EventBatch,
    Failure,
    FindChat,
    HistoryGap,
    HistoryLog,
    Incoming,
    MarkRead,
    Poll,
    Post,
    PostEphemeral,
    PushReceived,
    ReadHistory,
    Reattach,
    Reauthorized,
    Received,
    RequestChat,
    Restarted,
    SendEntry,
    SendText,
    StartTyping,
    next_deadline,
)
from statemachine import wire as w
from tests.core.play import ANN, CHAT, NOW, TIMEOUT, Play, chatting, doubting, http, joined, message, mine, opened


def test_a_long_log_is_not_forgotten_while_it_is_read() -> None:
    """All 130 messages were told again: each entry told anew pushed the next known one out of the window."""
    play = chatting()
    log: list[w.Entry] = [joined(ANN), message(0)]
    play.poll(message(0))
    item = play.say("hi")
    play.answer(Post, TIMEOUT)
    for n in range(1, 4):
        log.append(message(n))
        play.poll(log[-1])
    log.insert(2, mine(item, "hi"))
    play.wait(10_000)
    play.log(*log)
    for n in range(4, 131):
        log.append(message(n))
        play.poll(log[-1])
    play.answer(Poll, TIMEOUT)
    play.tick()
    told = len(play.received())
    play.log(*log)
    assert len(play.received()) == told


def test_an_empty_log_proves_nothing_and_empties_no_room() -> None:
    """A proxy's empty answer had a text sent twice, and the agent left."""
    play = chatting()
    play.poll(joined(ANN), message(0))
    play.say("hi")
    play.answer(Post, TIMEOUT)
    play.wait(10_000)
    play.answer(ReadHistory, HistoryLog())
    assert not play.owes(Post)
    assert play.phase == "agent_joined"


def test_a_new_chat_may_have_an_empty_log() -> None:
    play = opened()
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.answer(ReadHistory, HistoryLog())
    assert play.owes(Poll)


def prompted() -> Play:
    play = opened()
    play.poll(w.Status("ivr"), w.FormShow("f1"))
    return play


def test_an_agent_closes_the_scenarios_question() -> None:
    """A text meant for the agent went out as the answer of a prompt, and was reported sent."""
    play = prompted()
    play.poll(w.Status("connected"), joined(ANN))
    play.say("my card was stolen")
    assert isinstance(play.owed(Post).entry, w.Message)


def test_the_last_prompt_is_answered() -> None:
    play = prompted()
    play.poll(w.FormShow("f2"))
    play.say("4711")
    entry = play.owed(Post).entry
    assert isinstance(entry, w.FormData)
    assert entry.form_request_id == "f2"


def test_a_refused_prompt_takes_no_more_texts() -> None:
    """No text could ever be sent again."""
    play = prompted()
    play.say("4711")
    play.answer(Post, http(400, 5003))
    play.say("hello?")
    assert isinstance(play.owed(Post).entry, w.Message)


@pytest.mark.parametrize("posted", [TIMEOUT, Failure("cut")])
def test_a_prompt_whose_answer_may_have_arrived_takes_no_more_texts(posted: Failure) -> None:
    """The echo of the one answer was taken for that of the next, which was reported sent and had not arrived."""
    play = prompted()
    item = play.say("4711")
    play.answer(Post, posted)
    play.wait(10_000)
    for _ in range(3):
        play.answer(ReadHistory, Failure("unreadable", 200))
        play.tick()
    assert play.failure(item).reason == "unknown"
    play.say("hello?")
    assert isinstance(play.owed(Post).entry, w.Message)


def test_a_form_whose_time_passed_while_its_answer_was_lost_stays_closed() -> None:
    play = opened()
    play.poll(w.FormShow("f1", "survey_form", 5_000))
    play.do(AnswerForm, "f1", {})
    play.wait(6_000)
    play.answer(Post, http(400, 5003))
    assert play.session.participants.forms == ()


@pytest.mark.parametrize("failure", [http(500), http(500, 5000), http(503, 5001)])
def test_no_error_blocks_the_queue_for_ever(failure: Failure) -> None:
    """133 posts of one message in 22 minutes, and the next was never sent."""
    play = chatting()
    poison, later = play.say("poison"), play.say("later")
    for _ in range(2):
        play.answer(Post, failure)
        play.wait(10_000)
        play.log(joined(ANN))
    play.answer(Post, failure)
    assert play.failure(poison).reason == "unknown"
    assert play.owed(Post).item == later


def test_a_server_that_asks_for_patience_gets_it_after_a_lost_post() -> None:
    play = chatting()
    play.say("hi")
    play.answer(Post, Failure("http", 503, None, 60_000))
    assert play.session.items[-1].state.due == play.now + 60_000


def test_a_proof_that_stands_before_all_that_is_known_counts() -> None:
    """More than a window of messages came while a post was in doubt: its proof was skipped, and it was sent twice."""
    play = chatting(Config(brake_new_after=200))
    item = play.say("hi")
    play.answer(Post, TIMEOUT)
    log: list[w.Entry] = [joined(ANN), mine(item, "hi")]
    for n in range(140):
        log.append(message(n))
        play.poll(log[-1], later=10)
    play.wait(10_000)
    play.log(*log)
    assert play.progress(item) == ["sent"]
    assert not play.owes(Post)


def test_the_same_warning_is_told_again_after_a_silence() -> None:
    """Taken for a cache's repeat, it was not told, and the session timed out unannounced."""
    play = chatting()
    play.poll(w.TimeoutWarning("still there?"))
    play.say("yes")
    play.posted()
    assert play.phase == "agent_joined"
    play.poll()
    play.poll(w.TimeoutWarning("still there?"))
    assert play.phase == "warned"


def test_null_is_no_message_id() -> None:
    """One client in the field writes it for each of its messages; two of three were lost."""
    play = chatting()
    play.poll(*(w.Message("null", CHAT, f"text {n}", None, 1_000 + n) for n in range(3)))
    assert len([one for one in play.received() if one.own]) == 3


def test_read_marks_push_nothing_out_of_the_window() -> None:
    play = chatting()
    texts = [message(n) for n in range(100)]
    play.poll(*texts)
    for text in texts:
        play.do(MarkRead, text.msg_id)
    told = len(play.received())
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(joined(ANN), *texts)
    assert len(play.received()) == told


def test_our_own_message_is_not_marked_read() -> None:
    play = chatting()
    item = play.say("hi")
    play.posted()
    play.do(MarkRead, item)
    assert not play.owes(PostEphemeral)


def test_a_server_in_trouble_gets_no_storm_of_receipts() -> None:
    """64 receipts were posted in the same millisecond, against a Retry-After of a minute."""
    play = chatting()
    play.poll(*(message(n) for n in range(20)))
    play.answer(PostEphemeral, Failure("http", 429, None, 60_000))
    assert not play.owes(PostEphemeral)


def test_an_end_is_no_plain_entry() -> None:
    play = chatting()
    play.refused(SendEntry, w.SessionEnd())


def test_a_disconnect_before_any_agent_gets_one_more_try_when_blocked() -> None:
    play = opened()
    play.answer(Poll, http(401, 2001))
    play.do(Disconnect)
    assert isinstance(play.owed(Post).entry, w.SessionEnd)


def test_a_lost_disconnect_is_proved_by_the_log() -> None:
    """Posted again, it would have ended the survey's conversation."""
    play = chatting()
    play.do(Disconnect)
    play.answer(Post, TIMEOUT)
    play.wait(10_000)
    play.log(joined(ANN), w.SessionDisconnect(), w.PartyLeft(ANN))
    assert not play.owes(Post)
    assert play.phase == "wrapping_up"


def test_a_text_from_another_device_calms_the_warning() -> None:
    play = chatting()
    play.poll(w.TimeoutWarning("", 5_000))
    play.poll(mine("elsewhere:1", "I am here"))
    assert play.phase == "agent_joined"


def test_a_chat_found_at_its_end_is_no_chat() -> None:
    play = Play()
    play.do(Reattach, "o")
    play.answer(FindChat, ChatOpened(CHAT, "completed"))
    assert play.phase == "idle"


def test_a_log_that_was_read_beside_a_poll_empties_no_room() -> None:
    """A proof was read while the poll told that Bea had joined; the older log then sent her away."""
    play = opened()
    play.say("hi")
    play.answer(Post, TIMEOUT)
    play.wait(10_000)
    play.poll(w.Status("connected"), joined(ANN))
    for _ in range(4):
        play.poll(later=10)
    play.log(w.Status("queued"))
    assert play.phase == "agent_joined"


def test_a_first_log_that_proves_a_text_does_not_tell_it_too() -> None:
    """The text was reported sent, and told once more as if from another device."""
    play = Play()
    play.do(Reattach, "o")
    play.answer(FindChat, ChatOpened(CHAT, "ivr"))
    item = play.say("hi")
    play.answer(Post, TIMEOUT)
    play.log(message(1), mine(item, "hi"))
    assert play.progress(item) == ["sent"]
    assert [one.own for one in play.received()] == [False]


def test_a_message_that_comes_back_behind_its_receipt_is_no_news() -> None:
    """Receipt and echo in one batch, before the answer of the post: the text was told as said on another device."""
    for receipt in (w.MessageDelivered, w.MessageRead):
        play = chatting()
        item = play.say("hi")
        play.poll(receipt(item, ANN), mine(item))
        assert play.received() == []
        assert play.progress(item)[0] == "sent"
        play.poll(receipt(item, ANN), mine(item))
        assert play.received() == []


def test_a_stage_left_and_entered_again_is_the_same_stage() -> None:
    """A session read from a snapshot moved its clock where the one in memory did not: its stage was another object."""
    play = opened("queued")
    play.poll(w.Status("connecting"))
    play.feed(Incoming(play.now + 5, (w.Status("queued"), w.Status("connecting"))))
    assert (play.phase, play.out) == ("connecting", ())


@pytest.mark.parametrize("live", [True, False])
def test_what_the_window_has_forgotten_may_come_back_but_not_what_it_knows(live: bool) -> None:
    """A form was told ahead of what stands before it in the log, and once more when only that was still remembered."""
    play = chatting(Config(window=8))
    shown = w.FormShow("1", "survey_form")
    log = [message(0), shown, *map(message, range(1, 8))]
    play.feed(Incoming(play.now, (shown,)))
    play.poll(message(0), *log[2:])
    if live:
        play.poll(shown, message(8))
    else:
        play.answer(Poll, TIMEOUT)
        play.tick()
        play.log(*log, message(8))
    assert [one.entry for one in play.received()] == [shown, message(8)]


def test_a_notification_about_no_chat_reads_no_history() -> None:
    """Ended while it was being opened, and in the background: the history of the chat "" was asked for."""
    play = Play()
    play.do(RequestChat, "o")
    play.do(End)
    play.do(Background)
    play.do(PushReceived, "")
    assert not play.owes(ReadHistory)


def test_a_request_to_look_on_is_known_by_its_id() -> None:
    """Live it had no time; the history gave it one, and the customer was asked twice."""
    play = chatting()
    play.poll(w.CobrowsingRequested("8"))
    assert len(play.received()) == 1
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(joined(ANN), w.CobrowsingRequested("8", timestamp=1_700_000_000_000))
    assert play.received() == []


# --- by the simulation ----------------------------------------------------------------------------------------------


def test_an_end_that_was_refused_did_not_end_the_session() -> None:
    """A proxy's 400 to the end: the session reported `ended`, while the server's chat lived on, never told."""
    play = opened()
    play.do(End)
    play.answer(Post, http(400))
    assert play.session.outcome is None
    while play.session.outcome is None:
        play.tick()
        if play.owes(Post):
            assert isinstance(play.owed(Post).entry, w.SessionEnd)
            play.answer(Post, http(400), later=0)
    assert play.session.outcome == "gave_up"


def test_typing_is_taken_back_when_the_text_answers_a_form() -> None:
    """The agent saw "typing…" for ever: the text went out as form data, and no message hid it."""
    play = opened()
    play.poll(w.FormShow("1", timestamp=1_000))
    play.do(StartTyping)
    play.answer(PostEphemeral, EventBatch())
    play.do(SendText, "4711")
    assert isinstance(play.owed(Post).entry, w.FormData)
    assert isinstance(play.owed(PostEphemeral).entry, w.NotTyping)


def test_typing_that_arrives_after_its_text_is_taken_back() -> None:
    """The announcement was on its way when the text was said: it could arrive last, and stay."""
    play = opened()
    play.do(StartTyping)
    play.do(SendText, "hello")
    play.posted()
    play.answer(PostEphemeral, EventBatch())
    play.wait(play.session.config.typing_expires)
    assert isinstance(play.owed(PostEphemeral).entry, w.NotTyping)


def test_a_session_without_a_chat_hands_on_the_past_it_took_over() -> None:
    """After a vain search in between, the next session told the whole chat again."""
    word = message(1)
    play = opened()
    play.poll(word)
    play.answer(Poll, http(404, 5005))
    play.follow(Reattach, "second")
    play.answer(FindChat, http(404, 5005))
    play.follow(RequestChat, "third")
    play.answer(CreateChat, ChatOpened(CHAT, "ivr", is_new_chat=False))
    play.log(word)
    assert play.received() == []


def test_a_key_is_known_in_the_next_chat() -> None:
    """A webhook delivered twice around the end of a chat began a new one with the same text."""
    play = chatting()
    play.do(SendText, "hi", "k")
    play.posted()
    play.poll(w.SessionEnded())
    play.follow(RequestChat, "second")
    play.answer(CreateChat, ChatOpened("Chat-2", "connected", is_new_chat=True))
    assert play.do(SendText, "hi", "k") == ()


def test_a_full_window_forgets_ours_first_and_tells_it_once() -> None:
    """Ours is remembered when it is sent, ahead of what stands before it in the log, and so forgotten first."""
    words = [message(n) for n in range(8)]
    play = opened(config=Config(window=8, api="v1"))
    item = play.say("ours")
    play.posted()
    for word in words:
        play.poll(word, later=5_000)
    play.answer(Poll, Failure("cut"))
    play.tick()
    play.log(words[0], w.Message(item, CHAT, "ours", timestamp=1_000), *words[1:])
    assert play.received() == []


def test_the_history_is_read_again_when_the_first_poll_after_a_cut_is_answered() -> None:
    """Only an answered poll proves that the one before has let go of its slot (knob `after_cut` = swallow)."""
    play = opened()
    play.answer(Poll, Failure("cut"))
    play.tick()
    play.log()
    play.poll(later=15_000)
    play.tick()
    assert play.owes(ReadHistory)


def test_an_answer_that_comes_with_the_wake_up_is_proved_by_the_log() -> None:
    """A laptop slept while the answer was on its way. Deadlines fire first (L2), so the text is in doubt until then."""
    play = opened()
    play.say("hello")
    play.answer(Post, EventBatch(), later=60_000)
    assert play.session.items[0].state.name == "in_doubt"


def test_a_clock_that_was_ahead_delays_nothing_after_a_restart() -> None:
    """Nothing was due, so nothing was moved, the session's time neither: the next retry waited for the old time."""
    play = opened()
    play.answer(Poll, http(401))
    day = 24 * 3_600_000
    play.feed(Restarted(play.now - day))
    play.do(Reauthorized)
    due = next_deadline(play.session)
    assert due is not None
    assert due - play.now < 60_000
    assert play.now < NOW


def test_a_restart_during_the_brake_reads_the_history() -> None:
    """A step with a poll alone is not saved: one after the saved session may have been answered, its events lost."""
    play = chatting()
    while play.owes(Poll):
        play.poll(later=5)
    assert play.session.connection.name == "backing_off"
    play.do(Restarted)
    play.tick()
    assert play.owes(ReadHistory)
    assert not play.owes(Poll)


def test_a_text_for_a_prompt_that_another_device_answers_is_a_text_again() -> None:
    """It was told as sent, and never left: the other device's answer passed for ours."""
    play = opened()
    play.poll(w.FormShow("1", timestamp=1_000))
    first = play.say("4711")
    second = play.say("hello")
    play.answer(Post, Failure("cut"))
    play.poll(w.FormShow("2", timestamp=2_000))
    third = play.say("0815")
    play.do(Incoming, (w.FormData("2"),))
    assert play.progress(third) == []
    play.wait(play.session.config.settle)
    play.log(mine(first, "4711"))
    assert play.owed(Post).entry == w.Message(second, msg_text="hello")
    play.posted()
    assert play.owed(Post).entry == w.Message(third, msg_text="0815")
    play.posted()
    assert play.progress(third) == ["sent"]


def test_an_answer_that_was_posted_comes_back_as_ours() -> None:
    play = opened()
    play.poll(w.FormShow("1", timestamp=1_000))
    item = play.say("4711")
    play.answer(Post, http(503, 5001))
    play.do(Incoming, (w.FormData("1"),))
    assert play.progress(item) == ["sent"]


# --- an answer that is cut off in the middle of its list --------------------------------------------------------------


def test_a_batch_that_is_cut_off_is_completed_from_the_log_while_polling_goes_on() -> None:
    play = chatting()
    play.answer(Poll, EventBatch((message(4),), "not JSON", incomplete=True))
    assert play.owes(Poll)
    play.log(joined(ANN), message(4), message(5))
    assert [one.entry for one in play.received()] == [message(5)]
    assert play.owes(Poll)
    assert not play.owes(ReadHistory)


def test_a_log_that_began_before_the_batch_was_cut_off_is_read_again() -> None:
    play, _ = doubting()
    play.wait(10_000)  # a reading begins, for the proof
    play.answer(Poll, EventBatch((message(4),), "not JSON", incomplete=True))
    play.log(joined(ANN))
    play.log(joined(ANN), message(4), message(5))
    assert play.received()[-1].entry == message(5)


def test_a_log_that_is_cut_off_proves_no_absence() -> None:
    play, item = doubting()
    play.wait(10_000)
    play.answer(ReadHistory, HistoryLog((joined(ANN),), "not JSON", incomplete=True))
    assert not play.owes(Post)
    play.tick()
    play.log(joined(ANN), mine(item))
    assert play.progress(item) == ["sent"]
    assert len(play.commands(Post)) == 1


def test_a_log_that_is_always_cut_off_costs_a_gap_and_polling_goes_on() -> None:
    play = chatting()
    play.answer(Poll, TIMEOUT)
    for _ in range(3):
        play.tick()
        play.answer(ReadHistory, HistoryLog((joined(ANN),), "not JSON", incomplete=True))
    assert any(isinstance(one, HistoryGap) for one in play.all)
    assert play.owes(Poll)


def test_a_log_that_is_cut_off_says_nothing_about_who_is_in_the_room_and_reports_no_gap() -> None:
    play = chatting()
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.answer(ReadHistory, HistoryLog((), "not JSON", incomplete=True))
    play.tick()
    play.answer(ReadHistory, HistoryLog((message(9, "agent-before"),), "not JSON", incomplete=True))
    assert play.phase == "agent_joined"
    assert not any(isinstance(one, HistoryGap) for one in play.all)


def test_a_log_that_was_cut_off_does_not_count_as_read() -> None:
    play = Play()
    play.do(Reattach, "o", CHAT)
    broken = w.Malformed("entry: expected an object")
    play.answer(ReadHistory, HistoryLog((broken,), "not JSON", incomplete=True))
    play.tick()
    play.answer(ReadHistory, HistoryLog((message(1),), "not JSON", incomplete=True))
    play.tick()
    play.log(message(1), message(2))
    told = [one.entry for one in play.all if isinstance(one, Received)]
    assert told == [broken, message(1), message(2)]
    assert not any(isinstance(one, HistoryGap) for one in play.all)

"""Lives that neither the examples nor a random walk come by, each for a row that nothing else would miss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from statemachine import (
    AnswerForm,
    AnswerSecureForm,
    Background,
    CancelForm,
    ChatOpened,
    Config,
    CreateChat,
    Disconnect,
    End,
    EventBatch,
    Failure,
    FindChat,
    Foreground,
    HistoryLog,
    Incoming,
    MarkDelivered,
    MarkRead,
    Poll,
    Post,
    PostEphemeral,
    PushReceived,
    ReadHistory,
    Reattach,
    Reply,
    RequestChat,
    SendEntry,
    SendFile,
    StartTyping,
)
from statemachine import wire as w
from tests.core.play import (
    ANN,
    CHAT,
    TIMEOUT,
    UNSENT,
    Play,
    chatting,
    http,
    joined,
    message,
    mine,
    opened,
    requested,
    upload,
)

LONG: Final = "x" * 16_001
GONE: Final = http(404, 5005)
UNREADABLE: Final = Failure("unreadable", 200)


def reattaches_badly() -> Play:
    play = Play()
    play.refused(Reattach, " ")
    play.refused(Reattach, "o", LONG)
    play.do(Reattach, "o", CHAT)
    return play


def finds_nothing_and_begins_anew(reply: Any) -> Play:
    """What was said to a chat that was not found is not sent to the next one."""
    play = Play()
    play.do(Reattach, "o")
    play.say("hello?")
    play.do(SendFile, "ref")
    play.answer(FindChat, reply)
    play.do(RequestChat, "o2")
    play.answer(CreateChat, ChatOpened(CHAT, "ivr", None, True))
    return play


def the_log_of_a_new_chat_is_known_from_its_beginning() -> Play:
    play = opened()
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(message(1), message(2))
    return play


def an_end_waits_for_its_chat() -> Play:
    play = requested()
    play.answer(CreateChat, http(503, 5001))
    play.do(End)
    play.tick()
    play.answer(FindChat, http(503, 5001))
    play.tick()
    play.answer(FindChat, ChatOpened(CHAT, "queued"))
    play.posted()
    return play


def _full() -> Play:
    play = chatting()
    play.poll(w.FormShow("f1", "survey_form", 60_000), w.FormShow("f2"), w.SecureFormShow("f3", "card"))
    play.poll(w.Typing(ANN))
    return play


def a_full_room_is_left(code: int | None) -> Play:
    play = _full()
    play.do(End)
    play.posted()
    play.answer(Poll, http(404, code))
    return play


def is_not_told_of_its_end() -> Play:
    """Sent, and the server's word never comes: the room is left all the same."""
    play = _full()
    play.do(End)
    play.posted()
    for _ in range(9):
        if play.session.outcome is None:
            play.tick()
    return play


def hears_its_answer_to_a_form_before_it_was_posted() -> Play:
    play = _full()
    play.do(AnswerForm, "f1", {"a": 1})
    play.poll(w.FormData("f1", "survey_form", {"a": 1}))
    return play


def hears_that_its_file_was_read_before_it_is_uploaded() -> Play:
    play = chatting()
    play.do(SendFile, "ref")
    play.poll(w.MessageRead(play.session.items[-1].id, ANN))
    upload(play)
    play.posted()
    return play


def reads_that_there_is_nothing() -> Play:
    play = chatting()
    play.answer(Poll, TIMEOUT)
    for _ in range(6):
        play.tick()
        if play.owes(ReadHistory):
            play.answer(ReadHistory, http(200, 5511))
    return play


def is_told_of_another_chat() -> Play:
    play = chatting()
    play.do(Background)
    play.do(PushReceived, "another chat")
    play.do(PushReceived, CHAT)
    return play


def types_into_trouble() -> Play:
    play = chatting()
    play.poll(message(1), message(2))
    play.do(MarkRead, "s1")
    play.do(StartTyping)
    play.answer(PostEphemeral, UNSENT)
    play.wait(12_000)
    return play


def comes_back_to_its_agent_through_the_queue() -> Play:
    play = chatting()
    play.poll(w.Status("queued", 9_000), w.FormShow("f2"))
    play.poll(w.Status("connected"))
    play.say("no answer to a prompt")
    return play


def finds_an_agent_in_the_log() -> Play:
    play = opened()
    play.poll(w.FormShow("f2"), message(1))
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(message(1), joined(ANN))
    play.say("no answer to a prompt")
    return play


def is_queued_while_it_disconnects() -> Play:
    play = chatting()
    play.do(Disconnect)
    play.poll(w.Status("queued"))
    play.posted()
    return play


def is_warned_and(*entries: w.Entry) -> Play:
    """Calm again only by what calms."""
    play = chatting()
    play.poll(w.TimeoutWarning("still there?", 5))
    play.poll(*entries)
    return play


def is_warned_and_sends_a_page() -> Play:
    play = chatting()
    play.poll(w.TimeoutWarning("still there?", 5))
    play.do(SendEntry, w.Navigation("/buy"))
    play.posted()
    return play


def hides_typing(*entries: w.Entry) -> Play:
    play = chatting()
    for entry in entries:
        play.poll(w.Typing(ANN))
        play.poll(entry)
    return play


def answers_under_a_known_key() -> Play:
    play = _full()
    play.say("hello", "k")
    play.do(AnswerForm, "f1", {}, "k")
    play.do(AnswerSecureForm, "f3", "vault", "k")
    play.do(CancelForm, "f1", "k")
    play.do(AnswerForm, "f1", {"a": 1}, "k2")
    return play


def says_too_much() -> Play:
    play = _full()
    play.refused(SendEntry, w.Navigation(LONG))
    play.refused(SendFile, LONG)
    play.refused(AnswerForm, "f1", {"a": LONG})
    play.refused(AnswerSecureForm, "f3", LONG)
    play.refused(CancelForm, LONG)
    play.refused(SendEntry, w.SessionEnd())
    return play


def says_what_it_was_typing() -> Play:
    play = chatting()
    play.do(StartTyping)
    play.answer(PostEphemeral, EventBatch())
    play.say("done")
    play.posted()
    play.wait(12_000)
    return play


def opens_in_the_background() -> Play:
    play = Play()
    play.do(Background)
    play.do(RequestChat, "o")
    play.answer(CreateChat, ChatOpened(CHAT, "ivr", None, True))
    play.do(Foreground)
    return play


def is_refused_twice() -> Play:
    play = chatting()
    play.say("hello")
    play.answer(Poll, http(401, 2000))
    play.answer(Post, http(401, 2000))
    play.do(Foreground)
    return play


def hears_its_page_again() -> Play:
    play = chatting()
    play.do(SendEntry, w.Navigation("/buy"))
    play.poll(w.Navigation("/buy", msg_id=play.session.items[-1].id))
    play.do(Disconnect)
    play.poll(w.SessionDisconnect())
    return play


def hears_of_its_file_before_it_is_uploaded() -> Play:
    play = chatting()
    play.do(SendFile, "ref")
    play.poll(w.File("file-1", msg_id=play.session.items[-1].id, party_id=CHAT))
    upload(play)
    return play


def has_forgotten_what_it_said() -> Play:
    """Out of a small window: the echo comes to an item that was sent."""
    play = chatting(Config(window=2))
    item = play.say("hello")
    play.posted()
    play.poll(message(1), message(2), message(3))
    play.poll(mine(item, "hello"))
    play.poll(w.MessageRead(item, ANN))
    return play


def fails_again_and_again(failure: Failure) -> Play:
    play = chatting()
    for _ in range(7):
        play.answer(Poll, failure)
        play.tick()
        play.log()
    return play


def meets_errors_with_codes() -> Play:
    play = chatting()
    play.answer(Poll, http(200, 5511))
    play.say("maybe")
    play.answer(Post, http(503, 5001))
    play.answer(Poll, http(404, 5006))
    return play


def goes_to_the_background_while_backing_off() -> Play:
    play = chatting()
    play.answer(Poll, TIMEOUT)
    play.do(Background)
    play.wait(60_000)
    return play


def ends_in_the_middle_of_a_batch(end: w.Entry) -> Play:
    play = chatting()
    play.poll(end, message(5), w.Status("failed"))
    return play


def an_agent_joins_while_a_prompt_is_open() -> Play:
    play = opened("queued")
    play.poll(w.FormShow("f1"))
    play.poll(joined(ANN))
    play.say("hello")
    return play


def a_party_types_and_writes() -> Play:
    play = chatting(Config(api="v1"))
    play.poll(w.Typing(ANN))
    play.poll(message(1))
    return play


def confirms_delivery_itself() -> Play:
    play = chatting(Config(receipts=False))
    play.poll(message(1))
    play.do(MarkDelivered, "s1")
    play.do(MarkDelivered, "s1")
    return play


def writes_after_a_warning() -> Play:
    play = chatting()
    play.poll(w.TimeoutWarning("still there?"))
    play.say("yes")
    play.posted()
    return play


def is_read_twice() -> Play:
    play = chatting()
    item = play.say("hello")
    play.posted()
    play.poll(w.MessageDelivered(item, ANN))
    play.poll(w.MessageRead(item, ANN))
    play.poll(w.MessageRead(item, ANN, 7))
    return play


def ends_while_a_receipt_is_in_flight() -> Play:
    """And while the chat is doubted: the end comes beside the poll, whose answer would resolve the doubt."""
    play = chatting()
    play.poll(message(1))
    play.say("hello")
    play.answer(Post, GONE)
    play.do(Incoming, (w.SessionEnded(),))
    return play


def a_message_comes_after_the_end() -> Play:
    """It is delivered, as late."""
    play = chatting()
    play.do(Incoming, (w.SessionEnded(),))
    play.do(Incoming, (message(5),))
    return play


def hears_of_its_end_again(first: w.Entry) -> Play:
    play = chatting()
    play.poll(first)
    play.do(Incoming, (w.SessionEnded(), w.Status("failed"), w.InactivityTimeout()))
    return play


def is_denied_once_and_twice() -> Play:
    """No such chat, to two calls beside the poll; then the poll shows that the chat exists."""
    play = chatting()
    play.say("hello")
    play.do(StartTyping)
    play.answer(Post, GONE)
    play.answer(PostEphemeral, GONE)
    play.wait(5_000)
    play.poll()
    play.posted()
    return play


def is_denied_during_the_brake() -> Play:
    """No poll is in flight, but none was lost: the next poll decides, and the history is not read."""
    play = chatting()
    play.say("hello")
    while play.session.connection.name == "polling":
        play.poll(later=10)
    play.answer(Post, GONE)
    while not play.owes(Poll):
        play.tick()
    play.poll()
    return play


def is_denied_in_the_background() -> Play:
    """The last poll is still in flight, and decides."""
    play = chatting()
    play.say("hello")
    play.do(Background)
    play.answer(Post, GONE)
    play.poll()
    play.posted()
    return play


def is_denied_without_a_poll() -> Play:
    play = chatting()
    play.say("hello")
    play.answer(Poll, TIMEOUT)
    play.answer(Post, GONE)
    play.log(joined(ANN))
    play.tick()
    play.posted()
    return play


def the_second_reading_answers(reply: Reply) -> Play:
    """While the chat is doubted: the poll in flight decides, whatever the history says."""
    play = chatting()
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(joined(ANN))
    play.poll()
    play.wait(10_000)
    play.say("hello")
    play.answer(Post, GONE)
    play.answer(ReadHistory, reply)
    play.wait(3_000)
    play.poll()
    play.posted()
    return play


def loses_the_history_before_a_post_has_settled() -> Play:
    """The post may still arrive: a history that cannot be read says nothing about it yet."""
    play = chatting()
    play.answer(Poll, TIMEOUT)
    for _ in range(2):
        play.tick()
        play.answer(ReadHistory, UNREADABLE)
    play.tick()
    play.say("maybe")
    play.answer(Post, TIMEOUT)
    play.answer(ReadHistory, UNREADABLE)
    play.wait(10_000)
    play.log(joined(ANN))
    return play


_OTHER_DEVICE: Final = (
    w.Message("other-1", CHAT, msg="from my phone"),
    w.File("f", msg_id="other-2", party_id=CHAT),
    w.Location("1", "2", msg_id="other-3", party_id=CHAT),
)
_SPOKEN: Final = (
    message(9),
    w.File("f", msg_id="s7", party_id=ANN),
    w.Location("1", "2", msg_id="s8", party_id=ANN),
    w.NotTyping(ANN),
)

_ENDS: Final = (w.SessionEnded(), w.InactivityTimeout("bye"), w.Status("completed"), w.Status("failed"))

STORIES: Final[tuple[Callable[[], Play], ...]] = (
    a_message_comes_after_the_end,
    ends_while_a_receipt_is_in_flight,  # first, so that every mutant of an end meets it
    reattaches_badly,
    lambda: finds_nothing_and_begins_anew(http(404, 5005)),
    lambda: finds_nothing_and_begins_anew(ChatOpened(CHAT, "failed")),
    the_log_of_a_new_chat_is_known_from_its_beginning,
    an_end_waits_for_its_chat,
    lambda: a_full_room_is_left(5005),
    is_not_told_of_its_end,
    hears_its_answer_to_a_form_before_it_was_posted,
    hears_that_its_file_was_read_before_it_is_uploaded,
    reads_that_there_is_nothing,
    is_told_of_another_chat,
    types_into_trouble,
    comes_back_to_its_agent_through_the_queue,
    finds_an_agent_in_the_log,
    is_queued_while_it_disconnects,
    *(lambda entry=entry: is_warned_and(entry) for entry in _OTHER_DEVICE),
    is_warned_and_sends_a_page,
    lambda: hides_typing(*_SPOKEN),
    answers_under_a_known_key,
    says_too_much,
    says_what_it_was_typing,
    opens_in_the_background,
    is_refused_twice,
    hears_its_page_again,
    hears_of_its_file_before_it_is_uploaded,
    has_forgotten_what_it_said,
    lambda: fails_again_and_again(http(429, 5509)),
    lambda: fails_again_and_again(http(503, 5001)),
    lambda: fails_again_and_again(http(500, 5500)),
    lambda: fails_again_and_again(http(400)),
    lambda: fails_again_and_again(UNREADABLE),
    is_denied_once_and_twice,
    is_denied_during_the_brake,
    is_denied_in_the_background,
    is_denied_without_a_poll,
    lambda: the_second_reading_answers(GONE),
    lambda: the_second_reading_answers(HistoryLog((joined(ANN),))),
    loses_the_history_before_a_post_has_settled,
    meets_errors_with_codes,
    goes_to_the_background_while_backing_off,
    *(lambda end=end: ends_in_the_middle_of_a_batch(end) for end in _ENDS),
    an_agent_joins_while_a_prompt_is_open,
    a_party_types_and_writes,
    confirms_delivery_itself,
    writes_after_a_warning,
    is_read_twice,
    lambda: hears_of_its_end_again(w.Status("failed")),
    lambda: hears_of_its_end_again(w.InactivityTimeout("bye")),
)

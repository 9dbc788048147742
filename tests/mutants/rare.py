"""Sessions that neither random traces nor the exploring of each state reach, each told to show one effect of a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from statemachine import (
    Answered,
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
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    Reattach,
    SendEntry,
    SendFile,
    SendText,
    StartTyping,
)
from statemachine import wire as w
from statemachine.core.states import LIVE, Ending
from tests.core.examples import LIFECYCLE
from tests.core.play import ANN, CHAT, TIMEOUT, Play, chatting, http, joined, left, message, mine, opened, requested

_BRAKING: Final = Config(brake_after=1, brake_new_after=2, brake_cap=60_000)
_EACH_IS_FAST: Final = Config(brake_after=0, brake_new_after=0, brake_cap=60_000)
_CALLER: Final = {"phone_number": "+1 555 0100", "from_": "the website"}
_PROXY: Final = Failure("http", 503, 5001, detail="the proxy is restarting")


def _fast(play: Play, times: int, first: int = 1) -> Play:
    """The poll is answered at once with something new, over and over; pauses are waited for."""
    for number in range(first, first + times):
        while not play.owes(Poll):
            play.log(message(90)) if play.owes(ReadHistory) else play.tick()
        play.poll(message(number), later=10)
    return play


def _fast_polls() -> Play:
    """From the first poll on."""
    return _fast(opened("ivr", _BRAKING), 5)


def _fast_polls_of_an_existing_chat() -> Play:
    return _fast(opened("ivr", _BRAKING, new=False), 5)


def _fast_polls_after_a_failure() -> Play:
    play = opened("ivr", _BRAKING)
    play.answer(Poll, TIMEOUT)
    return _fast(play, 5)


def _fast_polls_after_the_background() -> Play:
    """The poll in flight goes on."""
    play = _fast(opened("ivr", _BRAKING), 1)
    play.do(Background)
    play.do(Foreground)
    return _fast(play, 5, first=2)


def _empty_polls_after_the_background() -> Play:
    play = opened("ivr", _BRAKING)
    play.do(Background)
    play.do(Foreground)
    for _ in range(5):
        while not play.owes(Poll):
            play.tick()
        play.poll(later=10)
    return play


def _failing_with_words() -> Play:
    """A failure of the poll has words of its own; so has one because of too many."""
    play = chatting()
    play.answer(Poll, _PROXY)
    play.tick()
    play.log(message(1))
    play.answer(Poll, Failure("http", 429, 5509, detail="too many"))
    return play


def _busy_or_failing(failure: Failure) -> Callable[[], Play]:
    """The pauses of one are shorter than those of the other."""

    def told() -> Play:
        play = opened("ivr", Config(busy_cap=200, backoff_cap=30_000))
        play.answer(Poll, failure)
        return play

    return told


def _rejected_second_reading() -> Play:
    """The second reading after a failure is asked for early, and then rejected."""
    play = opened("ivr", Config(limited_tries=2))
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(message(1))
    play.poll(message(2))
    play.answer(Poll, TIMEOUT)
    play.do(Foreground)
    play.answer(ReadHistory, http(400))
    play.tick()
    return play


# --- items ------------------------------------------------------------------------------------------------------------


def _echo_before_the_answer() -> Play:
    """The poll brings our text while its post is in flight; then it is read."""
    play = chatting()
    item = play.say("hello")
    play.poll(mine(item, "hello"))
    play.poll(w.MessageDelivered(item, ANN), w.MessageRead(item, ANN))
    return play


def _echo_in_the_answer() -> Play:
    """The answer to the post has our text itself."""
    play = chatting()
    item = play.say("hello")
    play.answer(Post, EventBatch((mine(item, "hello"),)))
    play.poll(w.MessageDelivered(item, ANN), w.MessageRead(item, ANN))
    return play


def _echo_after_the_window_forgot() -> Play:
    play = chatting(Config(window=2))
    item = play.say("hello")
    play.posted()
    play.poll(message(1), message(2), message(3))
    play.poll(mine(item, "hello"))
    play.poll(w.MessageDelivered(item, ANN), w.MessageRead(item, ANN))
    return play


def _echo_of_an_upload() -> Play:
    """A server that knows the id of a file that it does not have yet."""
    play = chatting()
    play.do(SendFile, "ref")
    item = play.session.items[-1].id
    play.poll(mine(item, "a file?"))
    play.do(End)
    play.poll(w.SessionEnded())
    return play


def _late_echo(*receipts: type[w.MessageDelivered]) -> Callable[[], Play]:
    """The window forgot our text before the session ended; a reading that was in flight has it."""

    def told() -> Play:
        play = chatting(Config(window=2))
        item = play.say("hello")
        play.posted()
        play.poll(*(kind(item, ANN) for kind in receipts), message(1), message(2), message(3))
        play.poll(w.SessionEnded())
        play.do(Answered, 99, HistoryLog((message(3), mine(item, "hello"))))
        return play

    return told


def _log_in_the_answer() -> Play:
    """A post is answered with a log, which has our text."""
    play = chatting()
    item = play.say("hello")
    play.answer(Post, HistoryLog((mine(item, "hello"),)))
    play.poll(w.MessageDelivered(item, ANN), w.MessageRead(item, ANN))
    return play


def _typing_without_a_chat(reply: Failure) -> Callable[[], Play]:
    """Somebody types while a chat is searched for in order to end it, and none is found."""

    def told() -> Play:
        play = Play()
        play.do(Reattach, "o")
        play.do(End)
        play.do(Incoming, (w.Typing(ANN),))
        play.answer(FindChat, reply)
        return play

    return told


def _echo_of_what_waits() -> Play:
    """A server that knows the id of what is next in the queue."""
    play = chatting()
    play.say("first")
    play.do(SendEntry, w.Navigation("/page"))
    play.poll(mine(play.session.items[-1].id, "a page?"))
    play.posted()
    return play


def _transferred_disconnect(*entries: w.Entry) -> Callable[[], Play]:
    """Our disconnect is in flight while the stage changes; then it comes back."""

    def told() -> Play:
        play = chatting()
        play.do(Disconnect)
        play.poll(*entries)
        play.poll(w.SessionDisconnect())
        play.wait(20_000)
        return play

    return told


# --- the lifecycle ----------------------------------------------------------------------------------------------------


def _confirming_twice(*entries: w.Entry, state: str = "ivr") -> Callable[[], Play]:
    def told() -> Play:
        play = opened(state, Config(receipts=False))
        if entries:
            play.poll(*entries)
        play.do(MarkDelivered, "s1")
        play.do(MarkDelivered, "s1")
        play.answer(PostEphemeral, EventBatch())
        return play

    return told


def _prompt_for_an_agent(*stages: w.Entry) -> Callable[[], Play]:
    """A prompt is open, in a stage that follows a conversation, when the server reports the agent's one again."""

    def told() -> Play:
        play = chatting()
        play.poll(*stages, w.FormShow("f0", ""))
        play.poll(w.Status("connected"))
        return play

    return told


def _form_answered_elsewhere(entry: w.Entry, show: w.Entry) -> Callable[[], Play]:
    """A form is open when the customer ends, and is then answered or cancelled from another device."""

    def told() -> Play:
        play = chatting()
        play.poll(show)
        play.do(End)
        play.poll(entry)
        return play

    return told


def _nothing_to_end() -> Play:
    """A text waits for a chat that is then not found."""
    play = Play()
    play.do(Reattach, "o")
    play.do(SendText, "waits")
    play.do(End)
    play.answer(FindChat, http(404, 5005))
    return play


def _same_key(intent: type[Any], *args: Any) -> Callable[[], Play]:
    """A form is answered under a key that a text has."""

    def told() -> Play:
        play = chatting()
        play.poll(w.FormShow("f1", "survey"), w.SecureFormShow("f3", "card"))
        play.do(SendText, "hello", "k")
        play.do(intent, *args, key="k")
        return play

    return told


def _earlier_message(make: Callable[[], Play]) -> Callable[[], Play]:
    """The service's name changes the session, so an event of an earlier time happens at the time of that change."""

    def told() -> Play:
        play = make()
        now = play.now
        play.feed(Incoming(now + 5_000, (w.Info("the service"),)))
        play.feed(Incoming(now + 1_000, (message(5),)))
        return play

    return told


def _file_in_the_first_log() -> Play:
    """The conversation is over before the history of an existing chat was read."""
    play = opened("connected", None, False)
    play.do(Incoming, (joined(ANN), left(ANN)))
    play.log(w.File("f", msg_id="s7", party_id=ANN), message(8))
    return play


def _typing_then_text() -> Play:
    """After the conversation."""
    play = chatting()
    play.poll(left(ANN))
    play.do(StartTyping, "dra")
    play.answer(PostEphemeral, EventBatch())
    play.do(SendText, "hello")
    play.wait(30_000)
    return play


# --- opening, presence ------------------------------------------------------------------------------------------------


def _caller() -> Play:
    """Who calls is said again with each try."""
    play = requested(None, **_CALLER)
    play.answer(CreateChat, _PROXY)
    play.tick()
    play.answer(CreateChat, ChatOpened(CHAT, "failed"))
    play.tick()
    return play


def _ending_a_failing_request() -> Play:
    play = requested(None, **_CALLER)
    play.answer(CreateChat, _PROXY)
    play.do(End)
    play.answer(FindChat, _PROXY) if play.owes(FindChat) else play.tick()
    return play


def _request_fails_after_the_end() -> Play:
    play = requested(None, **_CALLER)
    play.do(End)
    play.answer(CreateChat, _PROXY)
    play.tick()
    play.answer(FindChat, _PROXY)
    return play


def _denied_reading_beside_a_poll() -> Play:
    """A reading for a text in doubt is denied, as a receipt was before; the poll is still held."""
    play = chatting()
    play.say("maybe")
    play.answer(Post, TIMEOUT)
    play.poll(message(1))
    play.wait(10_000)
    play.answer(PostEphemeral, http(404, 5005))
    play.answer(ReadHistory, http(404, 5005))
    play.do(StartTyping, "dra")
    play.poll(message(2))
    return play


RARE: Final[tuple[Callable[[], Play], ...]] = (
    _fast_polls,
    _fast_polls_of_an_existing_chat,
    _fast_polls_after_a_failure,
    _fast_polls_after_the_background,
    _empty_polls_after_the_background,
    _failing_with_words,
    _busy_or_failing(http(429, 5509)),
    _busy_or_failing(http(500, 5500)),
    _busy_or_failing(http(400)),
    _busy_or_failing(http(503, 5001)),
    _busy_or_failing(Failure("unreadable")),
    _rejected_second_reading,
    _echo_before_the_answer,
    _echo_in_the_answer,
    _echo_after_the_window_forgot,
    _echo_of_an_upload,
    _echo_of_what_waits,
    _late_echo(),
    _late_echo(w.MessageDelivered),
    _log_in_the_answer,
    _typing_without_a_chat(http(404, 5005)),
    _typing_without_a_chat(http(401)),
    _transferred_disconnect(w.Status("queued")),
    _transferred_disconnect(w.Status("queued"), w.Status("ivr")),
    _transferred_disconnect(w.Status("ivr")),
    *(_confirming_twice(state=state) for state in ("", "connecting")),
    _confirming_twice(joined(ANN), left(ANN)),
    _prompt_for_an_agent(w.Status("queued")),
    _prompt_for_an_agent(w.Status("queued"), w.Status("ivr")),
    _prompt_for_an_agent(w.Status("queued"), w.Status("connecting")),
    _prompt_for_an_agent(w.Status("ivr")),
    _form_answered_elsewhere(w.FormData("f1"), w.FormShow("f1", "survey")),
    _form_answered_elsewhere(w.FormDataCancel("f1"), w.FormShow("f1", "survey")),
    _form_answered_elsewhere(w.SecureFormData("f3"), w.SecureFormShow("f3", "card")),
    _form_answered_elsewhere(w.SecureFormCancel("f3"), w.SecureFormShow("f3", "card")),
    _nothing_to_end,
    _same_key(AnswerForm, "f1", {}),
    _same_key(AnswerSecureForm, "f3", "vault"),
    _same_key(CancelForm, "f1"),
    *(_earlier_message(LIFECYCLE[state][0]) for state in (*LIVE, Ending)),
    _file_in_the_first_log,
    _typing_then_text,
    _caller,
    _ending_a_failing_request,
    _request_fails_after_the_end,
    _denied_reading_beside_a_poll,
)
"""Each makes one."""

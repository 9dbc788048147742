"""What the application hands over is checked when it is handed over: a snapshot of a wrong value could not be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest

from statemachine import (
    Anomaly,
    Answered,
    AnswerForm,
    ChatOpened,
    ClockChanged,
    Failure,
    FileUploaded,
    MarkRead,
    PushReceived,
    Reattach,
    RequestChat,
    Restarted,
    SendEntry,
    SendFile,
    SendText,
    StartTyping,
    Tick,
    explain,
    new_session,
    reduce,
    restore,
    snapshot,
)
from statemachine.wire import Location, Navigation


class Key(str):
    """A text with more to it, as template engines and ORMs return."""


class Word(StrEnum):
    HELLO = "hello"


any_: Any = object()
OPEN = reduce(new_session(0), RequestChat(0, "o"))[0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda wrong: SendText(1, wrong), "SendText.text must be text (str), not "),
        (lambda wrong: SendText(1, "x", key=wrong), "SendText.key must be text (str) or None, not "),
        (lambda wrong: SendText(1, "x", note=wrong), "SendText.note must be text (str), not "),
        (lambda wrong: SendFile(1, wrong), "SendFile.ref must be text (str), not "),
        (lambda wrong: SendFile(1, "r", name=wrong), "SendFile.name must be text (str), not "),
        (lambda wrong: RequestChat(1, wrong), "RequestChat.origin must be text (str), not "),
        (lambda wrong: RequestChat(1, "o", phone_number=wrong), "RequestChat.phone_number must be text (str) or None"),
        (lambda wrong: Reattach(1, "o", chat_id=wrong), "Reattach.chat_id must be text (str) or None, not "),
        (lambda wrong: AnswerForm(1, wrong, {}), "AnswerForm.form_request_id must be text (str), not "),
        (lambda wrong: MarkRead(1, wrong), "MarkRead.msg_id must be text (str), not "),
        (lambda wrong: PushReceived(1, wrong), "PushReceived.chat_id must be text (str), not "),
        (lambda wrong: StartTyping(1, wrong), "StartTyping.draft must be text (str), not "),
        (lambda wrong: SendEntry(1, Location(wrong, "2")), "Location.latitude must be text (str), not "),
        (lambda wrong: SendEntry(1, Navigation(title=wrong)), "Navigation.title must be text (str), not "),
        (lambda wrong: ChatOpened(wrong), "ChatOpened.chat_id must be text (str), not "),
        (lambda wrong: FileUploaded(wrong), "FileUploaded.file_id must be text (str), not "),
        (lambda wrong: Failure("timeout", detail=wrong), "Failure.detail must be text (str), not "),
        (lambda wrong: SendEntry(1, wrong), "SendEntry.entry must be an entry of statemachine.wire, such as "),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_by_name(make: Callable[[Any], object], words: str) -> None:
    for wrong in (5, 1.5, True, b"x", {"a": 1}, ["x"], any_):
        with pytest.raises(TypeError, match=f"^{re.escape(words)}"):
            make(wrong)


@pytest.mark.parametrize("wrong", [1.5, "5", True, None])
def test_an_instant_is_a_whole_number(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"^SendText.at must be a whole number [(]int[)], not "):
        SendText(wrong, "x")
    for event in (Tick(wrong), Restarted(wrong), Answered(wrong, 1, Failure("cut")), ClockChanged(wrong)):
        with pytest.raises(TypeError, match=r"^at must be whole milliseconds .* not "):
            reduce(OPEN, event)
        with pytest.raises(TypeError, match=r"^at must be whole milliseconds .* not "):
            explain(OPEN, event)
    with pytest.raises(TypeError, match=r"^at must be whole milliseconds .* not "):
        new_session(wrong)


def test_a_duration_is_a_whole_number() -> None:
    wrong: Any = 1.5
    with pytest.raises(TypeError, match=r"^at must be whole milliseconds .* not float"):
        reduce(OPEN, ClockChanged(1, by=wrong))
    with pytest.raises(TypeError, match=r"^Failure.retry_after must be a whole number [(]int[)] or None, not float"):
        Failure("http", 503, retry_after=wrong)
    with pytest.raises(TypeError, match=r"^ChatOpened.ewt must be a whole number [(]int[)] or None, not float"):
        ChatOpened("c", ewt=wrong)


def test_a_kind_of_failure_is_one_of_the_known() -> None:
    wrong: Any = "time-out"
    with pytest.raises(ValueError, match="'kind' must be in"):
        Failure(wrong)


@pytest.mark.parametrize(("at", "is_noticed"), [(1_796_031_007, True), (1_796_031_007_000, False), (0, False)])
def test_seconds_instead_of_milliseconds_are_noticed(at: int, is_noticed: bool) -> None:
    """Not refused: a device without a battery for its clock begins in 1970."""
    for intent in (RequestChat(at, "o"), Reattach(at, "o")):
        _, out = reduce(new_session(at), intent)
        assert any(isinstance(one, Anomaly) and one.kind == "seconds" for one in out) == is_noticed


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ([1], TypeError),
        (5, TypeError),
        ({1: "x"}, TypeError),
        ({"a": any_}, TypeError),
        ({"a": float("nan")}, ValueError),
        ("no JSON", ValueError),
        ("[1]", TypeError),
    ],
)
def test_parameters_are_what_json_can_say(wrong: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^RequestChat.parameters must "):
        RequestChat(1, "o", wrong)
    with pytest.raises(kind, match=r"^AnswerForm.data must "):
        AnswerForm(1, "r", wrong)


def test_a_kind_of_file_and_a_carryover_are_checked() -> None:
    wrong: Any = "video"
    with pytest.raises(ValueError, match="'type' must be in"):
        SendFile(1, "r", type=wrong)
    with pytest.raises(TypeError, match="'after' must be"):
        RequestChat(1, "o", after=wrong)


def test_subclasses_of_str_become_plain_text() -> None:
    intent = SendText(1, Word.HELLO, key=Key("k"), note=Key("n"))
    assert [type(value) for value in (intent.text, intent.key, intent.note)] == [str, str, str]
    sent = SendEntry(1, Location(Key("1.5"), Key("2.5"))).entry
    assert isinstance(sent, Location)
    assert (type(sent.latitude), sent.latitude) == (str, "1.5")
    session, _ = reduce(new_session(1), RequestChat(1, Key("o"), text=Word.HELLO, key=Key("k")))
    assert restore(snapshot(session)) == session

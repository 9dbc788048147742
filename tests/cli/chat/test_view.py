"""Update as lines: in order, escaped, and nothing of the past twice."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine import (
    CaseChanged,
    ConnectionChanged,
    DeliveryUpdate,
    Finished,
    HistoryGap,
    PhaseChanged,
    Received,
    RosterChanged,
    TypingChanged,
)
from statemachine.cli.chat.view import View
from statemachine.cli.screen import Screen
from statemachine.wire import File, FormShow, Message, PartyJoined, SecureFormShow, TimeoutWarning
from tests.cli.chat.paper import Paper

HOSTILE = "\x1b]0;evil\x07\u202e</b>\r"
ADA = RosterChanged((("PARTY", "internal", "Ada"),))


class Page:
    def __init__(self, *, chatty: bool = False) -> None:
        self.stream = Paper()
        self.view = View(Screen(self.stream), chatty=chatty)

    def lines(self) -> list[str]:
        """What was shown since, without the time of day."""
        shown = self.stream.getvalue().splitlines()
        self.stream.seek(0)
        self.stream.truncate()
        return [" ".join(line[6:].split()) if line[2:3] == ":" else line for line in shown]


@pytest.fixture
def page() -> Page:
    return Page()


def said(text: str, party: str = "PARTY", **more: Any) -> Received:
    return Received(1, 1_000, Message(msg_text=text, party_id=party), **more)


def test_who_says_what(page: Page) -> None:
    for update in (ADA, said("hello"), said("hi", "bot-1"), said("mine", "CHAT", own=True), said("two\nlines")):
        page.view.show(update)
    shown = page.lines()
    assert shown[:4] == ["— Ada is here now", "Ada hello", "bot hi", "you mine"]
    assert shown[4] == "Ada two"
    assert shown[5].strip() == "lines"


def test_who_has_left_keeps_the_name(page: Page) -> None:
    for update in (ADA, RosterChanged(()), said("one more thing")):
        page.view.show(update)
    assert page.lines() == ["— Ada is here now", "— Ada has left", "Ada one more thing"]


@pytest.mark.parametrize(
    "update",
    [
        said(HOSTILE),
        RosterChanged((("P", "internal", HOSTILE),)),
        Received(1, 1, File(HOSTILE, file_name=HOSTILE)),
        Received(1, 1, FormShow("r", HOSTILE)),
        Received(1, 1, TimeoutWarning(HOSTILE)),
        Finished(1, 1, "timed_out", "timed_out", HOSTILE),
        CaseChanged(HOSTILE),
    ],
)
def test_nothing_from_the_wire_reaches_the_terminal_as_it_is(update: Any) -> None:
    page = Page(chatty=True)
    page.view.show(update)
    shown = page.stream.getvalue() + "".join(page.view.status("queued"))
    assert shown
    assert not set(shown) & set("\x1b\x07\u202e\r")


def test_forms_are_announced_in_their_place(page: Page) -> None:
    page.view.show(Received(1, 1, FormShow("r", "survey")))
    page.view.show(Received(2, 1, FormShow("r2")))
    page.view.show(Received(3, 1, SecureFormShow("r3", "payment")))
    shown = page.lines()
    assert "a form, survey: /answer, or /cancel" in shown[0]
    assert "your next text" in shown[1]
    assert "a secure form, payment" in shown[2]


def test_what_becomes_of_a_text(page: Page) -> None:
    page.view.sent("i1", "hello")
    assert page.view.status("queued") == ["queued", "…"]
    page.view.show(DeliveryUpdate(1, 1, "i1", "delivered"))
    assert page.view.status("queued") == ["queued", "✓ delivered"]
    page.lines()
    page.view.show(DeliveryUpdate(2, 1, "i1", "failed", reason="refused", code=5003))
    page.view.show(DeliveryUpdate(3, 1, "not a text", "failed"))
    assert page.lines() == ["— “hello”: the server refused it (5003)"]


def test_a_pipe_sees_every_step() -> None:
    page = Page(chatty=True)
    page.view.sent("i1", "hello")
    updates = [PhaseChanged("queued", 61_000), ADA, TypingChanged(("party",)), DeliveryUpdate(1, 1, "i1", "sent")]
    for one in updates:
        page.view.show(one)
    assert page.lines() == [
        "you hello",
        "— queued, about 1 min 1 s to wait",
        "— Ada is here now",
        "— Ada is typing",
        "— ✓ sent: “hello”",
    ]


def test_how_things_stand(page: Page) -> None:
    page.view.show(PhaseChanged("queued", 30_000))
    assert page.view.status("queued")[1].startswith("about ")
    page.view.show(PhaseChanged("agent_joined"))
    page.view.show(ADA)
    assert page.view.status("agent_joined") == ["agent_joined", "with Ada"]
    page.view.show(TypingChanged(("party",)))
    assert page.view.status("agent_joined") == ["agent_joined", "Ada is typing…"]
    page.view.show(Finished(1, 1, "ended", "ended"))
    assert page.view.status("ended") == ["ended"]


def test_the_connection(page: Page) -> None:
    page.view.show(ConnectionChanged("backing_off", 1, reason="timeout", next_try=1_000))
    page.view.show(ConnectionChanged("backing_off", 1))
    assert page.lines() == []
    page.view.show(ConnectionChanged("backing_off", 2, reason="timeout", next_try=2_000))
    page.view.show(ConnectionChanged("backing_off", 2))
    page.view.show(ConnectionChanged("backing_off", 3, next_try=3_000))
    assert page.view.status("queued") == ["queued", "no connection"]
    page.view.show(ConnectionChanged("polling"))
    assert [line[:16] for line in page.lines()] == ["— no connection;", "— the connection"]
    page.view.show(ConnectionChanged("blocked", 0, 3000))
    assert "no scenario entry with this app id" in page.lines()[0]


def test_a_poll_that_is_still_held_is_no_trouble(page: Page) -> None:
    """It was called a lost connection while it was tried again."""
    for tries in (1, 2, 3):
        page.view.show(ConnectionChanged("backing_off", tries, 5509, "http", 1_000))
        page.view.show(ConnectionChanged("backing_off", tries))
    page.view.show(ConnectionChanged("polling"))
    assert page.lines() == []


@pytest.mark.parametrize("outcome", ["ended", "completed", "failed", "refused", "gave_up", "timed_out", "gone"])
def test_every_end_has_its_words(page: Page, outcome: Any) -> None:
    page.view.show(Finished(1, 1, outcome, outcome, code=3000 if outcome == "refused" else None))
    shown = page.lines()
    assert len(shown) == (2 if outcome == "refused" else 1)


def test_a_gap_is_told(page: Page) -> None:
    page.view.show(HistoryGap(1, 1))
    assert "something may be missing" in page.lines()[0]


def test_the_past_is_shown_once(page: Page) -> None:
    log = [
        PartyJoined("PARTY", "internal", display_name="Ada"),
        Message(msg_text="hello", party_id="PARTY"),
        Message(msg_text="hello", party_id="PARTY"),
        Message(msg_text="mine", party_id="chat-1"),
        File("f", file_name="a.txt", party_id="PARTY"),
    ]
    page.view.recall("CHAT-1", log)
    assert page.lines() == [
        "— earlier in this chat",
        "Ada joins (internal)",
        "Ada hello",
        "Ada hello",
        "you mine",
        "Ada file: a.txt (attachment): /save 1",
        "— now",
    ]
    page.view.show(said("hello"))
    page.view.show(said("hello"))
    page.view.show(said("mine", "chat-1", own=True))
    assert page.lines() == []
    page.view.show(said("hello"))
    assert page.lines() == ["Ada hello"]


def test_an_empty_past_is_not_mentioned(page: Page) -> None:
    page.view.recall("chat", [])
    assert page.lines() == []

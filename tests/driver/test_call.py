"""`call` and `MyStore` of DRIVER.md with `Driver`, in threads: whole chats over HTTP, and what a call answers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from statemachine import (
    AnswerForm,
    AnswerSecureForm,
    Command,
    DeliveryUpdate,
    End,
    Event,
    Failure,
    FormsChanged,
    IllegalIntent,
    Poll,
    Post,
    Reply,
    RequestChat,
    SendFile,
    SendText,
    Upload,
    carry_over,
    new_session,
)
from statemachine.driver import Answer, Driver, SavedStep, ThreadClock
from statemachine.http import Cookies, Endpoint
from statemachine.testing import EmulatedCentre
from statemachine.wire import SecureFormData
from tests.docs.documents import block_with
from tests.driver.world import PAGE

CODE: dict[str, Any] = {"__name__": "page"}
exec(block_with(PAGE, "def call("), CODE)
exec(block_with(PAGE, "class MyStore"), CODE)
call: Callable[..., Reply] = CODE["call"]
FILES, FORMS = {"photo": b"\x89PNG"}, {"card": {"number": "hunter2-secret"}}


def read(kept: dict[str, Any]) -> Callable[[str], Any]:
    def find(ref: str) -> Any:
        if ref not in kept:
            raise FileNotFoundError(ref)
        return kept[ref]

    return find


class Chat:
    """The driver's transport and listener. It answers forms, and ends the chat once all is sent."""

    def __init__(self, endpoint: Endpoint, folder: Path) -> None:
        self.endpoint, self.clock, self.cookies = endpoint, ThreadClock(), Cookies()
        self.expected, self.sent, self.is_over = set[str | None](), set[str | None](), False
        self.parts: Any = {"clock": self.clock, "transport": self, "store": CODE["MyStore"](str(folder / "mine.db"))}
        self.driver = Driver.open("ann", **self.parts, listener=self)
        self.driver.start()

    def run(self, expected: set[str | None], *events: Event) -> None:
        self.expected, self.is_over = expected, False
        for event in events:
            self.driver.feed(event)
        self.clock.run(lambda: self.is_over)

    def soon(self, event: Event) -> None:
        self.clock.call_soon(lambda: self.driver.feed(event))

    def saved(self, step: SavedStep) -> None:
        now = self.clock.now()
        for status in step.statuses:
            for form, name, is_secure in status.forms if isinstance(status, FormsChanged) else ():
                if name:  # one without a name is answered by the next text
                    answer = AnswerSecureForm(now, form, "card", name)
                    self.soon(answer if is_secure else AnswerForm(now, form, {"email": "ann@example.com"}, name))
        self.sent |= {one.key for one in step.transcript if isinstance(one, DeliveryUpdate) and one.state == "sent"}
        if self.expected <= self.sent:
            self.expected = {"nothing more"}
            self.soon(End(now))

    def finished(self) -> None:
        self.is_over = True

    def stopped(self, error: BaseException | None) -> None:
        assert error is None

    def execute(self, command: Command, answer: Answer) -> None:
        def work() -> None:
            reply = call(command, self.endpoint, self.cookies, read(FILES), read(FORMS))
            self.clock.call_soon(lambda: answer(reply))

        Thread(target=work, daemon=True).start()

    def abort(self, command_id: int) -> None: ...


def test_a_chat_with_forms_a_file_and_cookies(tmp_path: Path) -> None:
    with EmulatedCentre("forms", {"pace": 0.02}) as centre:
        chat = Chat(Endpoint(centre.url, "tenant", "app", "WebChat"), tmp_path)
        now = chat.clock.now()
        opening = RequestChat(now, "origin", text="hello", key="hello")
        file = SendFile(now, "photo", "photo.png", "image", key="photo")
        chat.run({"hello", "42", "photo", "contact_form", "payment"}, opening, SendText(now, "42", key="42"), file)
        (seen,) = centre.chats
        kinds = [one.event["event"] for one in seen.log if one.direction == "from_client"]
        assert [text for _, text in seen.texts_received] == ["hello", "42"]
        for kind in ("file", "form_data", "secure_form_data"):
            assert kinds.count(f"chat_session_{kind}") == 1, kind
        assert centre.violations() == []


def test_the_next_chat_under_the_same_name_sends_no_key_again(tmp_path: Path) -> None:
    with EmulatedCentre("plain", {"pace": 0.02}) as centre:
        chat = Chat(Endpoint(centre.url, "tenant", "app", "ann"), tmp_path)
        chat.run({"hello"}, RequestChat(chat.clock.now(), "origin", text="hello", key="hello"))
        ended, now = chat.driver, chat.clock.now()
        assert ended.feed(SendText(now, "hello", key="hello")) is ended.session
        with pytest.raises(IllegalIntent):
            ended.feed(SendText(now, "again", key="again"))

        chat.driver = Driver("ann", new_session(now), ended.version, **chat.parts, listener=chat)
        chat.driver.start()
        opening = RequestChat(now, "other", after=carry_over(ended.session))
        chat.run({"again"}, opening, *(SendText(now, text, key=text) for text in ("hello", "again")))
        assert [[text for _, text in one.texts_received] for one in centre.chats] == [["hello"], ["again"]]
        assert centre.violations() == []


@contextmanager
def server(answer: bytes | None) -> Generator[str]:
    """A server that gives this answer to one request, and closes; None: it never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=_serve, args=(listening, answer))
        if answer is not None:
            thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        if answer is not None:
            thread.join()


def _serve(listening: socket.socket, answer: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(answer)


def answered(command: Command, url: str) -> Reply:
    return call(command, Endpoint(url, "tenant", "app", "ann"), Cookies(), read(FILES), read(FORMS))


@pytest.mark.parametrize(
    ("answer", "timeout", "kind"),
    [
        pytest.param(b"", 10_000, "cut", id="no answer, and closed"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", 10_000, "cut", id="half an answer"),
        pytest.param(None, 50, "timeout", id="no answer"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", 10_000, "http", id="a redirect"),
    ],
)
def test_a_call_that_fails(answer: bytes | None, timeout: int, kind: str) -> None:
    with server(answer) as url:
        reply = answered(Poll(1, timeout, "C"), url)
    assert isinstance(reply, Failure)
    assert reply.kind == kind


@pytest.mark.parametrize(
    "command",
    [Upload(1, 10_000, "o:1", "gone"), Post(1, 10_000, "C", "o:1", SecureFormData("7", "payment", "gone"))],
    ids=["a file", "a secure form"],
)
def test_what_cannot_be_read_is_no_payload(command: Command) -> None:
    assert answered(command, "http://127.0.0.1:9") == Failure("no_payload")


def test_a_request_that_never_left_is_unsent() -> None:
    with server(None) as url:
        pass
    assert answered(Poll(1, 10_000, "C"), url) == Failure("unsent")

"""`call` and `MyStore` of DRIVER.md with `Driver`, in threads: whole chats over HTTP, and what a call answers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from statemachine import (
    AnswerForm,
    AnswerSecureForm,
    Command,
    DeliveryUpdate,
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
from statemachine.emulator.actions import ShowSecureForm
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
    """The driver's transport and listener. It answers each form that has a name."""

    def __init__(self, endpoint: Endpoint, folder: Path) -> None:
        self.endpoint, self.clock, self.cookies = endpoint, ThreadClock(), Cookies()
        self.sent, self.is_over = set[str | None](), False
        self.parts: Any = {"clock": self.clock, "transport": self, "store": CODE["MyStore"](str(folder / "mine.db"))}
        self.driver = Driver.open("ann", **self.parts, listener=self)
        self.driver.start()

    def until_sent(self, *keys: str) -> None:
        self.clock.run(lambda: self.sent.issuperset(keys))

    def until_over(self) -> None:
        self.clock.run(lambda: self.is_over)

    def saved(self, step: SavedStep) -> None:
        self.sent |= {one.key for one in step.transcript if isinstance(one, DeliveryUpdate) and one.state == "sent"}
        for status in step.statuses:
            for form, name, is_secure in status.forms if isinstance(status, FormsChanged) else ():
                self.clock.call_soon(partial(self.answer, form, name, is_secure))

    def answer(self, form: str, name: str, is_secure: bool) -> None:
        now, data = self.clock.now(), {"email": "ann@example.com"}
        secure, plain = AnswerSecureForm(now, form, "card", name), AnswerForm(now, form, data, name)
        self.driver.feed(secure if is_secure else plain)

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
    with EmulatedCentre() as centre:
        chat = Chat(Endpoint(centre.url, "tenant", "app", "WebChat"), tmp_path)
        now, agent = chat.clock.now(), centre.agent("Ada")
        chat.driver.feed(RequestChat(now, "origin", text="hello", key="hello"))
        chat.driver.feed(SendFile(now, "photo", "photo.png", "image", key="photo"))
        chat.until_sent("hello", "photo")
        centre.call(agent.accept())
        centre.call(agent.show_form("contact"))
        centre.call(agent.act(ShowSecureForm("payment")))
        chat.until_sent("contact", "payment")
        centre.call(agent.end())
        chat.until_over()
        (seen,) = centre.chats
        kinds = [one.event["event"] for one in seen.log if one.direction == "from_client"]
        assert [text for _, text in seen.texts_received] == ["hello"]
        for kind in ("file", "form_data", "secure_form_data"):
            assert kinds.count(f"chat_session_{kind}") == 1, kind
        assert centre.violations() == []


def test_the_next_chat_under_the_same_name_sends_no_key_again(tmp_path: Path) -> None:
    with EmulatedCentre() as centre:
        chat, agent = Chat(Endpoint(centre.url, "tenant", "app", "ann"), tmp_path), centre.agent("Ada")
        chat.driver.feed(RequestChat(chat.clock.now(), "origin", text="hello", key="hello"))
        chat.until_sent("hello")
        centre.call(agent.accept())
        centre.call(agent.end())
        chat.until_over()
        ended, now = chat.driver, chat.clock.now()
        assert ended.feed(SendText(now, "hello", key="hello")) is ended.session
        with pytest.raises(IllegalIntent):
            ended.feed(SendText(now, "again", key="again"))

        chat.driver = Driver("ann", new_session(now), ended.version, **chat.parts, listener=chat)
        chat.driver.start()
        chat.driver.feed(RequestChat(now, "other", after=carry_over(ended.session)))
        for text in ("hello", "again"):
            chat.driver.feed(SendText(now, text, key=text))
        chat.until_sent("again")
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

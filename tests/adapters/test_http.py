"""The HTTP transport: what it sends, and what it makes of everything that can come back, or not."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from attrs import evolve
from structlog.testing import capture_logs

from statemachine import (
    ChatOpened,
    Command,
    CreateChat,
    EventBatch,
    Failure,
    FileUploaded,
    FindChat,
    HistoryLog,
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    Reply,
    Upload,
)
from statemachine.adapters import http, http_client
from statemachine.adapters.http import HttpTransport
from statemachine.adapters.http_client import ConnectionPool
from statemachine.codec import lenient
from statemachine.codec.http import Endpoint
from statemachine.wire import Message, SecureFormData, Typing
from tests.adapters.wire_server import Heard, WireServer

pytestmark = pytest.mark.asyncio

FILES: dict[str, bytes | Path] = {"small": b"PDF \x00\xff", "gone": Path("/nowhere/at/all")}
VALUES: dict[str, Mapping[str, object]] = {"card": {"number": "4111"}}
POLL = Poll(1, 9_000, "chat")
HELLO = Post(2, 9_000, "chat", "o:1", Message(msg_id="o:1", msg_text="secret words"))


class Caller:
    """A transport to one address, with a plain way to ask."""

    def __init__(self, pool: ConnectionPool, url: str) -> None:
        endpoint = Endpoint(url, "tenant.example", "app", "client")
        self.transport = HttpTransport(
            pool, endpoint, open_file=lambda ref: (FILES[ref], None), form_values=VALUES.__getitem__
        )

    async def __aenter__(self) -> Caller:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.transport.close()

    async def ask(self, command: Command) -> Reply:
        """The reply; that of a failure without its `detail`."""
        reply = await self.answer(command)
        return evolve(reply, detail="") if isinstance(reply, Failure) else reply

    async def answer(self, command: Command) -> Reply:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.transport.execute(command, future.set_result)
        async with asyncio.timeout(10):
            return await future

    async def detail(self, command: Command) -> str:
        """The words of a failure."""
        failure = await self.answer(command)
        assert isinstance(failure, Failure)
        return failure.detail


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[ConnectionPool]:
    async with ConnectionPool() as pool:
        yield pool


@pytest_asyncio.fixture
async def server() -> AsyncIterator[WireServer]:
    async with WireServer() as server:
        yield server


@pytest_asyncio.fixture
async def caller(pool: ConnectionPool, server: WireServer) -> AsyncIterator[Caller]:
    caller = Caller(pool, server.url)
    async with caller:
        yield caller


def reply_with(server: WireServer, status: int, body: object = b"", *headers: str) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    server.behave = lambda heard: heard.reply(status, data, *headers)


# --- what is sent, and read back ---


@pytest.mark.parametrize(
    ("command", "line_start", "reply", "read"),
    [
        (
            CreateChat(1, 9_000),
            "POST /clientweb/api/v2/chats?",
            {"chat_id": "c", "state": "ivr"},
            ChatOpened("c", "ivr"),
        ),
        (FindChat(1, 9_000), "GET /clientweb/api/v2/chats/active?", {"chat_id": "c"}, ChatOpened("c")),
        (POLL, "GET /clientweb/api/v2/chats/chat/events?", {"events": []}, EventBatch()),
        (ReadHistory(1, 9_000, "c/1"), "GET /clientweb/api/v2/chats/c%2F1/history?", {"events": []}, HistoryLog()),
        (HELLO, "POST /clientweb/api/v2/chats/chat/events?", b"", EventBatch()),
        (PostEphemeral(1, 9_000, "chat", Typing()), "POST /clientweb/api/v2/chats/chat/events?", b"", EventBatch()),
        (
            Upload(1, 9_000, "o:1", "small", "a.pdf"),
            "POST /clientweb/api/v2/files?",
            {"file_id": "f"},
            FileUploaded("f"),
        ),
    ],
)
async def test_every_command_is_sent_and_its_answer_read(
    caller: Caller, server: WireServer, command: Command, line_start: str, reply: object, read: Reply
) -> None:
    reply_with(server, 200, reply)
    assert await caller.ask(command) == read
    (heard,) = server.heard
    assert heard.line.startswith(line_start)
    assert "tenantUrl=tenant.example" in heard.line
    assert heard.headers["authorization"] == 'MOBILE-API-140-327-PLAIN appId="app", clientId="client"'
    assert heard.headers["user-agent"] == "MobileClient"
    assert heard.headers["cache-control"] == "no-cache"


async def test_no_two_reads_have_the_same_address(caller: Caller, server: WireServer) -> None:
    for _ in range(3):
        await caller.ask(POLL)
    assert len({heard.line for heard in server.heard}) == 3


async def test_the_endpoint_may_be_replaced(caller: Caller, server: WireServer) -> None:
    caller.transport.endpoint = Endpoint(server.url, "other.example", "app2", "client")
    await caller.ask(POLL)
    assert "tenantUrl=other.example" in server.heard[0].line
    assert 'appId="app2"' in server.heard[0].headers["authorization"]


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (404, {"error_code": "5005", "error_message": "x"}, Failure("http", 404, 5005)),
        (502, b"<html>Bad Gateway</html>", Failure("http", 502)),
        (200, b"<html>log in first</html>", Failure("unreadable", 200)),
    ],
)
async def test_errors_of_server_and_proxy(
    caller: Caller, server: WireServer, status: int, body: object, failure: Failure
) -> None:
    reply_with(server, status, body)
    assert await caller.ask(POLL) == failure


async def test_retry_after_is_read(caller: Caller, server: WireServer) -> None:
    reply_with(server, 429, {"error_code": 5509}, "Retry-After: 7")
    assert await caller.ask(POLL) == Failure("http", 429, 5509, 7_000)


# --- unsent: the server certainly never had it ---


async def test_no_server_at_the_port_is_reported(pool: ConnectionPool) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        caller = Caller(pool, f"http://127.0.0.1:{free.getsockname()[1]}")
        async with caller:
            with capture_logs() as logs:
                assert await caller.ask(HELLO) == Failure("unsent")
    assert [(log["event"], log["call"], log["kind"]) for log in logs] == [("call_failed", "Post", "unsent")]
    assert logs[0]["reason"].startswith("127.0.0.1:")
    assert logs[0]["reason"].endswith("refused")


async def test_no_such_host(pool: ConnectionPool) -> None:
    caller = Caller(pool, "http://no-such-host.invalid")
    async with caller:
        assert await caller.ask(POLL) == Failure("unsent")


async def test_no_tls_there() -> None:
    async with WireServer() as server, ConnectionPool(timedelta(milliseconds=50)) as pool:
        caller = Caller(pool, server.url.replace("http:", "https:"))
        async with caller:
            assert await caller.ask(POLL) == Failure("unsent")
        assert server.heard == []


async def test_a_connection_that_never_comes_about() -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    pool = ConnectionPool(timedelta(milliseconds=50))
    async with await asyncio.start_server(stall, "127.0.0.1", 0) as stalling, pool:
        caller = Caller(pool, f"https://127.0.0.1:{stalling.sockets[0].getsockname()[1]}")
        async with caller:
            assert await caller.ask(Post(1, 9_000, "chat", "o:1", Message(msg_text="x"))) == Failure("unsent")


# --- the reason, in words ---


def raw(head: str, body: bytes = b"", *more: str) -> Callable[[Heard], None]:
    """Answer with these bytes, then close the connection."""

    def behave(heard: Heard) -> None:
        lines = [head, *more, "", ""]
        heard.writer.write("\r\n".join(lines).encode("latin-1") + body)
        heard.writer.close()

    return behave


OK = "HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (raw(OK, b"{}", "X-Policy: " + "x" * 70_000, "Content-Length: 2"), "a response header is larger than 64 KB"),
        (raw(OK, b"{}", "Content-Length: 2", "Content-Length: 2"), "not correct HTTP: Duplicate Content-Length"),
        (raw(OK, b"{}", "Content-Length: 2", "Content-Length: 3"), "not correct HTTP: Duplicate Content-Length"),
        (raw(OK, b"{}", "Content-Length: abc"), "not correct HTTP: Invalid character in Content-Length"),
        (raw(OK, b"", "Content-Length: 2", "Transfer-Encoding: chunked"), "not correct HTTP: Transfer-Encoding"),
        (raw(OK, b"zz\r\n", "Transfer-Encoding: chunked"), "not correct HTTP: Invalid character in chunk size"),
        (raw(OK, b"{}", "X secret: 1", "Content-Length: 2"), "not correct HTTP: Invalid header token"),
        (raw(OK, b"{}", "X-Bad: secret\0", "Content-Length: 2"), "not correct HTTP: Invalid HTTP header"),
        (raw(OK, b"{}", "Content-Encoding: gzip", "Content-Length: 2"), "the answer cannot be unpacked"),
        (raw("SSH-2.0-OpenSSH_9 secret"), "the answer is not HTTP"),
        (raw("220 secret mail server"), "the answer is not HTTP"),
        (raw("\x15\x03\x01\x00\x02\x02\x46"), "the answer is not HTTP"),
        (raw("<html>secret</html>"), "the answer is not HTTP"),
        (raw(OK, b"{", "Content-Length: 20"), "the connection was closed within the answer"),
        (raw(OK, b"5\r\n{", "Transfer-Encoding: chunked"), "the connection was closed within the answer"),
        (lambda heard: heard.writer.close(), "the connection was closed before an answer"),
        (Heard.cut, "the connection"),
    ],
)
async def test_the_reason_of_a_cut_is_said_in_words(
    caller: Caller, server: WireServer, behave: Callable[[Heard], None], words: str
) -> None:
    server.behave = behave
    with capture_logs() as logs:
        failure = await caller.answer(POLL)
    assert isinstance(failure, Failure)
    assert failure.kind == "cut"
    assert words in failure.detail
    assert "secret" not in repr((failure, logs))
    assert [(log["event"], log["reason"]) for log in logs] == [("call_failed", failure.detail)]
    assert not logs[0]["error"].startswith("_")


@pytest.mark.parametrize("size", [9_000, 60_000])
async def test_headers_up_to_64_kilobytes_are_read(caller: Caller, server: WireServer, size: int) -> None:
    reply_with(server, 200, {"events": []}, "Content-Security-Policy: " + "x" * size)
    assert await caller.ask(POLL) == EventBatch()
    reply_with(server, 200, {"events": []}, "Set-Cookie: s=" + "x" * size)
    assert await caller.ask(POLL) == EventBatch()


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (302, ["Location: https://me:secret@portal.example.com/login?id=secret"], "to https://portal.example.com"),
        (307, ["Location: /login?id=secret"], "HTTP status 307"),
        (302, ["Location: https://[secret"], "HTTP status 302"),
        (503, [], "HTTP status 503"),
    ],
)
async def test_an_error_answer_is_said_in_words(
    caller: Caller, server: WireServer, status: int, headers: list[str], words: str
) -> None:
    reply_with(server, status, b"", *headers)
    detail = await caller.detail(CreateChat(1, 9_000))
    assert words in detail
    assert "secret" not in detail


async def test_the_remedy_follows_the_reason(pool: ConnectionPool, server: WireServer) -> None:
    reply_with(server, 200, b"<html>Sign in</html>")
    endpoint = Endpoint(server.url, "tenant.example", "app", "client")
    transport = HttpTransport(
        pool,
        endpoint,
        open_file=lambda ref: (b"", None),
        form_values=VALUES.__getitem__,
        remedy=lambda failure, cause, url: f"look at {url}",
    )
    future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    with capture_logs() as logs:
        transport.execute(CreateChat(1, 9_000), future.set_result)
        failure = await future
    await transport.close()
    assert isinstance(failure, Failure)
    assert failure.detail == f"the answer is not from the chat API (HTTP status 200): look at {server.url}"
    assert logs[0]["reason"] == failure.detail


# --- timeout and cut: the server may have had it ---


async def test_no_answer_in_time(caller: Caller, server: WireServer) -> None:
    server.behave = lambda _: asyncio.sleep(60)
    assert await caller.ask(Post(1, 1_000, "chat", "o:1", Message(msg_text="x"))) == Failure("timeout")
    assert len(server.heard) == 1


async def test_an_answer_that_only_drips(caller: Caller, server: WireServer) -> None:
    async def drip(heard: Heard) -> None:
        heard.writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n")
        while True:
            heard.writer.write(b" ")
            await asyncio.sleep(0.01)

    server.behave = drip
    assert await caller.ask(Poll(1, 1_000, "chat")) == Failure("timeout")


async def test_the_answer_never_begins(caller: Caller, server: WireServer) -> None:
    server.behave = Heard.cut
    with capture_logs() as logs:
        assert await caller.ask(HELLO) == Failure("cut")
    assert "secret" not in repr(logs)
    assert "client" not in repr(logs)


async def test_the_answer_breaks_off(caller: Caller, server: WireServer) -> None:
    def begin(heard: Heard) -> None:
        heard.writer.write(b'HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n{"events": [')
        heard.writer.close()

    server.behave = begin
    assert await caller.ask(POLL) == Failure("cut")


async def test_the_answer_is_no_http(caller: Caller, server: WireServer) -> None:
    def babble(heard: Heard) -> None:
        heard.writer.write(b"220 secret mail server ready\r\n\r\n")
        heard.writer.close()

    server.behave = babble
    with capture_logs() as logs:
        assert await caller.ask(POLL) == Failure("cut")
    assert "mail" not in repr(logs)


@pytest.mark.parametrize("command", [POLL, HELLO])
async def test_f12_a_kept_connection_that_breaks_repeats_nothing(
    caller: Caller, server: WireServer, command: Command
) -> None:
    await caller.ask(FindChat(9, 9_000))
    server.behave = Heard.cut
    assert await caller.ask(command) == Failure("cut")
    assert len(server.heard) == 2


async def test_an_error_in_this_package_is_logged_and_answered(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_reply(*_: object, **__: object) -> Reply:
        raise RuntimeError("a bug")

    monkeypatch.setattr(http, "read_reply", read_reply)
    with capture_logs() as logs:
        assert await caller.ask(POLL) == Failure("cut")
    assert [(log["event"], log["error"]) for log in logs] == [("call_crashed", "RuntimeError")]


# --- limits and identity ---


async def test_a_redirect_is_not_followed(caller: Caller, server: WireServer) -> None:
    async with WireServer() as elsewhere:
        reply_with(server, 302, b"", f"Location: {elsewhere.url}/")
        assert await caller.ask(POLL) == Failure("http", 302)
        assert elsewhere.heard == []


async def test_a_body_beyond_the_limit_is_refused_unread(
    caller: Caller, server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "MAX_ANSWER", 1_000)
    monkeypatch.setattr(lenient, "MAX_ANSWER", 1_000)

    async def flood(heard: Heard) -> None:
        heard.writer.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            heard.writer.write(b"400\r\n" + b"x" * 1_024 + b"\r\n")
            await heard.writer.drain()
            await asyncio.sleep(0)

    server.behave = flood
    assert await caller.ask(POLL) == Failure("unreadable", 200)
    await server.until_closed()


async def test_each_session_has_cookies_of_its_own(pool: ConnectionPool, server: WireServer) -> None:
    count = 0

    def name(heard: Heard) -> None:
        nonlocal count
        count += 1
        heard.reply(200, b"", *([] if "cookie" in heard.headers else [f"Set-Cookie: visitor={count}; Path=/"]))

    server.behave = name
    callers = [Caller(pool, server.url) for _ in range(2)]
    for _ in range(2):
        for caller in callers:
            await caller.ask(POLL)
    assert [heard.headers.get("cookie") for heard in server.heard] == [None, None, "visitor=1", "visitor=2"]
    for caller in callers:
        async with caller:
            pass


async def test_f4_no_poll_waits_for_another(caller: Caller, server: WireServer) -> None:
    server.behave = lambda _: asyncio.sleep(60)
    for number in range(150):
        caller.transport.execute(Poll(number, 9_000, f"chat-{number}"), lambda _: None)
    await server.until(150)


# --- what the engine knows by name only ---


async def test_files_are_uploaded_from_memory_and_disk(caller: Caller, server: WireServer, tmp_path: Path) -> None:
    reply_with(server, 200, {"file_id": "f", "file_name": "x"})
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(range(256)) * 4_000)
    FILES["big"] = big
    assert await caller.ask(Upload(1, 5_000, "o:1", "small", 'Größe "A".pdf')) == FileUploaded("f", "x")
    assert await caller.ask(Upload(2, 5_000, "o:2", "big", "")) == FileUploaded("f", "x")
    first, second = server.heard
    assert first.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert 'name="file"; filename="Größe \\"A\\".pdf"'.encode() in first.body
    assert b"PDF \x00\xff" in first.body
    assert big.read_bytes() in second.body


async def test_a_file_name_breaks_out_of_nothing(caller: Caller, server: WireServer) -> None:
    reply_with(server, 200, {"file_id": "f"})
    await caller.ask(Upload(1, 9_000, "o:1", "small", "a\r\nX-Evil: 1\ud800.pdf"))
    assert b"\r\nX-Evil" not in server.heard[0].body


async def test_bytes_that_this_process_does_not_have_are_no_payload(caller: Caller, server: WireServer) -> None:
    assert await caller.ask(Upload(1, 9_000, "o:1", "lost", "a.pdf")) == Failure("no_payload")
    assert "does not have" in await caller.detail(Upload(2, 9_000, "o:1", "lost", "a.pdf"))
    assert server.heard == []


def _gone(folder: Path) -> Path:
    return folder / "ann-smith.pdf"


def _folder(folder: Path) -> Path:
    (folder / "ann-smith").mkdir()
    return folder / "ann-smith"


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "ann-smith")
    return folder / "ann-smith"


def _socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "ann-smith"))
    return folder / "ann-smith"


def _circle(folder: Path) -> Path:
    (folder / "ann-smith").symlink_to(folder / "ann-smith")
    return folder / "ann-smith"


def _below_a_file(folder: Path) -> Path:
    (folder / "ann-smith").write_bytes(b"x")
    return folder / "ann-smith" / "a.pdf"


@pytest.mark.skipif(sys.platform != "linux", reason="its kinds of files")
@pytest.mark.parametrize(
    "make",
    [
        _gone,
        _folder,
        _pipe,
        _socket,
        _circle,
        _below_a_file,
        lambda folder: folder / ("x" * 300),
        lambda folder: folder / "nul\0",
        lambda _: Path("/dev/zero"),
        lambda _: Path("/dev/tty"),
        lambda _: Path("/proc/self/mem"),
        lambda _: Path("/proc/self/status"),
    ],
)
async def test_what_is_no_readable_file_is_no_payload_at_once(
    caller: Caller, server: WireServer, tmp_path: Path, make: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FILES, "odd", make(tmp_path))
    with capture_logs() as logs:
        async with asyncio.timeout(30):
            assert await caller.ask(Upload(1, 9_000, "o:1", "odd", "a.pdf")) == Failure("no_payload")
    (line,) = logs
    assert (line["kind"], line["reason"].startswith("the file cannot be read: ")) == ("no_payload", True)
    assert "ann-smith" not in repr(logs)  # paths may hold customers' names


async def test_a_file_without_permission_is_no_payload(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "a").chmod(0)
    monkeypatch.setitem(FILES, "odd", tmp_path / "a")
    assert await caller.ask(Upload(1, 9_000, "o:1", "odd", "a.pdf")) == Failure("no_payload")


async def test_a_file_that_becomes_shorter_while_it_is_sent_is_no_payload(
    pool: ConnectionPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 20_000_000)

    async def cut_short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        os.truncate(file, 10)
        while await reader.read(100_000):
            pass
        writer.close()

    monkeypatch.setitem(FILES, "odd", file)
    server = await asyncio.start_server(cut_short, "127.0.0.1", 0)
    async with server, Caller(pool, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as caller:
        detail = await caller.detail(Upload(1, 9_000, "o:1", "odd", "a"))
        assert detail == "the file cannot be read: it is shorter than it was, or than its size says"


async def test_a_file_that_grows_is_sent_as_long_as_it_was(
    caller: Caller, server: WireServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 3_000_000)
    reply_with(server, 200, {"file_id": "f"})
    monkeypatch.setitem(FILES, "odd", file)

    async def grow() -> None:
        with file.open("ab") as writing:
            while True:
                writing.write(b"y" * 100_000)
                writing.flush()
                await asyncio.sleep(0.001)

    growing = asyncio.create_task(grow())
    assert await caller.ask(Upload(1, 9_000, "o:1", "odd", "a")) == FileUploaded("f")
    growing.cancel()
    assert server.heard[0].body.count(b"x") >= 3_000_000


async def test_secure_values_go_on_the_wire(caller: Caller, server: WireServer) -> None:
    assert await caller.ask(Post(1, 9_000, "chat", "o:1", SecureFormData("form", "pay", "card"))) == EventBatch()
    (event,) = json.loads(server.heard[0].body)["events"]
    assert "4111" in json.dumps(event)


async def test_secure_values_that_are_no_longer_there_are_no_payload(caller: Caller, server: WireServer) -> None:
    post = Post(1, 9_000, "chat", "o:1", SecureFormData("form", "pay", "lost"))
    assert await caller.ask(post) == Failure("no_payload")
    assert server.heard == []


# --- abort and close ---


async def test_abort_closes_the_connection_and_gives_no_answer(caller: Caller, server: WireServer) -> None:
    server.behave = lambda _: None
    answers: list[Reply] = []
    caller.transport.execute(Poll(7, 5_000, "chat"), answers.append)
    await server.until(1)
    caller.transport.abort(7)
    caller.transport.abort(99)
    await server.until_closed()
    assert answers == []


async def test_closing_cancels_calls_in_flight(pool: ConnectionPool, server: WireServer) -> None:
    server.behave = lambda _: asyncio.sleep(60)
    caller = Caller(pool, server.url)
    answers: list[Reply] = []
    async with caller:
        caller.transport.execute(HELLO, answers.append)
        await server.until(1)
    assert answers == []


async def test_without_aiohttp_the_extra_is_named() -> None:
    code = "import sys; sys.modules['aiohttp'] = None; import statemachine.adapters.http"
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert 'pip install "chat-session-statemachine[http]"' in done.stderr

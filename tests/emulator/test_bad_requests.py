"""Requests that are no valid HTTP: an answer, one line in the log, and a server that goes on."""

from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.emulator.http import Emulator

SECRET = 'appId="a", clientId="SECRET"'
VALID = (
    "POST /clientweb/api/v2/chats?tenantUrl=x HTTP/1.1\r\n"
    "Host: 127.0.0.1\r\n"
    f"Authorization: MOBILE-API-140-327-PLAIN {SECRET}\r\n"
    "Connection: close\r\n"
    "Content-Length: 2\r\n\r\n{}"
).encode()

INVALID = {
    "NUL in a value": VALID.replace(b"SECRET", b"SEC\0RET"),
    "NUL in a name": VALID.replace(b"Host", b"Ho\0st"),
    "no Host": VALID.replace(b"Host: 127.0.0.1\r\n", b""),
    "a long value": VALID.replace(b"SECRET", b"SECRET" * 3_000),
    "a long URL": VALID.replace(b"tenantUrl=x", b"tenantUrl=SECRET" + b"x" * 20_000),
    "two lengths": VALID.replace(b"Connection: close", b"Content-Length: 3"),
    "a length that is no number": VALID.replace(b"Length: 2", b"Length: two"),
    "a chunk of no size": VALID.replace(b"Content-Length: 2\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n"),
    "a body that is no gzip": VALID.replace(b"Connection: close", b"Content-Encoding: gzip"),
    "a URL without an end": VALID.replace(b"/clientweb", b"http://[::1"),
    "bytes in the URL": VALID.replace(b"/clientweb", b"/\xe4\xff"),
    "an unknown version": VALID.replace(b"HTTP/1.1", b"HTTP/9.9"),
    "no HTTP": b"HELLO\r\n\r\n",
    "TLS": bytes([22, 3, 1, 0, 80, 1, 0, 0, 76, 3, 3]) + bytes(range(70)),
}


async def answer(emulator: Emulator, request: bytes, timeout_s: float = 30.0) -> bytes:
    """The first line of the answer; empty where the emulator waits for the rest of the request."""
    _, _, port = emulator.url.rpartition(":")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    writer.write(request)
    try:
        async with asyncio.timeout(timeout_s):
            return await reader.readline()
    except (ConnectionResetError, TimeoutError):
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("request_bytes", INVALID.values(), ids=INVALID.keys())
async def test_an_invalid_request_is_answered_and_logged_in_one_line(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with Emulator("silent") as emulator:
        assert (await answer(emulator, request_bytes)).startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
        assert (await answer(emulator, VALID)).startswith(b"HTTP/1.1 200 ")
        assert len(emulator.centre.chats) == 1
    for record in caplog.records:
        assert record.levelno == logging.WARNING
        assert record.exc_info is None
        assert "\n" not in record.getMessage()
        assert "SECRET" not in record.getMessage()


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, len(VALID) - 1), st.binary(max_size=3), st.integers(0, 3)), min_size=1, max_size=4
    )
)
def test_no_change_of_a_request_writes_a_traceback(changes: list[tuple[int, bytes, int]]) -> None:
    request = VALID
    for place, put_in, left_out in changes:
        request = request[:place] + put_in + request[place + left_out :]
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]

    async def ask() -> None:
        async with Emulator("silent") as emulator:
            await answer(emulator, request, timeout_s=0.2)
            assert (await answer(emulator, VALID)).startswith(b"HTTP/1.1 200 ")

    logging.getLogger().addHandler(handler)
    try:
        asyncio.run(ask())
    finally:
        logging.getLogger().removeHandler(handler)
    assert [record.exc_info for record in records if record.exc_info] == []

"""The limits in SECURITY.md: each at its value, above it, and far above it; and the table is true."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from statemachine import Answered, EventBatch, Failure, HistoryLog, Poll, ReadHistory, core, wire
from statemachine.adapters import driver, inflate
from statemachine.client import centre, metrics
from statemachine.codec import body as codec_body
from statemachine.codec import wire as codec_wire
from statemachine.codec.http import read_reply
from statemachine.core import draft
from statemachine.emulator import traffic, uploads
from statemachine.emulator.errors import ApiError
from statemachine.emulator.knobs import Knobs
from statemachine.emulator.model import Centre
from statemachine.emulator.wire import HttpRequest
from statemachine.engine.serve import MAX_DIGITS, Server
from statemachine.logs import Logger
from statemachine.records import Config

SECURITY = Path(__file__).parent.parent / "SECURITY.md"
POLL, HISTORY = Poll(1, 1, "chat"), ReadHistory(1, 1, "chat")
MESSAGE = '{"event":"chat_session_message","msg":"honest","msg_id":"1"}'


def reply(events: str, command: Any = POLL) -> Any:
    return read_reply(command, 200, {}, f'{{"events":[{events}]}}'.encode(), redirected=False)


def messages(number: int) -> str:
    return ",".join(f'{{"event":"chat_session_message","msg":"x","msg_id":"{n}"}}' for n in range(number))


def json_bytes(number: int) -> bool:
    spaces = b" " * (number - len(MESSAGE) - 2)
    read = read_reply(POLL, 200, {}, b"[" + MESSAGE.encode() + spaces + b"]", redirected=False)
    return isinstance(read, EventBatch) and len(read.entries) == 1


async def unpacked(body: bytes, *, encoding: str = "gzip", limited: bool = True) -> tuple[int, bool]:
    async def chunks() -> AsyncIterator[bytes]:
        yield body

    size = 0
    try:
        async for piece in inflate.inflated(chunks(), encoding, limited=limited):
            size += len(piece)
    except inflate.ExpandedTooFar:
        return size, True
    return size, False


def nesting(number: int) -> bool:
    """One level is that of the members beside the entry's own."""
    value = "[" * (number - 1) + "]" * (number - 1)
    (entry,) = reply(f'{{"event":"chat_session_message","msg":"x","more":{value}}}').entries
    return isinstance(entry, wire.Message)


def entries(number: int) -> bool:
    first, last = reply(messages(number)), reply(messages(number), HISTORY)
    limit = codec_wire.MAX_ENTRIES
    assert isinstance(last, HistoryLog)
    assert len(first.entries) == len(last.entries) == min(number, limit)
    assert (first.entries[0].msg_id, last.entries[-1].msg_id) == ("0", str(number - 1))
    left_out = f"{number - limit} entries beyond {limit}" if number > limit else ""
    assert first.repaired == last.repaired == left_out
    return not left_out


def malformed(number: int) -> bool:
    limit = codec_wire.MAX_MALFORMED
    for junk in ("0", "{}", "[]", '{"event":7}'):
        read = reply(",".join([*[junk] * number, MESSAGE]))
        assert len(read.entries) == min(number, limit) + 1
        assert read.entries[-1] == wire.Message(msg_id="1", msg="honest")
        assert read.repaired == (f"{number - limit} more malformed entries" if number > limit else "")
    return number <= limit


def log_lines(number: int) -> bool:
    log = driver.chat_log("chat")
    with capture_logs() as lines:
        for n in range(number):
            log.warning("call_failed", n=n)
        log.error("driver_stopped")
    assert len(lines) == min(number, driver.LOG_LINES) + 1
    assert lines[-1]["event"] == "driver_stopped"
    return len(lines) == number + 1


def labels(number: int) -> bool:
    found = {
        metrics.outcome_of(Answered(0, 1, Failure("http", status, code)))
        for code in range(number)
        for status in (200, 299, 999 + code)
    }
    found |= {metrics.outcome_of(Answered(0, 1, Failure("http", 600 + code, None))) for code in range(number)}
    return len(found) <= len(core.CODES) + len(metrics._STATUSES) + 2


def chats(number: int) -> bool:
    kept = 40
    centre_ = Centre(Knobs(chats_kept=kept), "plain")
    for n in range(number):
        header = ("Authorization", f'MOBILE-API-140-327-PLAIN appId="app", clientId="c{n}"')
        path = "/clientweb/api/v2/chats"
        centre_.request(n, n, HttpRequest("POST", path, (("tenantUrl", "t"),), (header,), b"{}"))
    assert len(centre_.chats) <= kept
    assert [chat.key.client_id for chat in centre_.chats.values()][-1] == f"c{number - 1}"
    return len(centre_.chats) == number


def exchanges(number: int) -> bool:
    kept = traffic.Traffic()
    for n in range(number):
        kept.received(n, n, HttpRequest("GET", "/", (), (), b""))
        kept.keep([n])
    return len(kept.kept) == number


def is_uploaded(content_type: str, body: bytes) -> bool:
    try:
        return uploads.uploaded_file(content_type, body).content == b"x"
    except ApiError:
        return False


def parts(number: int) -> bool:
    part = b'--b\r\nContent-Disposition: form-data; name="n"; filename="f"\r\n\r\nx\r\n'
    return is_uploaded("multipart/form-data; boundary=b", part * number + b"--b--\r\n")


def parameters(number: int) -> bool:
    more = "; a=1" * (number - 1)
    body = b'--b\r\nContent-Disposition: form-data; filename="f"%s\r\n\r\nx\r\n--b--\r\n'
    whole = is_uploaded("multipart/form-data; boundary=b" + more, body % b"")
    part = is_uploaded("multipart/form-data; boundary=b", body % more.encode())
    assert whole == part
    return whole


def digits(number: int) -> bool:
    return "error" not in Server().answer('{"op":"hello","seq":' + "9" * number + "}")


def anomalies(number: int) -> bool:
    from tests.core.play import chatting

    play = chatting()
    play.poll(*(wire.Unknown(f"x{n}", "{}") for n in range(number)))
    return "more_anomalies" not in play.odd()


LIMITS: dict[str, tuple[object, Callable[[int], bool] | None]] = {
    "bytes of JSON in one answer": (codec_body.MAX_ANSWER, json_bytes),
    "bytes that one byte on the wire becomes": (inflate.MAX_EXPANSION, None),
    "levels of nesting": (codec_body.MAX_DEPTH, nesting),
    "entries of one answer": (codec_wire.MAX_ENTRIES, entries),
    "malformed entries of one answer": (codec_wire.MAX_MALFORMED, malformed),
    "anomalies that one step reports one by one": (draft.ANOMALIES, anomalies),
    "entries that are folded at once": (driver.LONG, None),
    "log lines of a chat in a minute": (driver.LOG_LINES, log_lines),
    "instant polls with something new in a row": (Config().brake_new_after, None),
    "values of the label `outcome` of calls": ("known codes and statuses", labels),
    "seconds for a download": (int(centre.DOWNLOAD_WITHIN / timedelta(seconds=1)), None),
    "chats of the emulator": (Knobs().chats_kept, None),
    "exchanges that the emulator keeps for its verdicts": (traffic.KEPT, exchanges),
    "parts of an upload to the emulator": (uploads.MAX_PARTS, parts),
    "parameters of its headers": (uploads.MAX_PARAMETERS, parameters),
    "digits of a number to the engine process": (MAX_DIGITS, digits),
}
"""Name in the table -> its value, and whether so many are within the limit; None: tested below or beside the module."""

NUMBERED = [name for name, (limit, check) in LIMITS.items() if check and isinstance(limit, int)]


@pytest.mark.source_tree
def test_the_table_in_security_md_is_true() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \| .+ \|$", SECURITY.read_text("utf-8"), re.MULTILINE)[1:]
    assert dict(rows) == {name: str(limit) for name, (limit, _) in LIMITS.items()}


@pytest.mark.parametrize("name", NUMBERED)
def test_each_limit_holds_at_its_value_above_it_and_far_above_it(name: str) -> None:
    limit, is_within = LIMITS[name]
    assert isinstance(limit, int)
    assert is_within
    far = 2 if limit >= 1_000 else 20
    assert [is_within(number) for number in (limit, limit + 1, far * limit)] == [True, False, False]


@pytest.mark.parametrize("number", [100, 1_000, 20_000])
def test_the_labels_of_metrics_are_limited(number: int) -> None:
    assert labels(number)


@pytest.mark.parametrize("kept", [40])
def test_the_chats_of_the_emulator_are_limited(kept: int) -> None:
    assert [chats(number) for number in (kept, kept + 1, 20 * kept)] == [True, False, False]


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
async def test_unpacking_is_limited(pack: Callable[[bytes], bytes]) -> None:
    encoding = "gzip" if pack is gzip.compress else "deflate"
    for size in (1_000, inflate.MAX_UNPACKED):
        assert await unpacked(pack(b" " * size), encoding=encoding) == (size, False)
    for size in (inflate.MAX_UNPACKED + 1, 100 * inflate.MAX_UNPACKED):
        body = pack(b" " * size)
        most = max(inflate.MAX_UNPACKED, inflate.MAX_EXPANSION * len(body))
        assert await unpacked(body, encoding=encoding) == (min(size, most), True)
        assert await unpacked(body, encoding=encoding, limited=False) == (size, False)


async def test_an_encoding_that_was_not_asked_for_is_not_unpacked() -> None:
    assert await unpacked(b"abc", encoding="br") == (3, False)


def test_lines_that_are_left_out_are_counted_in_the_next_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("statemachine.logs.time.monotonic", lambda: now)
    log = Logger(3, session="s")
    with capture_logs() as lines:
        for n in range(10):
            log.warning("odd", n=n)
        now += 60
        log.warning("odd", n=10)
    assert [(line["event"], line.get("n"), line.get("count")) for line in lines] == [
        ("odd", 0, None), ("odd", 1, None), ("odd", 2, None), ("log_lines_left_out", None, 7), ("odd", 10, None),
    ]  # fmt: skip

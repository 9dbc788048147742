"""Which form a file has, and what it holds."""

import base64
import gzip
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from statemachine.codec.body import MAX_BODY
from statemachine.core.wire import Malformed, Message, Status, Unknown
from statemachine.replay import BadCapture, play, read_capture, report
from statemachine.replay.capture import ServerEvents
from statemachine.replay.report import counts
from tests.replay.hars import CHAT, Har, said, status, whole

QUEUED = json.dumps(status("queued")).encode()
CONTAINER = b'{"events": [' + QUEUED + b"]}"


def parts(data: bytes) -> list[object]:
    return list(read_capture([("file", data)]).parts)


def form(data: bytes) -> str:
    return read_capture([("file", data)]).forms[0]


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (CONTAINER, "container"),
        (QUEUED, "container"),
        (b"[" + QUEUED + b"," + CONTAINER + b"]", "container"),
        (b'{"events": []}', "container"),
        (b'{"events": null}', "container"),
        (CONTAINER + b"\n" + CONTAINER + b"\n", "JSON lines"),
        (QUEUED + b"\n" + QUEUED, "JSON lines"),
        (QUEUED + b"\r\n\r\n" + CONTAINER + b"\r\n", "JSON lines"),
        (whole().data(), "HAR"),
        (b'{"trace":1,"product":"x","session":null}', "trace"),
    ],
)
def test_each_form_is_recognised(data: bytes, named: str) -> None:
    assert form(data) == named
    assert form(b"\xef\xbb\xbf" + data) == named
    assert form(gzip.compress(data)) == named
    assert form(data.decode().encode("utf-16")) == named


def test_events_by_themselves_are_told_from_containers() -> None:
    assert parts(QUEUED + b"\n" + CONTAINER) == [
        ServerEvents((Status("queued"),), single=True),
        ServerEvents((Status("queued"),)),
    ]


def test_a_line_that_cannot_be_read_is_an_entry_that_cannot_be_read() -> None:
    first, cut, odd = parts(QUEUED + b'\n{"events": [{"event": "chat_se\n[3, 4]')
    assert first == ServerEvents((Status("queued"),), single=True)
    for part, line in ((cut, "line 2"), (odd, "line 3")):
        assert isinstance(part, ServerEvents)
        (entry,) = part.entries
        assert isinstance(entry, Malformed)
        assert entry.problem.startswith(line)


def test_bytes_that_are_no_text_spoil_one_line_only() -> None:
    _, spoilt, last = parts(QUEUED + b"\n\xff\xfe\n" + QUEUED)
    assert isinstance(spoilt, ServerEvents)
    assert spoilt.entries == (Malformed("line 2: not UTF-8"),)
    assert last == ServerEvents((Status("queued"),), single=True)


def test_an_entry_of_a_name_from_elsewhere_is_unknown() -> None:
    (part,) = parts(b'{"event": "login", "user": "x"}')
    assert isinstance(part, ServerEvents)
    assert isinstance(part.entries[0], Unknown)


def test_the_chat_id_is_found_in_a_har_and_beside_the_events() -> None:
    assert read_capture([("file", whole().data())]).chat_id == CHAT
    assert read_capture([("a", CONTAINER), ("b", b'{"chat_id": "c-1", "events": []}')]).chat_id == "c-1"


def test_several_files_are_one_capture_in_order() -> None:
    capture = read_capture([("a", QUEUED), ("b", whole().data()), ("c", CONTAINER)])
    assert capture.forms == ("container", "HAR", "container")
    assert capture.parts[0] == ServerEvents((Status("queued"),), single=True)
    assert capture.parts[-1] == ServerEvents((Status("queued"),))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \r\n", "empty"),
        (b"hello", "not JSON"),
        (b"root:x:0:0\nbin:x:1:1\n", "not JSON"),
        (b"\x7fELF\x02\x01\x01\x00\x80\xff", "not UTF-8"),
        (b"{}", "not a capture"),
        (b"[]", "not a capture"),
        (b"[1, 2]", "not a capture"),
        (b"null", "not a capture"),
        (b'"events"', "not a capture"),
        (b'{"log": {}}', "not a capture"),
        (b'{"log": {"entries": []}}', "without a call"),
        (b'{"log": {"entries": [null, {"request": {"url": "http://x:y/"}}]}}', "without a call"),
        (b'{"event": {"type": "tick"}, "phase": "idle", "commands": [], "news": []}\n{"x": 1}', "first line"),
        (b'{"trace": 99, "product": "x"}', "written by a newer version"),
        (b"[" * 5_000, "nested too deep"),
        (gzip.compress(b" " * (MAX_BODY + 1), 1), "larger than 50 MB"),
    ],
)
def test_a_file_of_no_known_form_is_refused_in_one_line(data: bytes, reason: str) -> None:
    with pytest.raises(BadCapture) as caught:
        read_capture([("some.file", data)])
    assert str(caught.value).startswith("some.file: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_trace_whose_last_line_was_cut_is_read_up_to_there() -> None:
    head = b'{"trace":1,"product":"x","session":null}\n'
    lines = head + b'{"event":{"type":"tick","at":1},"phase":"idle","commands":[],"news":[]}\n'
    assert len(parts(lines)) == 2
    assert len(parts(lines + b'{"event":{"type":"ti')) == 3


def test_a_trace_that_is_damaged_in_the_middle_is_refused() -> None:
    with pytest.raises(BadCapture, match="line 2"):
        parts(b'{"trace":1,"product":"x","session":null}\n{"event":{"type":"tick"\n{"x":1}\n')


def test_a_body_is_found_packed_or_not() -> None:
    for packed in (False, True):
        (call,) = read_capture([("x", Har().poll(0, said("hi", "0"), packed=packed).data())]).parts
        assert isinstance(call.reply.entries[0], Message)  # type: ignore[union-attr]


def own_fields(entry: dict[str, Any]) -> None:
    posted, content = entry["request"].get("postData"), entry["response"]["content"]
    for one in (posted, content):
        if one and one["text"] and one.get("encoding") != "base64":
            one["_textBase64"] = base64.b64encode(one.pop("text").encode()).decode()
    entry["startedDateTime"] = datetime.fromisoformat(entry["startedDateTime"]).timestamp() * 1_000


def fake_base64(entry: dict[str, Any]) -> None:
    for one in (entry["request"].get("postData"), entry["response"]["content"]):
        if one:
            one["encoding"] = "Base64"


def form_fields(entry: dict[str, Any]) -> None:
    if posted := entry["request"].get("postData"):
        posted["params"] = [{"name": posted.pop("text"), "value": ""}]


@pytest.mark.parametrize("write", [own_fields, fake_base64, form_fields])
def test_a_har_file_of_any_exporter_is_the_same_chat(write: Callable[[dict[str, Any]], None]) -> None:
    har = whole()
    expected = report(play(read_capture([("f", har.data())])))
    for entry in har.entries:
        write(entry)
    assert report(play(read_capture([("f", har.data())]))) == expected
    assert expected["unread"] == 0


def test_requests_that_the_file_does_not_hold_are_named_and_counted() -> None:
    har = whole()
    for entry in har.entries:
        if "postData" in entry["request"]:
            entry["request"]["postData"] = {"mimeType": "application/json"}
    replay = play(read_capture([("f", har.data())]))
    assert replay.unread == 5
    assert "5 calls of which the file does not show everything" in counts(replay)
    said = [note for row in replay.rows for note in row.notes]
    assert said.count("the request cannot be read: the file does not hold it") == 5

"""HAR files of many exporters: the same calls, or a named reason."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.codec.har import HarBody, HarCall, is_har, read_har_calls, unpacked, unreadable_part

EVENTS = {"events": [{"event": "chat_session_message", "msg": "Good morning ~~ÿ?> 🙂", "msg_id": "1"}]}
TEXT = json.dumps(EVENTS)
RAW = json.dumps(EVENTS, ensure_ascii=False).encode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


FORMS: dict[str, dict[str, Any]] = {
    "text": {"text": TEXT},
    "an object": {"text": EVENTS},
    "base64": {"text": b64(RAW), "encoding": "base64"},
    "Base64": {"text": b64(RAW), "encoding": "Base64"},
    "BASE-64": {"text": b64(RAW), "encoding": " BASE-64 "},
    "b64": {"text": b64(RAW), "encoding": "b64"},
    "no word of base64": {"text": b64(RAW)},
    "url-safe": {"text": base64.urlsafe_b64encode(RAW).decode(), "encoding": "base64"},
    "without padding": {"text": b64(RAW).rstrip("="), "encoding": "base64"},
    "in lines with spaces": {"text": "\r\n ".join(re.findall(".{1,40}", b64(RAW))), "encoding": "base64"},
    "in lines": {"text": base64.encodebytes(RAW).decode(), "encoding": "base64"},
    "a data URL": {"text": f"data:application/json;base64,{b64(RAW)}", "encoding": "base64"},
    "a guard": {"text": ")]}',\n" + TEXT},
    "a guard in base64": {"text": b64(b")]}'\n" + RAW)},
    "a guard that loops": {"text": f"for (;;);{TEXT}"},
    "falsely marked": {"text": TEXT, "encoding": "base64"},
    "gzip": {"text": b64(gzip.compress(RAW)), "encoding": "base64"},
    "deflate": {"text": b64(zlib.compress(RAW)), "encoding": "base64"},
    "_textBase64": {"mimeType": "application/json", "_textBase64": b64(RAW)},
    "_textBase64 beside an empty text": {"text": "", "_textBase64": b64(RAW)},
    "_content": {"params": [], "_content": {"text": TEXT, "size": len(TEXT)}},
    "_content in base64": {"_content": {"text": b64(RAW), "encoding": "base64"}},
    "params": {"params": [{"name": TEXT, "value": ""}]},
    "params, encoded": {"params": [{"name": TEXT.replace(" ", "+").replace('"', "%22"), "value": ""}]},
    "params, split": {"params": [{"name": '{"events":[{"msg":"a', "value": 'b"}]}'}]},
}


def entry(content: dict[str, Any], posted: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    request = {"method": "POST", "url": "https://x.example/clientweb/api/v2/chats/1/events"}
    if posted is not None:
        request["postData"] = posted  # type: ignore[assignment]
    response = {"status": 200, "content": content}
    return {"startedDateTime": "2026-03-01T09:00:00.000Z", "time": 5, "request": request, "response": response, **more}


def one(found: dict[str, Any]) -> HarCall:
    (call,) = read_har_calls({"log": {"entries": [found]}})
    return call


@pytest.mark.parametrize("form", FORMS)
def test_a_body_in_any_form(form: str) -> None:
    expected = {"events": [{"msg": "a=b"}]} if form == "params, split" else EVENTS
    call = one(entry(FORMS[form], FORMS[form]))
    for body in (call.request, call.response):
        assert body.problem == ""
        assert json.loads(body.data) == expected


@pytest.mark.parametrize("content", [{}, {"text": None}, {"size": 77}, {"size": 77, "text": ""}, {"mimeType": "x"}])
def test_a_missing_body_is_named(content: dict[str, Any]) -> None:
    call = one(entry(content, {"mimeType": "application/json"}))
    assert call.response == HarBody(problem="the file does not hold it")
    assert call.request == HarBody(problem="the file does not hold it")


def test_a_request_without_any_word_of_its_body() -> None:
    assert one(entry({"text": ""})).request.problem
    nothing = entry({"text": ""})
    nothing["request"]["bodySize"] = 0
    assert one(nothing).request == HarBody()
    assert one(entry({"text": ""}, {"text": ""})).request == HarBody()


def test_an_empty_body_is_no_missing_one() -> None:
    for content in ({"size": 0}, {"text": ""}, {"size": 0, "text": ""}):
        assert one(entry(content)).response == HarBody()
    silent = entry({})
    silent["response"]["status"] = 204
    assert one(silent).response == HarBody()


@pytest.mark.parametrize("status", [None, "200 OK", [], True, "nan"])
def test_a_status_that_cannot_be_read_is_named(status: object) -> None:
    found = entry({"text": TEXT})
    found["response"]["status"] = status
    call = one(found)
    assert (call.status, call.response) == (0, HarBody(problem="the file does not say how it was answered"))
    del found["response"]
    assert one(found).response == call.response


def test_no_answer_is_no_missing_one() -> None:
    for status in (0, "0", -1):
        found = entry({})
        found["response"]["status"] = status
        assert (one(found).status, one(found).response) == (0, HarBody())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (RAW, ""),
        (b"[]", ""),
        (RAW.replace(b"morning", b"mor\x01\xe9ning"), ""),
        (RAW[:-20], "it is cut off or broken"),
        (b"[123, 34]", "it is cut off or broken"),
        (json.dumps(TEXT).encode(), "no JSON object"),
        (b"%7B%22", "not JSON (character 0)"),
        (b"", "empty"),
    ],
)
def test_a_body_that_cannot_be_read_as_a_whole_is_named(body: bytes, words: str) -> None:
    assert unreadable_part(body, ()) == words


@pytest.mark.parametrize("headers", [None, 5, [["Cache-Control", "no-cache"]], [{}], [{"name": "", "value": "x"}]])
def test_headers_that_cannot_be_read_are_none(headers: object) -> None:
    found = entry({})
    found["request"]["headers"] = headers
    assert one(found).request_headers == ()


def test_a_compression_that_cannot_be_undone_is_named() -> None:
    found = entry({"text": b64(b"\x8b\x07\x80garbage"), "encoding": "base64"})
    found["response"]["headers"] = [{"name": "content-encoding", "value": "br"}]
    assert one(found).response == HarBody(problem="it is recorded as it was compressed (br)")


def test_words_in_base64_letters_stay_words() -> None:
    assert one(entry({"text": "Not Found"})).response.data == b"Not Found"
    assert one(entry({"text": "OK==", "encoding": "utf-8"})).response.data == b"OK=="
    assert one(entry({"text": "<html>", "encoding": "base64"})).response.data == b"<html>"
    assert one(entry({"text": "null", "encoding": "base64"})).response.data == b"null"


@given(st.binary(max_size=200))
def test_any_bytes_marked_as_base64_are_read_back(data: bytes) -> None:
    body = one(entry({"text": b64(b"{" + data), "encoding": "base64"})).response
    assert body == HarBody(b"{" + data)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T09:00:00.250Z",
        "2026-03-01T10:00:00.250+01:00",
        "2026-03-01T10:00:00.250+0100",
        "2026-03-01 09:00:00.250",
        "2026-03-01T09:00:00.2500000Z",
        1772355600250,
        1772355600.25,
        "1772355600250",
        "1772355600.25",
        1772355600250000,
        1772355600250000000,
    ],
)
def test_dates(value: object) -> None:
    call = one(entry({"text": ""}, startedDateTime=value))
    assert (call.at, call.end, call.timed) == (1_772_355_600_250, 1_772_355_600_255, True)


def test_a_date_of_mail() -> None:
    assert one(entry({}, startedDateTime="Sun, 01 Mar 2026 09:00:00 GMT")).at == 1_772_355_600_000


@pytest.mark.parametrize("value", [None, "", "soon", -5, True, float("inf"), 1e300, {}, "1" * 5_000, "Sun, 99 Mar"])
def test_a_date_that_cannot_be_read_is_that_of_the_call_before(value: object) -> None:
    calls = read_har_calls({"log": {"entries": [entry({}), entry({}, startedDateTime=value)]}})
    assert [call.timed for call in calls] == [True, False]
    assert calls[0].at == calls[1].at


@pytest.mark.parametrize(
    ("more", "took"),
    [
        ({"time": "12.4"}, 12),
        ({"time": -1, "timings": {"wait": 5, "receive": 2.2, "ssl": 100, "dns": -1, "send": None}}, 7),
        ({"time": None}, 0),
        ({"time": 1e12}, 0),
    ],
)
def test_durations(more: dict[str, Any], took: int) -> None:
    call = one(entry({}, **more))
    assert call.end - call.at == took


def test_headers_status_and_query_in_other_shapes() -> None:
    found = entry({})
    found["response"]["status"] = "404"
    found["response"]["headers"] = {"Retry-After": "7"}
    found["request"]["queryString"] = [{"name": "tenantUrl", "value": "a b"}]
    call = one(found)
    assert (call.status, call.response_headers) == (404, (("Retry-After", "7"),))
    assert call.url.endswith("?tenantUrl=a+b")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    "request response content postData text encoding size status url method headers params name value "
                    "startedDateTime time timings _content _textBase64 bodySize queryString".split()
                )
                | st.text(max_size=3),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_any_entry_is_read(value: object) -> None:
    (call,) = read_har_calls({"log": {"entries": [value]}})
    assert call.at <= call.end
    assert not (call.request.data and call.request.problem)
    assert call.path is not None


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress, lambda data: data.decode().encode("utf-16")])
def test_files_are_unpacked(pack: Callable[[bytes], bytes]) -> None:
    assert unpacked(pack(TEXT.encode())) == TEXT.encode()


@pytest.mark.parametrize("value", [None, [], {}, {"log": {}}, {"log": {"entries": "no"}}, {"log": []}])
def test_what_is_no_har(value: object) -> None:
    assert not is_har(value)

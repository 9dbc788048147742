"""Commands as requests and answers as replies, without a socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import HTTP
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.codec.http import Endpoint, HttpRequest, read_reply, to_http, upload_body
from statemachine.core.commands import (
    COMMANDS,
    READS,
    Command,
    CreateChat,
    FindChat,
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    Upload,
)
from statemachine.core.events import ChatOpened, EventBatch, Failure, FileUploaded, HistoryLog, Reply
from statemachine.core.wire import Message, SecureFormData, SessionEnded, Typing
from tests.codec.strategies import HOSTILE_BYTES, records

ENDPOINT = Endpoint("https://chat.example.com", "tenant.example.com", "app 1", "client-1")
POLL = Poll(4, 30_000, "c-1")
CREATE = CreateChat(1, 10_000, '{"name":"Олена"}', "+380", None)
POST = Post(6, 10_000, "c-1", "o:1", Message("o:1", msg_text="a<b"))
UPLOAD = Upload(8, 120_000, "o:2", "disk/5", "résumé.pdf")


# --- the endpoint ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client_id", ["", " ", "\t\n"])
def test_f29_an_empty_client_id_is_refused_with_the_reason(client_id: str) -> None:
    with pytest.raises(ValueError, match="client_id is empty: all visitors would share one chat"):
        Endpoint("https://x.example", "", "app", client_id)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"app_id": " "}, "app_id is empty"),
        ({"client_id": "a\\"}, "client_id: this value cannot be written"),
        ({"client_id": 'a"b'}, "client_id: this value cannot be written"),
        ({"app_id": "a", "client_id": "a,b", "quoted": False}, "client_id: this value cannot be written"),
        ({"app_id": "a", "client_id": "a b", "quoted": False}, "client_id: this value cannot be written"),
        ({"client_id": "a\r\nX: y"}, "client_id: only printable ASCII"),
        ({"app_id": "é"}, "app_id: only printable ASCII"),
        ({"user_agent": "a\nb"}, "user_agent: only printable ASCII"),
        ({"url": "chat.example.com"}, "url: this is no address"),
        ({"url": "ftp://chat.example.com"}, "url: this is no address"),
        ({"url": "https://[::1"}, "url: this is no address"),
        ({"url": "https://x:99999"}, "url: this is no address"),
        ({"url": "https://"}, "url: this is no address"),
        ({"url": "https://me:secret@x.example"}, "url: only scheme, host, port and path"),
        ({"url": "https://x.example/?a=1"}, "url: only scheme, host, port and path"),
        ({"url": "https://x.example/#a"}, "url: only scheme, host, port and path"),
        ({"url": "https://x.example/ü"}, "url: only printable ASCII"),
        ({"api": "v3"}, "api: 'v3' is not known"),
        ({"tenant": "t\ud800"}, "tenant: half of a surrogate pair"),
    ],
)
def test_an_endpoint_that_cannot_work_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        attrs.evolve(ENDPOINT, **change)


def test_who_comes_is_a_secret() -> None:
    request = to_http(POST, ENDPOINT)
    for shown in (repr(ENDPOINT), repr(request)):
        assert "app 1" not in shown
        assert "client-1" not in shown
    assert "a<b" not in repr(request)


def test_authorization_in_both_forms() -> None:
    assert ENDPOINT.authorization == 'MOBILE-API-140-327-PLAIN appId="app 1", clientId="client-1"'
    bare = attrs.evolve(ENDPOINT, app_id="app", quoted=False)
    assert bare.authorization == "MOBILE-API-140-327-PLAIN appId=app, clientId=client-1"


# --- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "method", "path", "body"),
    [
        (CREATE, "POST", "chats", {"phone_number": "+380", "parameters": {"name": "Олена"}}),
        (CreateChat(1, 1, "{}", None, "me"), "POST", "chats", {"from": "me", "parameters": {}}),
        (FindChat(2, 1), "GET", "chats/active", None),
        (POLL, "GET", "chats/c-1/events", None),
        (ReadHistory(5, 1, "c-1"), "GET", "chats/c-1/history", None),
        (
            POST,
            "POST",
            "chats/c-1/events",
            {"events": [{"event": "chat_session_message", "msg": "a&lt;b", "msg_id": "o:1", "msg_text": "a<b"}]},
        ),
        (
            PostEphemeral(7, 1, "c-1", Typing()),
            "POST",
            "chats/c-1/events",
            {"events": [{"event": "chat_session_typing"}]},
        ),
        (UPLOAD, "POST", "files", None),
    ],
)
def test_each_command_has_its_request(command: Command, method: str, path: str, body: object) -> None:
    request = to_http(command, ENDPOINT, nonce="n-1")
    assert (request.method, request.base, request.path) == (method, ENDPOINT.url, f"/clientweb/api/v2/{path}")
    assert request.timeout == command.timeout
    headers = dict(request.headers)
    assert headers.pop("Authorization") == ENDPOINT.authorization
    assert headers.pop("User-Agent") == "MobileClient"
    assert headers.pop("Accept") == "application/json"
    assert headers.pop("Cache-Control") == "no-cache"
    if body is None:
        assert (request.body, headers) == (None, {})
    else:
        assert request.body is not None
        assert json.loads(request.body) == body
        assert headers == {"Content-Type": "application/json; charset=utf-8"}


def test_the_examples_hold_every_command() -> None:
    assert {CreateChat, FindChat, Poll, ReadHistory, Post, PostEphemeral, Upload} == set(COMMANDS)


def test_an_upload_names_its_bytes_and_leaves_the_form_to_the_transport() -> None:
    request = to_http(UPLOAD, ENDPOINT)
    assert (request.upload_ref, request.upload_name) == ("disk/5", "résumé.pdf")
    assert (to_http(POLL, ENDPOINT).upload_ref, to_http(POLL, ENDPOINT).upload_name) == (None, "")


def test_f34_only_reads_carry_a_nonce_and_all_forbid_caching() -> None:
    for command in (CREATE, FindChat(2, 1), POLL, ReadHistory(5, 1, "c"), POST, UPLOAD):
        request = to_http(command, ENDPOINT, nonce="77")
        assert (("nonce", "77") in request.query) == (type(command) in READS)
        assert ("Cache-Control", "no-cache") in request.headers
    assert to_http(POLL, ENDPOINT).query == (("tenantUrl", "tenant.example.com"),)


def test_the_url_is_encoded_once_and_whole() -> None:
    endpoint = Endpoint("https://h.example:9443/base/", "https://tenant/ü&x", "a", "c", api="v1")
    request = to_http(Poll(1, 1, "../a b/?#%ü\ud800"), endpoint, nonce="1")
    assert request.url == (
        "https://h.example:9443/base/clientweb/api/v1/chats/..%2Fa%20b%2F%3F%23%25%C3%BC%EF%BF%BD/events"
        "?tenantUrl=https%3A%2F%2Ftenant%2F%C3%BC%26x&nonce=1"
    )
    assert to_http(POLL, attrs.evolve(ENDPOINT, tenant="")).url == (
        "https://chat.example.com/clientweb/api/v2/chats/c-1/events"
    )


def test_secure_values_come_from_beside_or_nothing_is_sent() -> None:
    post = Post(6, 1, "c-1", "o:3", SecureFormData("8", "card", "vault/1"))
    with pytest.raises(ValueError, match="not at hand"):
        to_http(post, ENDPOINT)
    request = to_http(post, ENDPOINT, secret={"pan": "hunter2"})
    assert b'"data":{"pan":"hunter2"}' in (request.body or b"")
    assert "hunter2" not in repr(request)


def test_a_lone_surrogate_can_be_sent() -> None:
    request = to_http(Post(1, 1, "c", "o:1", Message(msg_text="a\ud800")), ENDPOINT)
    assert json.loads(request.body or b"")["events"][0]["msg_text"] == "a\ufffd"


@given(records(Command))
def test_any_command_has_a_request(command: Command) -> None:
    request = to_http(command, ENDPOINT, nonce="1", secret={})
    assert isinstance(request, HttpRequest)
    assert request.url.isascii()
    if request.body is not None:
        json.loads(request.body)


# --- answers ----------------------------------------------------------------------------------------------------------


def answer(command: Command, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_reply(command, status, headers or {}, data, redirected=False)


ENDED = {"event": "chat_session_ended"}


@pytest.mark.parametrize(
    ("command", "body", "reply"),
    [
        (
            CREATE,
            {"chat_id": "C", "state": "ivr", "ewt": "30", "is_new_chat": True},
            ChatOpened("C", "ivr", 30_000, True),
        ),
        (
            CREATE,
            {"chat_id": "C", "state": "queued", "ewt": "", "is_new_chat": "false"},
            ChatOpened("C", "queued", None, False),
        ),
        (CREATE, {"chat_id": "C", "ewt": 5, "phone_number": "+380"}, ChatOpened("C", "", 5_000, None, "+380")),
        (
            CREATE,
            {"chat_id": "C", "state": 1, "ewt": {}, "is_new_chat": "maybe", "phone_number": []},
            ChatOpened("C", "1"),
        ),
        (FindChat(2, 1), {"chat_id": 17, "state": "hibernating"}, ChatOpened("17", "hibernating")),
        (POLL, {"events": [ENDED]}, EventBatch((SessionEnded(),))),
        (POLL, [ENDED], EventBatch((SessionEnded(),))),
        (ReadHistory(5, 1, "c"), {"events": [ENDED]}, HistoryLog((SessionEnded(),))),
        (POST, {"events": [ENDED]}, EventBatch((SessionEnded(),))),
        (POST, {"error_code": 0, "error_message": ""}, EventBatch()),
        (POST, {"error_code": None, "error_message": None}, EventBatch()),
        (UPLOAD, {"file_id": "F", "file_name": "n"}, FileUploaded("F", "n")),
        (UPLOAD, {"file_id": 5}, FileUploaded("5")),
    ],
)
def test_a_success_is_read_in_every_form(command: Command, body: object, reply: Reply) -> None:
    assert answer(command, body) == reply


@pytest.mark.parametrize("command", [POLL, ReadHistory(5, 1, "c"), POST, PostEphemeral(7, 1, "c", Typing())])
@pytest.mark.parametrize("body", [b"", b" \n", b"null", b"{}", b"[]", b'{"events":[]}', b'{"events":null}'])
def test_f10_nothing_new_in_every_form(command: Command, body: bytes) -> None:
    nothing = HistoryLog() if isinstance(command, ReadHistory) else EventBatch()
    assert answer(command, body) == nothing
    assert answer(command, b"", 204) == nothing


def test_f10_code_5511_is_told_by_its_code() -> None:
    for status in (200, 400, 404, 500):
        assert answer(POLL, {"error_code": "5511"}, status) == Failure("http", status, 5511)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error_code": "5005", "error_message": "gone"}, 5005),
        ({"error_code": 5005}, 5005),
        ({"error_code": "406"}, 406),
        ({"error_code": "E_GONE"}, None),
        ({"error_code": [5005]}, None),
        ({"error_message": "no code"}, None),
        ({"error_code": 5005, "events": []}, 5005),
    ],
)
def test_f24_an_error_body_is_an_error_whatever_the_status(body: object, code: int | None) -> None:
    for status in (200, 404):
        assert answer(POLL, body, status) == Failure("http", status, code)


@pytest.mark.parametrize(
    "body", [b"<html>502</html>", b"", b"null", b"[]", b"{}", b"\xff", b"17", b'{"error_code":""}']
)
def test_f24_then_the_status_counts(body: bytes) -> None:
    for status in (100, 301, 304, 401, 403, 404, 429, 500, 502, 503):
        assert answer(POLL, body, status) == Failure("http", status)


@pytest.mark.parametrize("body", [b"<html>log in to this network</html>", b"17", b'"ok"', b"\xff", b'{"events":5}'])
def test_f24_then_the_body(body: bytes) -> None:
    assert answer(POLL, body) == Failure("unreadable", 200)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"chat_id":""}', b'{"chat_id":".."}', b'{"chat_id":{}}', b"5"])
def test_an_opened_chat_needs_an_id_that_can_be_used(body: bytes) -> None:
    assert answer(CREATE, body) == Failure("unreadable", 200)
    assert answer(UPLOAD, body) == Failure("unreadable", 200)


NOW = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("headers", "retry_after"),
    [
        ({"Retry-After": "120"}, 120_000),
        ({"retry-after": " 1.5 "}, 1_500),
        ({"RETRY-AFTER": "0"}, 0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:50:37 GMT", "Date": NOW}, 60_000),
        ({"Retry-After": "Sun, 06 Nov 1994 08:50:37 -0000", "Date": NOW}, 60_000),
        ({"Retry-After": "Sun, 06 Nov 1994 08:00:00 GMT", "Date": NOW}, 0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:50:37 GMT"}, None),
        ({"Retry-After": "Sun, 06 Nov 1994 08:50:37 GMT", "Date": "today"}, None),
        ({"Retry-After": "soon", "Date": NOW}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "9" * 5_000}, None),
        ({"Retry-After": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(headers: dict[str, str], retry_after: int | None) -> None:
    assert answer(POLL, b"", 503, headers) == Failure("http", 503, None, retry_after)


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>Log in</html>", b'{"chat_id": "C"}'])
def test_an_answer_after_a_redirect_is_a_failure_whatever_it_says(body: bytes) -> None:
    for command in (POLL, POST, CREATE, UPLOAD, ReadHistory(1, 10, "C")):
        reply = read_reply(command, 200, {}, body, redirected=True)
        assert isinstance(reply, Failure)
        assert reply.kind == "http"


@given(st.binary(max_size=50), st.text(max_size=20))
def test_a_form_with_a_file_reads_back(content: bytes, name: str) -> None:
    content_type, body = upload_body(to_http(Upload(1, 10, "m", "ref", name), ENDPOINT), content)
    read = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body, policy=HTTP)
    assert isinstance(read, EmailMessage)
    (part,) = read.iter_parts()
    assert part.get_param("name", header="content-disposition") == "file"
    # Between the part's own empty line and the boundary, the bytes are the file's, whatever they are.
    assert body.split(b"\r\n\r\n", 1)[1].rpartition(b"\r\n--")[0] == content
    assert body.count(b"filename=") == 1


_HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Date", "X"]), st.text() | st.sampled_from([NOW, "5", "1 Jan 9999 99:99:99 +9999"])
)


@given(st.sampled_from(COMMANDS).flatmap(records), st.sampled_from([200, 204, 302, 404, 500]), _HEADERS, HOSTILE_BYTES)
def test_f24_any_answer_gives_a_reply(command: Command, status: int, headers: dict[str, str], body: bytes) -> None:
    reply = read_reply(command, status, headers, body, redirected=False)
    assert isinstance(reply, get_args(Reply))
    if not 200 <= status < 300:
        assert isinstance(reply, Failure)
        assert reply.status == status

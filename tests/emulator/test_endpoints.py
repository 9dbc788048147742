"""The endpoints row by row: protocol.md 1.2 and 1.3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.emulator import Fault, HttpRequest
from statemachine.emulator import actions as do
from statemachine.emulator.wire import HttpResponse
from tests.emulator.driver import Driver, authorization, message, names


def multipart(
    content: bytes, name: str = "photo.png", part: str = "file", kind: str = "image/png"
) -> tuple[dict[str, str], bytes]:
    head = f'--xyz\r\nContent-Disposition: form-data; name="{part}"; filename="{name}"\r\n'
    body = head.encode() + f"Content-Type: {kind}\r\n\r\n".encode() + content + b"\r\n--xyz--\r\n"
    return {"Content-Type": "multipart/form-data; boundary=xyz"}, body


def test_version_is_v2_only() -> None:
    driver = Driver()
    assert "Stable" in driver.get("version")["server_version"]
    assert driver.call("GET", "version", version=1).status == 404


@pytest.mark.parametrize(("style", "ewt"), [("string", "30"), ("number", 30), ("empty", ""), ("absent", None)])
def test_availability_with_every_style_of_waiting_time(style: str, ewt: object) -> None:
    assert Driver(ewt_style=style).get("availability").get("ewt") == ewt


def test_unavailable() -> None:
    driver = Driver(available=False, accepts_chats=False)
    assert driver.get("availability") == {"chat": "notAvailable"}
    assert driver.error("POST", "chats", {}) == (503, "5001")


def test_parameters_ice_servers_and_configuration() -> None:
    driver = Driver()
    assert {"first_name": "FIRST_NAME"} in driver.get("parameters")["parameters"]
    assert "url" in driver.get("iceservers")["servers"][0]
    (widget,) = driver.get("configuration")["widgets"]
    assert widget["definition"]["secure_forms"][0]["form_id"] == "payment"


@pytest.mark.parametrize("version", [1, 2])
def test_create_then_the_same_session_again(version: int) -> None:
    driver = Driver(version=version, initial_state="queued")
    first = driver.post("chats", {"phone_number": "1", "parameters": {"name": "x"}})
    again = driver.post("chats", {})
    assert first == {
        "chat_id": first["chat_id"],
        "state": "queued",
        "ewt": "",
        "phone_number": "1",
        "is_new_chat": "true" if version == 1 else True,
    }
    assert again["chat_id"] == first["chat_id"]
    assert again["is_new_chat"] == ("false" if version == 1 else False)


def test_a_new_session_after_the_end() -> None:
    driver = Driver().open()
    first = driver.chat_id
    driver.act(do.EndChat())
    assert driver.open().chat_id != first


def test_the_ended_session_is_given_once_more_by_the_knob() -> None:
    driver = Driver(stale_create=True).open()
    driver.act(do.EndChat())
    driver.poll()
    stale = driver.post("chats", {})
    assert (stale["chat_id"], stale["is_new_chat"]) == (driver.chat_id, False)
    assert driver.error("GET", f"chats/{driver.chat_id}/events") == (404, "5005")
    assert driver.post("chats", {})["is_new_chat"] is True
    assert driver.rules == []


def test_an_initial_message_counts_as_sent() -> None:
    driver = Driver()
    driver.chat_id = driver.post("chats", {"initial_message": message("first", "1")})["chat_id"]
    assert driver.chat.texts_received == [("1", "first")]


def test_active_chat() -> None:
    driver = Driver()
    assert driver.error("GET", "chats/active") == (404, "5005")
    driver.open()
    assert driver.get("chats/active") == {"chat_id": driver.chat_id, "state": "ivr"}
    driver.act(do.Fail())
    assert driver.error("GET", "chats/active") == (404, "5005")


def test_send_answers_v2_with_an_empty_body() -> None:
    driver = Driver().open()
    assert driver.send(message("hello", "1")) is None
    assert driver.chat.texts_received == [("1", "hello")]


@pytest.mark.parametrize(("mode", "reply", "by_poll"), [("none", 0, 1), ("take", 1, 0), ("copy", 1, 1)])
def test_send_answers_v1_with_new_events(mode: str, reply: int, by_poll: int) -> None:
    driver = Driver(version=1, v1_reply_events=mode).open()
    driver.act(do.Say("hello"))
    assert len(driver.send(message("hi", "1"))["events"]) == reply
    assert len(driver.chat.pending) == by_poll


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b"17", b"\xff", b'{"events": {}}', b'{"events": [1]}', b'{"events": [{}]}', b"{}",
        b'{"events": [{"event": 5}]}',
        b'{"events": [{"event": "chat_session_ended"}]}',
        b'{"events": [{"event": "chat_session_message"}]}',
        b'{"events": [{"event": "chat_session_message_read"}]}',
        b'{"events": [{"event": "chat_session_message", "msg": "kept out"}, {"event": "nonsense"}]}',
        b"[" * 200_000,
    ],
)  # fmt: skip
def test_a_bad_body_is_refused_whole(body: bytes) -> None:
    driver = Driver().open()
    assert driver.error("POST", f"chats/{driver.chat_id}/events", body) == (400, "5003")
    assert driver.chat.log == []


def test_a_huge_body_is_refused() -> None:
    driver = Driver().open()
    assert driver.error("POST", f"chats/{driver.chat_id}/events", b" " * 2_000_000)[0] == 413


def test_history_has_both_sides_with_the_own_party_id() -> None:
    driver = Driver().open()
    driver.send(message("hello", "1"))
    driver.act(do.Say("hi"), do.SendSignaling({"type": "END_CALL"}))
    own, other = driver.history()
    assert (own["msg_id"], own["party_id"], own["timestamp"]) == ("1", driver.chat_id, "1700000000")
    assert other["msg"] == "hi"
    assert Driver(history_omits=()).open().history() == []


def test_history_after_the_end_is_a_knob() -> None:
    driver = Driver().open()
    driver.act(do.EndChat())
    assert driver.error("GET", f"chats/{driver.chat_id}/history") == (404, "5005")
    driver = Driver(history_after_end="kept").open()
    driver.act(do.EndChat())
    assert names(driver.history()) == ["ended"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 200),
        ({"ios_apns_device_token": "t", "ios_app_bundle_id": "b"}, 200),
        ({"android_firebase_device_token": "t"}, 200),
        ({"ios_firebase_device_token": "t", "android_firebase_device_token": "t"}, 406),
        ({"ios_apns_device_token": "t"}, 400),
        ({"pigeon": "t"}, 400),
    ],
)
def test_notifications(body: dict[str, str], status: int) -> None:
    driver = Driver().open()
    assert driver.call("POST", f"chats/{driver.chat_id}/notifications", body).status == status
    assert driver.call("POST", f"chats/{driver.chat_id}/notifications", body, version=1).status == 404


def test_notifications_that_are_not_configured() -> None:
    driver = Driver(push_configured=False).open()
    path = f"chats/{driver.chat_id}/notifications"
    assert driver.error("POST", path, {"ios_firebase_device_token": "t"}) == (406, "5603")


@pytest.mark.parametrize("where", ["", "chats/{}/"])
def test_case_history_and_close_case_at_both_paths(where: str) -> None:
    driver = Driver().open()
    prefix = where.format(driver.chat_id)
    assert driver.error("GET", f"{prefix}casehistory") == (406, "5601")
    driver.act(do.SetCase("C-1"), do.Say("hi"))
    (session,) = driver.get(f"{prefix}casehistory")["sessions"]
    assert (session["chat_id"], session["created_time"]) == (driver.chat_id, 1_700_000_000)
    assert names(session["events"]) == ["case_set", "message"]
    driver.post(f"{prefix}closecase")
    assert driver.error("POST", f"{prefix}closecase") == (406, "5601")


def test_case_paths_and_the_crm_are_knobs() -> None:
    driver = Driver(case_paths="root", crm_refuses=True, created_time_type="string").open()
    driver.act(do.SetCase("C-1"))
    missing = driver.call("GET", f"chats/{driver.chat_id}/casehistory")
    assert (missing.status, b"error_code" in missing.body) == (404, False)
    assert driver.get("casehistory")["sessions"][0]["created_time"] == "1700000000"
    assert driver.error("POST", "closecase") == (500, "5602")


@pytest.mark.parametrize("part", ["file", "file-upload-input", "photo.png"])
def test_upload_and_download(part: str) -> None:
    driver = Driver().open()
    content = bytes(range(256)) + b"\r\n--xy"
    headers, body = multipart(content, part=part)
    reply = driver.post("files", body, headers=headers)
    assert reply["file_name"] == "photo.png"
    got = driver.call("GET", f"chats/{driver.chat_id}/files/{reply['file_id']}", query=())
    assert (got.status, got.header("content-type"), got.body) == (200, "image/png", content)
    assert driver.call("GET", f"/clientweb/file/{reply['file_id']}", query=()).body == content
    file: dict[str, Any] = {"event": "chat_session_file", "file_id": reply["file_id"], "file_type": "image"}
    driver.send(file | {"msg_id": "1"})
    assert names(driver.history()) == ["file"]


def test_files_that_are_refused_or_missing() -> None:
    driver = Driver(upload_limit_bytes=10).open()
    headers, body = multipart(b"x" * 11)
    assert driver.error("POST", "files", body, headers=headers) == (400, "5501")
    assert driver.error("POST", "files", b"x" * 100_000, headers=headers) == (400, "5501")
    assert driver.error("POST", "files", b"x", headers=headers) == (400, "5003")
    assert driver.error("POST", "files", b"x") == (400, "5003")
    assert driver.error("GET", f"chats/{driver.chat_id}/files/none") == (404, "5502")
    assert driver.error("GET", "chats/none/files/none") == (404, "5005")
    unknown = {"events": [{"event": "chat_session_file", "file_id": "none"}]}
    assert driver.error("POST", f"chats/{driver.chat_id}/events", unknown) == (404, "5502")


def test_only_the_newest_files_are_kept() -> None:
    driver = Driver(files_kept=2, files_kept_bytes=10, file_name_in_reply=False).open()
    ids = [driver.post("files", (m := multipart(b"12345"))[1], headers=m[0])["file_id"] for _ in range(3)]
    assert list(driver.centre.files) == ids[1:]
    headers, body = multipart(b"1234567890")
    assert list(driver.centre.files)[-1] != driver.post("files", body, headers=headers)["file_id"]
    assert len(driver.centre.files) == 1


def test_a_file_event_with_an_id_may_be_refused() -> None:
    driver = Driver(file_event_quirk=True).open()
    headers, body = multipart(b"1")
    file = {"event": "chat_session_file", "file_id": driver.post("files", body, headers=headers)["file_id"]}
    path = f"chats/{driver.chat_id}/events"
    assert driver.error("POST", path, {"events": [{**file, "msg_id": "1"}]}) == (500, "5500")
    driver.send({**file, "msg_id": ""})


def test_photos() -> None:
    driver = Driver().open()
    driver.act(do.JoinParty())
    party_id = driver.chat.parties["agent"].party_id
    assert driver.call("GET", f"chats/{driver.chat_id}/profilephotos/{party_id}").body.startswith(b"GIF")
    assert driver.call("GET", f"chats/{driver.chat_id}/chaticon").status == 200
    assert driver.error("GET", f"chats/{driver.chat_id}/profilephotos/none") == (404, "5502")
    assert driver.error("GET", "chats/none/chaticon") == (404, "5005")


def test_request_sms_is_v1_only() -> None:
    driver = Driver()
    assert driver.post("requestsms", {"phone_number": "1"}, version=1) == {"sms_error_code": 0}
    assert driver.post("requestsms", {}, version=1) == {"sms_error_code": 5}
    assert driver.call("POST", "requestsms", {}).status == 404


@pytest.mark.parametrize("path", ["/", "/clientweb/api/v3/chats", "/clientweb/api/v2/chats/x/y/z", "/a/b/c/d"])
def test_other_paths_are_a_page_not_an_api_error(path: str) -> None:
    response = Driver().call("GET", path)
    assert response.status == 404
    assert response.body.startswith(b"<html>")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "events"),
        ("GET", "events"),
        ("GET", "history"),
        ("POST", "notifications"),
        ("GET", "casehistory"),
    ],
)
def test_unknown_and_foreign_chats_are_not_found(method: str, path: str) -> None:
    driver = Driver().open()
    assert driver.error(method, f"chats/nowhere/{path}", {}) == (404, "5005")
    other = {"Authorization": authorization("client-2")}
    assert driver.error(method, f"chats/{driver.chat_id}/{path}", {}, headers=other) == (404, "5005")
    assert driver.rules == ["F35"]


def test_chat_ids_are_found_in_any_case() -> None:
    driver = Driver().open()
    assert driver.get(f"chats/{driver.chat_id.upper()}/history") == {"events": []}


def test_planned_failures() -> None:
    faults = (
        Fault("availability", 5004, times=2, skip=1, retry_after_s=7),
        Fault("availability", status=502, html=True),
        Fault("availability", drop=True),
    )
    driver = Driver(faults=faults)
    seen = [driver.call("GET", "availability") for _ in range(6)]
    # The second fault counts the calls the first one lets pass, so they take turns as written.
    assert [response.status for response in seen] == [502, 502, 502, 0, 200, 200]
    assert [response.header("retry-after") for response in seen[:3]] == [None, "7", "7"]


def test_a_request_that_took_effect_before_it_failed() -> None:
    driver = Driver(faults=(Fault("create", 5000, accepted=True), Fault("send", drop=True, accepted=True)))
    assert driver.error("POST", "chats", {}) == (504, "5000")
    again = driver.post("chats", {})
    assert again["is_new_chat"] is False
    driver.chat_id = again["chat_id"]
    body = {"events": [message("once", "1")]}
    assert driver.call("POST", f"chats/{driver.chat_id}/events", body).status == 0
    assert driver.chat.texts_received == [("1", "once")]


def test_what_was_refused_took_no_effect_and_says_so() -> None:
    """A post to a chat that was gone was answered as if there were only nothing new."""
    driver = Driver(faults=(Fault("send", 5511, accepted=True),))
    path = "chats/00000000-0000-0000-0000-000000000000/events"
    assert driver.error("POST", path, {"events": [message("lost", "1")]}) == (404, "5005")


def test_errors_are_json_of_the_documented_shape() -> None:
    response = Driver().call("GET", "chats/active")
    assert json.loads(response.body) == {"error_code": "5005", "error_message": "No active chat"}


def test_header_and_parameter_names() -> None:
    request = HttpRequest("GET", "/", (("a", "1"),), (("X-Y", "2"),))
    assert (request.header("x-y"), request.header("z"), request.parameter("a")) == ("2", None, "1")


def test_an_initial_message_that_is_none() -> None:
    driver = Driver()
    assert driver.error("POST", "chats", {"initial_message": "hello"}) == (400, "5003")
    assert driver.centre.chats == {}


def test_a_chat_that_is_over_has_neither_push_nor_case() -> None:
    driver = Driver().open()
    driver.act(do.SetCase("C-1"), do.EndChat())
    assert driver.error("POST", f"chats/{driver.chat_id}/notifications", {}) == (404, "5005")
    assert driver.error("GET", "casehistory") == (404, "5005")


def test_a_part_without_headers_is_refused() -> None:
    headers, _ = multipart(b"")
    body = b"--xyz\r\nno end of headers\r\n--xyz--\r\n"
    assert Driver().error("POST", "files", body, headers=headers) == (400, "5003")


def test_every_client_has_its_own_session_when_sessions_are_not_single() -> None:
    driver = Driver(single_session=False)
    assert driver.open().chat_id != driver.open().chat_id


@pytest.mark.parametrize("kind", ["", "Content-Type: image/\r\n png\r\n", "Content-Type: nonsense\r\n\r\n"])
def test_a_file_without_a_sound_type_is_plain_bytes(kind: str) -> None:
    driver = Driver().open()
    headers, _ = multipart(b"")
    head = f'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n{kind}\r\nx\r\n--xyz--\r\n'
    file_id = driver.post("files", head.encode(), headers=headers)["file_id"]
    got = driver.call("GET", f"chats/{driver.chat_id}/files/{file_id}")
    assert got.header("Content-Type") in ("application/octet-stream", "text/plain")


def downloaded(kind: str) -> HttpResponse:
    driver = Driver().open()
    headers, body = multipart(b"x", "x", kind=kind)
    return driver.call("GET", f"/clientweb/file/{driver.post('files', body, headers=headers)['file_id']}", query=())


@pytest.mark.parametrize(
    "kind",
    [
        "text/html",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/javascript",
        "application/x-javascript",
        "application/ecmascript",
        "text/css",
        "application/wasm",
        "text/xml",
        "application/x-shockwave-flash",
    ],
)
def test_an_upload_that_a_browser_would_run_is_served_as_bytes(kind: str) -> None:
    reply = downloaded(kind)
    assert reply.header("Content-Type") == "application/octet-stream"
    assert reply.header("Content-Disposition") == "attachment"


@pytest.mark.parametrize("kind", ["image/png", "application/pdf", "text/plain", "audio/ogg", "application/zip"])
def test_any_other_upload_keeps_its_type(kind: str) -> None:
    reply = downloaded(kind)
    assert reply.header("Content-Type") == kind
    assert reply.header("Content-Disposition") == "attachment"

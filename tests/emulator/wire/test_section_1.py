"""Section 1 of the protocol, row by row, against a running emulator: base, query, headers, endpoints, versions."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from statemachine.emulator import Fault
from statemachine.emulator import actions as do
from tests.emulator.driver import message
from tests.emulator.wire.client import Wire, wire

pytestmark = pytest.mark.asyncio

SCHEME = "MOBILE-API-140-327-PLAIN"


# --- 1.1 base, query, headers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenant", ["tenant.example", "https://tenant.example/", "http://tenant.example"])
async def test_the_tenant_is_a_bare_domain_or_a_url(tenant: str) -> None:
    async with wire(tenants=("tenant.example",)) as w:
        assert (await w.get("availability", tenant=tenant))["chat"] == "available"
        assert (await w.ask("GET", "availability", tenant="other.example")).code == "1000"


async def test_the_tenant_may_be_needless_and_is_not_sent_for_files_and_photos() -> None:
    async with wire() as w:
        assert (await w.ask("GET", "availability", tenant=None)).status == 400
    async with wire(tenant_required=False) as w:
        await w.get("availability", tenant=None)
    async with wire() as w:
        await w.open()
        (file,) = await w.act(do.ShareFile("a.txt", b"abc", content_type="text/plain"))
        (joined,) = await w.act(do.JoinParty("ada"))
        bare: Any = {"tenant": None, "headers": {"Authorization": ""}}
        assert await w.get(w.path(f"files/{file['file_id']}"), **bare) == b"abc"
        assert (await w.get(w.path(f"profilephotos/{joined['party_id']}"), **bare)).startswith(b"GIF89a")


@pytest.mark.parametrize("field", ["nonce", "timestamp", "callback"])
async def test_fields_against_caches_are_ignored(field: str) -> None:
    async with wire() as w:
        await w.post("chats", query={field: "1614718748000"})


@pytest.mark.parametrize(
    "header",
    [f'{SCHEME} appId="app", clientId="client-1"', f"{SCHEME} appId=app, clientId=client-1"],
)
async def test_authorization_values_are_quoted_or_not(header: str) -> None:
    async with wire() as w:
        await w.open()
        assert (await w.get("chats/active", headers={"Authorization": header}))["chat_id"] == w.chat_id


async def test_who_calls_itself_webchat_is_known_by_its_cookie() -> None:
    async with wire() as w:
        first = await w.ask("POST", "chats", client_id="WebChat", json={})
        assert "Set-Cookie" in first.headers
        again = await w.ask("POST", "chats", client_id="WebChat", json={})
        assert (again.body["chat_id"], again.body["is_new_chat"]) == (first.body["chat_id"], False)
        async with aiohttp.ClientSession() as without_jar:
            stranger = await Wire(w.emulator, without_jar, 2).ask("POST", "chats", client_id="WebChat", json={})
        assert stranger.body["chat_id"] != first.body["chat_id"]


async def test_one_active_session_for_each_tenant_app_and_client() -> None:
    async with wire() as w:
        keys: list[dict[str, Any]] = [
            {},
            {"client_id": "client-2"},
            {"tenant": "other.example"},
            {"headers": {"Authorization": f"{SCHEME} appId=other, clientId=client-1"}},
        ]
        chats = [(await w.post("chats", **key))["chat_id"] for key in keys]
        assert len(set(chats)) == 4
        assert [(await w.post("chats", **key))["chat_id"] for key in keys] == chats


@pytest.mark.parametrize(
    "headers",
    [{"User-Agent": "MobileClient"}, {"UserAgent": "MobileClient"}, {"User-Agent": "WebChat"}, {"Accept": "*/*"}],
)
async def test_any_user_agent_and_a_missing_content_type_will_do(headers: dict[str, str]) -> None:
    async with wire() as w:
        answer = await w.ask("POST", "chats", headers=headers, data=b"{}", skip_auto_headers=["Content-Type"])
        assert answer.status == 200


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", 2000),
        (f"{SCHEME} nonsense", 2001),
        ("Basic x", 2002),
        (f"{SCHEME} clientId=c", 2003),
        (f"{SCHEME} appId=a", 2004),
    ],
)
async def test_refused_authorization(status: int, header: str, code: int) -> None:
    async with wire(auth_status=status) as w:
        answer = await w.ask("GET", "availability", headers={"Authorization": header})
        assert (answer.status, answer.code) == (status, str(code))


@pytest.mark.parametrize(("kind", "code"), [("string", "3000"), ("number", 3000)])
async def test_the_error_body(kind: str, code: object) -> None:
    async with wire(app_ids=("other",), error_code_type=kind) as w:
        answer = await w.ask("GET", "availability")
        assert answer.status == 403
        assert answer.body == {"error_code": code, "error_message": "Unknown appId"}


# --- 1.2 endpoints --------------------------------------------------------------------------------------------------


async def test_e1_version() -> None:
    async with wire() as w:
        assert (await w.get("version"))["server_version"].startswith("5.")
        assert (await w.ask("GET", "version", version=1)).status == 404


@pytest.mark.parametrize(("style", "ewt"), [("string", {"ewt": "30"}), ("number", {"ewt": 30}), ("absent", {})])
async def test_e2_availability(style: str, ewt: dict[str, object]) -> None:
    async with wire(ewt_style=style) as w:
        assert await w.get("availability") == {"chat": "available", **ewt}
    async with wire(available=False) as w:
        assert await w.get("availability", version=1) == {"chat": "notAvailable"}
    async with wire(faults=(Fault("availability", 5001),)) as w:
        answer = await w.ask("GET", "availability")
        assert (answer.status, answer.code) == (503, "5001")


async def test_e3_expected_parameters() -> None:
    async with wire() as w:
        for version in (1, 2):
            (first, *_) = (await w.get("parameters", version=version))["parameters"]
            assert list(first.values()) == ["FIRST_NAME"]


async def test_e4_request_chat() -> None:
    async with wire() as w:
        body = {"phone_number": "555", "from": "web", "parameters": {"name": "Ann", "location": {"lat": 1}}}
        reply = await w.post("chats", body)
        assert reply == {"chat_id": reply["chat_id"], "state": "ivr", "phone_number": "555", "is_new_chat": True}
        assert w.emulator.centre.chats[reply["chat_id"]].parameters == body
        assert (await w.ask("POST", "chats", data=b"{", client_id="other")).code == "5003"
    async with wire(accepts_chats=False) as w:
        answer = await w.ask("POST", "chats", json={})
        assert (answer.status, answer.code) == (503, "5001")
    async with wire() as w:
        await w.open(initial_message=message("first words", "1"))
        assert w.chat.texts_received == [("1", "first words")]


async def test_e4_tells_the_wait_of_a_queued_chat() -> None:
    async with wire(initial_state="queued", ewt_style="empty") as w:
        reply = await w.post("chats")
        assert (reply["state"], reply["ewt"]) == ("queued", "")


async def test_e5_active_chat() -> None:
    async with wire() as w:
        assert (await w.ask("GET", "chats/active")).status == 404
        await w.open()
        assert await w.get("chats/active") == {"chat_id": w.chat_id, "state": "ivr"}


async def test_e6_send_events() -> None:
    async with wire() as w:
        await w.open()
        answer = await w.send(message("a", "1"), message("b", "3"))
        assert (answer.status, answer.body) == (200, b"")
        assert [text for _, text in w.chat.texts_received] == ["a", "b"]
        assert (await w.ask("POST", w.path("events"), data=b"no json")).code == "5003"
        assert (await w.send({"event": "chat_session_nonsense"})).code == "5003"
        assert (await w.ask("POST", "chats/none-such/events", json={"events": []})).code == "5005"


async def test_e7_new_chat_events() -> None:
    async with wire() as w:
        await w.open()
        assert await w.poll() == []
        assert [event["msg"] for event in await w.act(do.Say("a"), do.Say("b"))] == ["a", "b"]
        assert (await w.ask("GET", "chats/none-such/events")).code == "5005"


async def test_e8_history_has_both_sides() -> None:
    async with wire() as w:
        await w.open()
        await w.send(message("mine", "1"))
        await w.act(do.Say("theirs"))
        own, theirs = await w.history()
        assert (own["msg"], own["party_id"]) == ("mine", w.chat_id)
        assert theirs["msg"] == "theirs"
        assert (await w.ask("GET", "chats/none-such/history")).status == 404


@pytest.mark.parametrize(
    "token",
    [
        {"ios_apns_device_token": "t", "ios_app_bundle_id": "b"},
        {"ios_firebase_device_token": "t"},
        {"android_firebase_device_token": "t"},
        {},
    ],
)
async def test_e9_notifications(token: dict[str, str]) -> None:
    async with wire() as w:
        await w.open()
        assert await w.post(w.path("notifications"), token) == {}
        assert w.chat.push == token
        assert (await w.ask("POST", w.path("notifications"), json=token, version=1)).status == 404


async def test_e9_refuses_two_families_and_what_is_not_configured() -> None:
    two = {"ios_firebase_device_token": "t", "android_firebase_device_token": "t"}
    async with wire() as w:
        await w.open()
        answer = await w.ask("POST", w.path("notifications"), json=two)
        assert (answer.status, answer.code) == (406, "5603")
    async with wire(push_configured=False) as w:
        await w.open()
        answer = await w.ask("POST", w.path("notifications"), json={"android_firebase_device_token": "t"})
        assert answer.status == 406


@pytest.mark.parametrize("at_root", [True, False])
async def test_e10_and_e11_at_both_paths(at_root: bool) -> None:
    async with wire() as w:
        await w.open()
        prefix = "" if at_root else f"chats/{w.chat_id}/"
        none = await w.ask("GET", f"{prefix}casehistory")
        assert (none.status, none.code) == (406, "5601")
        await w.act(do.SetCase("C-1"))
        (session,) = (await w.get(f"{prefix}casehistory"))["sessions"]
        assert session["chat_id"] == w.chat_id
        assert 1e9 < session["created_time"] < 1e10
        assert [event["event"] for event in session["events"]] == ["chat_session_case_set"]
        assert await w.post(f"{prefix}closecase") == {}
        assert (await w.ask("POST", f"{prefix}closecase")).status == 406
        assert (await w.ask("GET", f"{prefix}casehistory", version=1)).status == 404


async def test_e11_that_the_crm_refuses() -> None:
    async with wire(crm_refuses=True) as w:
        await w.open()
        await w.act(do.SetCase("C-1"))
        answer = await w.ask("POST", w.path("closecase"))
        assert (answer.status, answer.code) == (500, "5602")


def form(name: str, content: bytes = b"abc") -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field(name, content, filename="a.txt", content_type="text/plain")
    return data


@pytest.mark.parametrize("part", ["file", "file-upload-input", "a.txt"])
async def test_e12_upload_and_e13_download(part: str) -> None:
    async with wire(upload_limit_bytes=1_000) as w:
        await w.open()
        answer = await w.ask("POST", "files", data=form(part))
        assert answer.body["file_name"] == "a.txt"
        file_id = answer.body["file_id"]
        assert await w.get(w.path(f"files/{file_id}")) == b"abc"
        assert await w.get(f"/clientweb/file/{file_id}") == b"abc"  # E13b
        too_large = await w.ask("POST", "files", data=form(part, b"x" * 1_001))
        assert (too_large.status, too_large.code) == (400, "5501")


async def test_e12_keeps_the_newest_files_and_e13_says_that_one_is_gone() -> None:
    async with wire(files_kept=2) as w:
        await w.open()
        first, *_ = [(await w.ask("POST", "files", data=form("file"))).body["file_id"] for _ in range(3)]
        answer = await w.ask("GET", w.path(f"files/{first}"))
        assert (answer.status, answer.code) == (404, "5502")
        assert await w.poll() == []  # it says nothing about the session


async def test_e14_photos() -> None:
    async with wire() as w:
        await w.open()
        (joined,) = await w.act(do.JoinParty("ada"))
        photo = await w.ask("GET", w.path(f"profilephotos/{joined['party_id']}"))
        assert photo.headers["Content-Type"] == "image/gif"
        assert (await w.get(w.path("chaticon"))).startswith(b"GIF")
        assert (await w.ask("GET", w.path("profilephotos/nobody"))).status == 404


async def test_e15_ice_servers_and_e16_configuration() -> None:
    async with wire() as w:
        assert (await w.get("iceservers"))["servers"][0]["url"].startswith("stun:")
        (widget,) = (await w.get("configuration"))["widgets"]
        assert {"name", "urls", "definition", "styles"} == set(widget)
        assert widget["definition"]["contact_tab"]["enabled"] is True
        assert "survey_form" in {one["form_name"] for one in widget["definition"]["forms"]}


async def test_e17_sms_on_v1_only() -> None:
    async with wire() as w:
        assert await w.post("requestsms", {"phone_number": "555"}, version=1) == {"sms_error_code": 0}
        assert (await w.post("requestsms", {}, version=1))["sms_error_code"] != 0
        assert (await w.ask("POST", "requestsms", json={})).status == 404


# --- 1.3 v1 and v2 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "by_reply", "by_poll"), [("none", 0, 1), ("take", 1, 0), ("copy", 1, 1)])
async def test_v1_answers_a_post_with_events(mode: str, by_reply: int, by_poll: int) -> None:
    async with wire(version=1, v1_reply_events=mode) as w:
        await w.open()
        await w.emulator.act(w.chat_id, do.Say("hello"))
        answer = await w.send(message("hi", "1"))
        assert len(answer.body["events"]) == by_reply
        assert len(await w.poll()) == by_poll


async def test_v1_has_no_receipts_and_no_cases() -> None:
    async with wire(version=1) as w:
        await w.open()
        await w.send(message("hi", "1"))
        assert await w.act(do.JoinParty(), do.SendDelivered(), do.SendRead(), do.SetCase("C"), do.StartTyping()) == [
            event for event in w.chat.history() if event["event"].endswith(("joined", "typing"))
        ]


@pytest.mark.parametrize(
    ("version", "knob", "status"),
    [(1, "by_version", 400), (2, "by_version", 429), (1, 429, 429), (2, 400, 400)],
)
async def test_a_second_poll(version: int, knob: Any, status: int) -> None:
    async with wire(version=version, too_many_polls_status=knob, hold_ms=15_000) as w:
        await w.open()
        async with aiohttp.ClientSession() as other:
            first = asyncio.create_task(Wire(w.emulator, other, version).ask("GET", w.path("events")))
            await w.emulator.until(lambda centre: centre.held_polls == 1, 30)
            second = await w.ask("GET", w.path("events"))
            assert (second.status, second.code) == (status, "5509")
            await w.emulator.act(w.chat_id, do.Say("x"))
            assert len((await first).body["events"]) == 1


@pytest.mark.parametrize(
    ("version", "knob", "new"),
    [(1, "by_version", "true"), (2, "by_version", True), (1, "bool", True), (2, "string", "true")],
)
async def test_the_type_of_is_new_chat(version: int, knob: str, new: object) -> None:
    async with wire(version=version, is_new_chat_type=knob) as w:
        assert (await w.post("chats"))["is_new_chat"] == new


# --- 1.4 what may be repeated ---------------------------------------------------------------------------------------


async def test_reads_and_creation_may_be_repeated() -> None:
    async with wire() as w:
        await w.open()
        await w.act(do.Say("a"), do.SetCase("C"))
        for path in ("version", "availability", "parameters", "chats/active", w.path("history"), w.path("casehistory")):
            assert await w.get(path) == await w.get(path)
        assert (await w.post("chats"))["chat_id"] == w.chat_id


async def test_a_poll_hands_over_once_and_a_post_twice_counts_twice() -> None:
    async with wire() as w:
        await w.open()
        assert len(await w.act(do.Say("a"))) == 1
        assert await w.poll() == []
        await w.send(message("x", "1"))
        await w.send(message("x", "1"))
        assert len(w.chat.texts_received) == 2
        await w.post(w.path("notifications"), {"android_firebase_device_token": "1"})
        await w.post(w.path("notifications"), {"android_firebase_device_token": "2"})
        assert w.chat.push == {"android_firebase_device_token": "2"}

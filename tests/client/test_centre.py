"""`ContactCentre` against the emulator over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from statemachine import ChatClient, ChatOpened, Failure
from statemachine.adapters import http_client
from statemachine.client import BadSetting, CentreError, ChatError, ContactCentre, Options, SmsRefused, TooLarge
from statemachine.codec import side_calls
from statemachine.codec.side_calls import ApnsToken, Availability, FirebaseToken, IceServer, Parameter
from statemachine.emulator import Fault, Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from statemachine.emulator.other_endpoints import PHOTO
from statemachine.wire import File, Message
from tests.adapters.wire_server import Heard, WireServer

pytestmark = pytest.mark.asyncio

V1 = Options(api="v1")


def centre_at(emulator: Emulator, **more: Any) -> ContactCentre:
    return ContactCentre(emulator.url, **{"app_id": "app", "client_id": "ann", **more})


@pytest_asyncio.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator("silent", Knobs()) as emulator:
        yield emulator
        assert emulator.centre.violations == []


@pytest_asyncio.fixture
async def centre(emulator: Emulator) -> AsyncIterator[ContactCentre]:
    async with centre_at(emulator) as centre:
        yield centre


async def chat(emulator: Emulator, centre: ContactCentre, *acts: do.Action) -> str:
    """The id of a new chat of this customer, after these acts."""
    import aiohttp

    request = {"headers": {"Authorization": centre.endpoint.authorization}, "json": {}}
    params = {"tenantUrl": centre.endpoint.tenant}
    async with aiohttp.ClientSession() as session:
        url = f"{emulator.url}/clientweb/api/{centre.endpoint.api}/chats"
        async with session.post(url, params=params, **request) as reply:  # type: ignore[arg-type]
            chat_id: str = (await reply.json())["chat_id"]
    await emulator.act(chat_id, *acts)
    return chat_id


async def test_before_a_chat(centre: ContactCentre) -> None:
    assert await centre.version() == "5.8.0.12345 (Stable)"
    assert await centre.availability() == Availability(True, 30_000)
    assert Parameter("first_name", "FIRST_NAME") in await centre.expected_parameters()
    assert await centre.ice_servers() == (IceServer(("stun:127.0.0.1:3478",)),)
    assert await centre.active_chat() is None


@pytest.mark.parametrize("api", ["v1", "v2"])
async def test_the_active_chat(emulator: Emulator, api: Any) -> None:
    async with centre_at(emulator, options=Options(api=api)) as centre:
        chat_id = await chat(emulator, centre)
        assert await centre.active_chat() == ChatOpened(chat_id, "ivr")


async def test_a_secure_form_is_resolved(centre: ContactCentre) -> None:
    form = (await centre.configuration()).form("payment")
    assert form is not None
    assert form.fields == ("card_number", "expiry")


@pytest.mark.parametrize("paths", ["both", "root", "chat"])
async def test_a_case_at_either_path(paths: Any) -> None:
    async with Emulator("silent", Knobs(case_paths=paths)) as emulator, centre_at(emulator) as centre:
        chat_id = await chat(emulator, centre, do.SetCase("42"), do.Say("hello"))
        (session,) = (await centre.case_history(chat_id)).sessions
        assert session.chat_id == chat_id
        assert session.created == emulator.centre.chats[chat_id].created_at // 1_000 * 1_000
        assert [entry.msg for entry in session.entries if isinstance(entry, Message)] == ["hello"]
        await centre.close_case(chat_id)
        with pytest.raises(CentreError, match="Set Case") as refused:
            await centre.close_case(chat_id)
        assert refused.value.failure == Failure("http", 406, 5601)


async def test_push(emulator: Emulator, centre: ContactCentre) -> None:
    chat_id = await chat(emulator, centre)
    seen = emulator.centre.chats[chat_id]
    await centre.subscribe(chat_id, ApnsToken("token", "com.example.app"))
    assert seen.push == {"ios_apns_device_token": "token", "ios_app_bundle_id": "com.example.app"}
    await centre.subscribe(chat_id, FirebaseToken("token", "android"))
    assert seen.push == {"android_firebase_device_token": "token"}
    await centre.unsubscribe(chat_id)
    assert seen.push == {}


async def test_photos(emulator: Emulator, centre: ContactCentre) -> None:
    chat_id = await chat(emulator, centre, do.JoinParty("ada"))
    (party,) = emulator.centre.chats[chat_id].parties.values()
    for photo in (await centre.photo(chat_id, party.party_id), await centre.photo(chat_id)):
        assert (photo.body, photo.type) == (PHOTO, "image/gif")
    with pytest.raises(CentreError) as refused:
        await centre.photo(chat_id, "stranger")
    assert refused.value.failure.code == 5502


async def test_a_chats_own_calls_go_as_its_customer(emulator: Emulator) -> None:
    """With the cookie that a `WebChat` is known by, and to where the session goes now."""
    async with ChatClient(emulator.url, app_id="app") as client:
        session = await client.session("WebChat")
        async with asyncio.timeout(10):
            async for _ in session.updates():
                if session.session.chat.chat_id:
                    break
        (chat_id,) = emulator.centre.chats
        await emulator.act(chat_id, do.Say("hello"), do.ShareFile("a.txt", b"some bytes"))
        active = await session.centre.active_chat()
        assert active is not None
        assert active.chat_id == chat_id
        log = await session.centre.history(chat_id)
        (file,) = [entry for entry in log if isinstance(entry, File)]
        assert (await session.centre.file(chat_id, file.file_id)).body == b"some bytes"
        with pytest.raises(CentreError, match="no longer has this file"):
            await session.centre.file(chat_id, "other")
        await client.reauthorized(app_id="new")
        assert session.centre.endpoint.app_id == "new"


async def test_a_file_in_pieces_and_no_more_of_it_than_wanted(emulator: Emulator, centre: ContactCentre) -> None:
    data = bytes(range(256)) * 8_000
    chat_id = await chat(emulator, centre, do.ShareFile("plan.pdf", data))
    (file_id,) = emulator.centre.files
    pieces = [piece async for piece in centre.download(chat_id, file_id)]
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) < len(data)
    with pytest.raises(TooLarge, match="larger than 100000 bytes") as refused:
        [piece async for piece in centre.download(chat_id, file_id, limit=100_000)]
    assert refused.value.limit == 100_000
    with pytest.raises(CentreError, match="no longer has this file"):
        [piece async for piece in centre.download(chat_id, "other")]


async def test_a_file_that_does_not_end_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was cut off at the most that is read of any answer, and given out as if it were whole."""
    monkeypatch.setattr(http_client, "MAX_BODY", 100_000)
    monkeypatch.setattr(side_calls, "MAX_BODY", 100_000)

    def answer(heard: Heard) -> None:
        heard.reply(200, bytes(200_000))

    async with WireServer(answer) as server, ContactCentre(server.url, app_id="a", client_id="c") as centre:
        with pytest.raises(CentreError):
            await centre.file("chat", "file")


async def test_an_id_that_is_none(centre: ContactCentre) -> None:
    with pytest.raises(BadSetting, match="history: '' is no id"):
        await centre.history("")
    with pytest.raises(BadSetting, match=r"download: '\.\.' is no id"):
        await centre.file("chat", "..")


async def test_sms(emulator: Emulator, centre: ContactCentre) -> None:
    await centre.request_sms("+15550100")
    with pytest.raises(SmsRefused, match="code 5"):
        await centre.request_sms("")


@pytest.mark.parametrize(
    ("knobs", "setting", "words"),
    [
        (Knobs(tenants=("acme.example",)), "tenant", "does not serve this tenant (error 1000)"),
        (Knobs(app_ids=("other",)), "app_id", "no scenario entry with this app id (error 3000)"),
        (Knobs(faults=(Fault("availability", html=True, status=404),)), "url", "nothing at this address"),
        (Knobs(faults=(Fault("availability", drop=True),)), "server", "broke off"),
        (Knobs(faults=(Fault("availability", code=5000),)), "server", "too slow"),
    ],
)
async def test_an_error_names_the_setting(knobs: Knobs, setting: str, words: str) -> None:
    async with Emulator("silent", knobs) as emulator, centre_at(emulator) as centre:
        with pytest.raises(CentreError) as refused:
            await centre.availability()
    assert refused.value.advice.setting == setting
    assert words in str(refused.value)
    assert refused.value.uncertain == (refused.value.failure.kind == "cut")


async def test_no_server_at_the_port_is_reported() -> None:
    async with ContactCentre("http://127.0.0.1:9", app_id="a", client_id="c") as centre:
        with pytest.raises(CentreError, match=r"cannot be reached.*127\.0\.0\.1:9.*check url"):
            await centre.availability()


async def test_settings_that_cannot_work() -> None:
    with pytest.raises(BadSetting, match="client_id is empty"):
        ContactCentre("https://x.example", app_id="a", client_id="")
    with pytest.raises(BadSetting, match="looks like https://"):
        ContactCentre("https://[::1", app_id="a", client_id="c")
    with pytest.raises(ChatError, match="async with"):
        await ContactCentre("https://x.example", app_id="a", client_id="c").availability()


async def test_f34_no_two_readings_have_the_same_address() -> None:
    def answer(heard: Heard) -> None:
        heard.reply(200, b'{"chat": "available"}')

    async with WireServer(answer) as server, ContactCentre(server.url, app_id="a", client_id="c") as centre:
        for _ in range(3):
            assert (await centre.availability()).available
    assert len({heard.line for heard in server.heard}) == 3

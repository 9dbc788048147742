"""A profile learned through the proxy: it equals the settings of the emulator behind, and says what it rests on."""

from __future__ import annotations

import asyncio
import tomllib
from typing import Any

import attrs
import pytest

from statemachine.client.options import Options
from statemachine.codec.http import Endpoint
from statemachine.emulator import Knobs, actions
from statemachine.emulator.http import Emulator
from statemachine.emulator.knobs import from_settings
from statemachine.proxy import BadProfile, CannotProbe, Proxy, probe, read_profile, write_profile
from tests.proxy.chatting import PlainClient, whole_chat

QUICK = {"hold_ms": 100}
SHOWN_BY_DEFAULT = {
    "accepts_chats", "available", "case_paths", "connect_order", "empty_style", "end_signals", "ewt_style",
    "file_name_in_reply", "gone_style", "history_after_end", "history_omits", "hold_ms", "id_case",
    "initial_state", "is_new_chat_type", "malformed_events", "msg_text", "own_echo", "receipts", "server_version",
    "timestamp_everywhere", "timestamp_type", "timestamp_unit", "too_many_polls_status", "unknown_enums",
    "unknown_events", "coordinate_type", "error_code_type", "form_field_type",
}  # fmt: skip
"""What the whole chat of `chatting` shows of any contact centre."""


async def learned(settings: dict[str, Any], api: str = "v2") -> tuple[dict[str, Any], list[int]]:
    """The settings learned from one chat, and the statuses that its client saw."""
    async with Emulator("silent", from_settings(QUICK | settings)) as emulator, Proxy(emulator.url) as proxy:
        statuses = await whole_chat(emulator, proxy.url, api)
    findings = proxy.watcher.learner.findings()
    return read_profile(write_profile(findings, emulator.url)), statuses


@pytest.mark.parametrize(
    ("settings", "api"),
    [
        ({}, "v2"),
        ({}, "v1"),
        ({"hold_ms": 700}, "v2"),
        ({"error_code_type": "number", "timestamp_unit": "ms"}, "v2"),
        ({"timestamp_type": "number", "timestamp_everywhere": True}, "v2"),
        ({"ewt_style": "number", "coordinate_type": "number"}, "v2"),
        ({"ewt_style": "absent", "form_field_type": "number"}, "v2"),
        ({"empty_style": "no_body", "own_echo": True}, "v2"),
        ({"empty_style": "code_5511", "no_events_status": 202}, "v1"),
        ({"too_many_polls_status": 400, "id_case": "lower"}, "v2"),
        ({"id_case": "mixed", "receipts": "duplicated"}, "v2"),
        ({"receipts": "off", "msg_text": False}, "v2"),
        ({"unknown_events": True, "unknown_enums": True}, "v2"),
        ({"malformed_events": True, "connect_order": "party_first"}, "v2"),
        ({"connect_order": "party_only", "initial_state": "queued"}, "v2"),
        ({"end_signals": ("completed", "ended"), "history_after_end": "kept"}, "v2"),
        ({"end_signals": ("failed",), "gone_style": "bare"}, "v2"),
        ({"gone_style": "html", "is_new_chat_type": "string"}, "v2"),
        ({"is_new_chat_type": "bool", "misspelt_timeout": True}, "v1"),
        ({"history_omits": ("chat_session_form_show", "chat_session_signaling"), "server_version": "9.9"}, "v2"),
        ({"history_omits": (), "available": False, "file_name_in_reply": False}, "v2"),
    ],
    ids=str,
)
async def test_the_profile_equals_the_settings_wherever_the_traffic_showed_them(
    settings: dict[str, Any], api: str
) -> None:
    profile, _ = await learned(settings, api)
    actual = attrs.asdict(from_settings(QUICK | settings))
    shown = from_settings(profile)
    differing = {
        name: (getattr(shown, name), actual[name])
        for name in profile
        if name not in ("hold_ms", "inactivity_timeout_ms") and getattr(shown, name) != actual[name]
    }
    assert differing == {}
    assert actual["hold_ms"] <= shown.hold_ms + 100 <= actual["hold_ms"] + 1_000
    expected = SHOWN_BY_DEFAULT | set(settings) - {"receipts"}
    # Under load the second poll may come after the hold of the first one.
    unseen = {"receipts", "too_many_polls_status", *({"server_version", "end_signals"} if api == "v1" else ())}
    assert expected - set(profile) - unseen - {"case_paths"} == set()


async def test_an_emulator_with_the_profile_answers_alike() -> None:
    settings = {
        "hold_ms": 300, "error_code_type": "number", "timestamp_unit": "ms", "timestamp_type": "number",
        "too_many_polls_status": 400, "connect_order": "party_first", "end_signals": ("completed", "ended"),
        "history_after_end": "kept", "gone_style": "bare", "own_echo": True, "empty_style": "no_body",
    }  # fmt: skip
    profile, statuses = await learned(settings)
    again, statuses_again = await learned(profile)
    assert statuses_again == statuses
    assert again.pop("hold_ms") <= profile.pop("hold_ms") + 1_000
    assert again == profile


async def test_contradictions_are_listed_with_their_evidence() -> None:
    async with Emulator("silent", from_settings(QUICK)) as emulator, Proxy(emulator.url) as proxy:
        await whole_chat(emulator, proxy.url)
        await emulator.set_knobs({"timestamp_unit": "ms", "gone_style": "html"})
        await whole_chat(emulator, proxy.url)
    findings = proxy.watcher.learner.findings()
    data = tomllib.loads(write_profile(findings, emulator.url))
    assert set(data["differing"]) == {"timestamp_unit", "gone_style"}
    for name, others in data["differing"].items():
        assert {data["knobs"][name], *(one["value"] for one in others)} >= {str(getattr(Knobs(), name))}
        assert all(one["count"] > 0 and one["first"] > 0 for one in others)
        assert data["evidence"][name]["count"] >= max(one["count"] for one in others)


@pytest.mark.parametrize("cut_means", ["hold", "free"])
async def test_a_poll_that_the_client_cuts_shows_when_its_slot_is_free(cut_means: str) -> None:
    knobs = from_settings({"hold_ms": 3_000, "after_cut": cut_means})
    async with (
        Emulator("silent", knobs) as emulator,
        Proxy(emulator.url) as proxy,
        PlainClient(proxy.url) as client,
    ):
        await client.open()
        held = asyncio.create_task(client.poll())
        await emulator.until(lambda centre: centre.held_polls == 1)
        held.cancel()
        await emulator.until(lambda centre: centre.held_polls == 0)
        again = asyncio.create_task(client.poll())
        if cut_means == "free":
            await emulator.until(lambda centre: centre.held_polls == 1)
            await emulator.act(client.chat_id, actions.Say("Hi"))
        await again
    found = {one.setting: one.value for one in proxy.watcher.learner.findings()}
    assert found["after_cut"] == cut_means


def test_other_files_are_no_profiles() -> None:
    for text, words in (
        ("nonsense [", "no TOML"),
        ("about = 'x'", "no table"),
        ("[knobs]\nhold_sm = 3", "hold_sm"),
        ("[knobs]\nhold_ms = -1", "hold_ms"),
    ):
        with pytest.raises(BadProfile, match=words):
            read_profile(text)


@pytest.mark.parametrize("api", ["v1", "v2"])
async def test_a_short_chat_of_its_own_shows_the_settings(api: str) -> None:
    settings = {
        "hold_ms": 900, "error_code_type": "number", "timestamp_unit": "ms", "empty_style": "no_body",
        "gone_style": "bare", "initial_state": "queued", "history_after_end": "kept", "server_version": "9.9",
    }  # fmt: skip
    async with Emulator("plain", from_settings(settings | {"pace": 0.01})) as emulator:
        endpoint = Endpoint(emulator.url, "example.com", "plain", "doctor-1", api)
        said: list[str] = []
        findings = await probe(endpoint, Options(), said.append)
        assert emulator.centre.chats
        assert not any(chat.live for chat in emulator.centre.chats.values())
    found = {one.setting: one.value for one in findings}
    if api == "v1":
        del settings["server_version"]
    assert {name: found[name] for name in settings} == settings
    assert found["too_many_polls_status"] == "by_version"
    assert found["own_echo"] is False
    assert len(said) >= 4


async def test_no_chat_no_profile() -> None:
    async with Emulator("plain", Knobs(accepts_chats=False)) as emulator:
        with pytest.raises(CannotProbe, match="503"):
            await probe(Endpoint(emulator.url, "example.com", "plain", "doctor-1"), Options(), lambda _: None)
    with pytest.raises(CannotProbe, match="no answer"):
        await probe(Endpoint("http://127.0.0.1:9", "example.com", "plain", "doctor-1"), Options(), lambda _: None)


async def test_a_cancelled_probe_ends_its_chat_at_once() -> None:
    async with Emulator("silent", Knobs(hold_ms=60_000)) as emulator:
        endpoint = Endpoint(emulator.url, "example.com", "silent", "doctor-1")
        probing = asyncio.create_task(probe(endpoint, Options(), lambda _: None))
        await emulator.until(lambda centre: centre.held_polls == 1)
        probing.cancel()
        async with asyncio.timeout(30):
            with pytest.raises(asyncio.CancelledError):
                await probing
        (chat,) = emulator.centre.chats.values()
        assert chat.leaving == "end"

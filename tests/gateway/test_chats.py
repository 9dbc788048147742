"""Chats through the gateway: every operation, against an emulated centre whose agent the test plays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from statemachine.testing import EmulatedCentre
from tests.gateway.harness import Api, gateway, is_state, is_text, updates_until


async def chatting(api: Api, centre: EmulatedCentre) -> Any:
    """An agent who has accepted ann's chat."""
    await api("PUT", "/chats/ann", {"parameters": {"order": 17}, "from": "Ann"})
    agent = centre.agent("Ada Larsen")
    await agent.accept("ann")
    return agent


async def test_a_text_is_sent_once_however_often_it_is_repeated(api: Api, centre: EmulatedCentre) -> None:
    first = await api("POST", "/chats/ann/texts", {"text": "Hello", "note": "n1"}, **api.key("k1"))
    again = await api("POST", "/chats/ann/texts", {"text": "Hello"}, **api.key("k1"))
    assert again["message_id"] == first["message_id"]
    agent = centre.agent("Ada Larsen")
    await agent.accept("ann")
    await agent.wait_for_text("Hello")
    await agent.say("How can I help?")
    updates = await updates_until(api, is_text("How can I help?"))
    (sent,) = filter(is_state("sent"), updates)
    assert (sent["update"]["key"], sent["update"]["note"], sent["client_id"]) == ("k1", "n1", "ann")
    assert [text for _, text in agent.chat.texts_received] == ["Hello"]
    assert [one["cursor"] for one in updates] == list(range(1, len(updates) + 1))


async def test_the_state_of_a_chat(api: Api, centre: EmulatedCentre) -> None:
    agent = await chatting(api, centre)
    await agent.say("Hello")
    await updates_until(api, is_text("Hello"))
    chat = await api("GET", "/chats/ann")
    status = {one["type"]: one for one in chat["status"]}
    assert (chat["phase"], chat["outcome"], chat["pending"]) == ("agent_joined", None, 0)
    assert status["roster_changed"]["parties"][0][2] == "Ada Larsen"
    assert [one["client_id"] for one in (await api("GET", "/chats"))["chats"]] == ["ann"]
    assert (await api("GET", "/chats?after=ann"))["chats"] == []


async def test_a_file_goes_both_ways(api: Api, centre: EmulatedCentre, tmp_path: Path) -> None:
    agent = await chatting(api, centre)
    content = b"\x00\x01" * 100_000
    await api("POST", "/chats/ann/files?name=photo.png", data=content, **api.key("f1"))
    await updates_until(api, is_state("sent", "f1"))
    assert list((tmp_path / "chats.sqlite.uploads").iterdir()) == []
    await agent.send_file("answer.bin", b"from the agent" * 1_000)
    updates = await updates_until(api, lambda one: one["update"].get("entry", {}).get("file_name") == "answer.bin")
    file_id = updates[-1]["update"]["entry"]["file_id"]
    status, received = await api.ask("GET", f"/chats/ann/files/{file_id}")
    assert (status, received) == (200, b"from the agent" * 1_000)
    status, problem = await api.ask("GET", "/chats/ann/files/no-such-file")
    assert (status, problem["code"]) == (404, "contact_centre")
    assert problem["advice"]["remedy"]


async def test_a_repeated_upload_is_one_file(api: Api, centre: EmulatedCentre, tmp_path: Path) -> None:
    agent = await chatting(api, centre)
    for _ in range(2):
        await api("POST", "/chats/ann/files?name=a.txt&image=false", data=b"text", **api.key("f1"))
    await updates_until(api, is_state("sent", "f1"))
    await api("POST", "/chats/ann/files?name=a.txt", data=b"text", **api.key("f1"))
    await api("POST", "/chats/ann/texts", {"text": "done"}, **api.key("t1"))
    await agent.wait_for_text("done")
    await updates_until(api, is_state("sent", "t1"))
    files = [entry for entry in agent.chat.log if entry.event["event"] == "chat_session_file"]
    assert len(files) == 1
    assert list((tmp_path / "chats.sqlite.uploads").iterdir()) == []


async def test_a_location_typing_receipts_and_the_end(api: Api, centre: EmulatedCentre) -> None:
    agent = await chatting(api, centre)
    await agent.say("Where are you?")
    updates = await updates_until(api, is_text("Where are you?"))
    message_id = updates[-1]["update"]["entry"]["msg_id"]
    await api("POST", "/chats/ann/read", {"message_id": message_id})
    await api("POST", "/chats/ann/typing", {"draft": "I am"})
    await api("DELETE", "/chats/ann/typing")
    await api("POST", "/chats/ann/locations", {"latitude": 50.45, "longitude": 30.5}, **api.key("l1"))
    await updates_until(api, is_state("sent", "l1"))
    await api("POST", "/chats/ann/disconnect")
    await api("POST", "/chats/ann/end")
    await api("POST", "/chats/ann/end")
    await agent.end()
    await updates_until(api, lambda one: one["update"]["type"] == "finished")
    events = [entry.event["event"] for entry in agent.chat.log]
    assert "chat_session_location" in events
    assert "chat_session_message_read" in events
    status, problem = await api.ask("POST", "/chats/ann/locations", {"latitude": 1, "longitude": 2})
    assert (status, problem["code"], problem["outcome"]) == (409, "chat_over", "ended")


async def test_forms_plain_and_secure(tmp_path: Path) -> None:
    with EmulatedCentre("forms", {"pace": 0.01}, timeout_s=60) as centre:
        async with gateway(tmp_path, centre) as api:
            await api("PUT", "/chats/ann")
            status, problem = await api.ask("POST", "/chats/ann/forms/none", {"data": {}})
            assert (status, problem["code"]) == (409, "not_possible")
            for number in range(2):
                updates = await updates_until(api, _is_form(number))
                form = [one["update"]["entry"] for one in updates if _form_of(one)][number]
                form_id = form.get("form_request_id") or form["request_id"]
                key = f"form-{number}"
                await api("POST", f"/chats/ann/forms/{form_id}", {"data": {"service": "5"}}, **api.key(key))
                await updates_until(api, is_state("sent", key))


def _form_of(one: dict[str, Any]) -> bool:
    return "form" in one["update"].get("entry", {}).get("type", "")


def _is_form(number: int) -> Any:
    seen: set[int] = set()

    def wanted(one: dict[str, Any]) -> bool:
        if _form_of(one):
            seen.add(one["cursor"])
        return len(seen) > number

    return wanted


async def test_unknown_chats_are_no_chats(api: Api) -> None:
    for method, path, body in (
        ("GET", "/chats/bob", None),
        ("POST", "/chats/bob/end", None),
        ("GET", "/chats/bob/transcript", None),
        ("POST", "/chats/bob/texts", {"text": "hello", "new_chat": False}),
    ):
        status, problem = await api.ask(method, path, body)
        assert (status, problem["code"]) == (404, "no_chat")
    assert (await api("GET", "/chats"))["chats"] == []


async def test_the_transcript_is_kept_until_the_customer_is_forgotten(api: Api, centre: EmulatedCentre) -> None:
    agent = await chatting(api, centre)
    await agent.say("A secret of Ann")
    await updates_until(api, is_text("A secret of Ann"))
    transcript = await api("GET", "/chats/ann/transcript")
    assert [one.get("text") for one in transcript["updates"]][-1] == "A secret of Ann"
    last = transcript["updates"][-1]["update"]["seq"]
    assert (await api("GET", f"/chats/ann/transcript?after={last}"))["updates"] == []
    await agent.end()
    await updates_until(api, lambda one: one["update"]["type"] == "finished")
    await api("DELETE", "/chats/ann")
    assert (await api("GET", "/updates?wait=0"))["updates"] == []
    assert (await api.ask("GET", "/chats/ann"))[0] == 404
    # Its next chat begins with `seq` 1 again, and is not taken for the former one.
    await api("POST", "/chats/ann/texts", {"text": "Hello again"}, **api.key("k2"))
    await updates_until(api, is_state("sent", "k2"))

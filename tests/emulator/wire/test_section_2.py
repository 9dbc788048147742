"""Section 2 of the protocol, row by row, against a running emulator: states, terminal signals, order, 404s."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.emulator import Fault
from statemachine.emulator import actions as do
from tests.emulator.driver import message, names
from tests.emulator.wire.client import wire

pytestmark = pytest.mark.asyncio


# --- 2.1 values of state --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["establishing", "ivr", "queued"])
async def test_a_new_session_begins_in_this_state(state: str) -> None:
    async with wire(initial_state=state) as w:
        assert (await w.post("chats"))["state"] == state
        assert (await w.get("chats/active"))["state"] == state


@pytest.mark.parametrize(
    ("action", "state", "terminal"),
    [
        (do.SetStatus("establishing"), "establishing", None),
        (do.SetStatus("ivr"), "ivr", None),
        (do.SetStatus("queued", 30), "queued", None),
        (do.SetStatus("connecting"), "connecting", None),
        (do.SetStatus("connected"), "connected", None),
        (do.SetStatus("completed"), "completed", "completed"),
        (do.SetStatus("failed"), "failed", "failed"),
        (do.SetStatus("some_future_state"), "some_future_state", None),
    ],
)
async def test_a_status_event(action: do.SetStatus, state: str, terminal: str | None) -> None:
    async with wire() as w:
        await w.open()
        (event,) = await w.act(action)
        assert (event["event"], event["state"]) == ("chat_session_status", state)
        assert ("ewt" in event) == (state == "queued")
        assert w.chat.terminal == terminal


async def test_what_is_not_known_follows_once() -> None:
    async with wire(unknown_enums=True) as w:
        await w.open()
        events = await w.act(do.SetStatus("queued"), do.JoinParty())
        assert [event.get("state", event.get("type")) for event in events] == ["queued", "pondering", "hologram"]


# --- 2.2 terminal signals -------------------------------------------------------------------------------------------

SIGNALS: dict[str, tuple[do.Action, list[str]]] = {
    "ended": (do.EndChat(), ["ended"]),
    "timed_out": (do.TimeOut("too long"), ["inactivity_timeout"]),
    "failed": (do.Fail(), ["status"]),
    "completed": (do.Complete(), ["status"]),
    "gone": (do.DropChat(), []),
}


@pytest.mark.parametrize("signal", SIGNALS)
async def test_after_a_terminal_signal_everything_is_404_with_5005(signal: str) -> None:
    action, told = SIGNALS[signal]
    async with wire() as w:
        await w.open()
        await w.emulator.act(w.chat_id, do.Say("last words"), action)
        if told:
            assert names(await w.poll()) == ["message", *told]  # messages of the same batch are valid
        for method, path in (("GET", "events"), ("POST", "events"), ("GET", "history"), ("POST", "notifications")):
            answer = await w.ask(method, w.path(path), json={"events": []} if method == "POST" else None)
            assert (answer.status, answer.code) == (404, "5005")
        assert (await w.ask("GET", "chats/active")).status == 404
        assert (await w.post("chats"))["chat_id"] != w.chat_id


@pytest.mark.parametrize(
    ("signals", "told"),
    [
        (("completed", "ended"), ["status", "ended"]),
        (("timed_out", "ended"), ["inactivity_timeout", "ended"]),
        (("ended", "timed_out"), ["ended", "inactivity_timeout"]),
        (("failed", "ended"), ["status", "ended"]),
    ],
)
async def test_two_signals_in_a_row(signals: tuple[str, ...], told: list[str]) -> None:
    async with wire(end_signals=signals) as w:
        await w.open()
        assert names(await w.act(do.Conclude())) == told
        assert w.chat.terminal == signals[0]


@pytest.mark.parametrize("style", ["code_5005", "bare", "html"])
async def test_the_faces_of_a_chat_that_is_gone(style: str) -> None:
    async with wire(gone_style=style) as w:
        await w.open()
        await w.emulator.act(w.chat_id, do.DropChat())
        answer = await w.ask("GET", w.path("events"))
        assert answer.status == 404
        assert {"code_5005": dict, "bare": bytes, "html": bytes}[style] is type(answer.body)


async def test_what_is_not_terminal() -> None:
    faults = tuple(Fault("poll", code, status) for code, status in ((5509, 429), (5001, 503), (5500, 500), (5004, 502)))
    async with wire(faults=faults, after_cut="free") as w:
        await w.open()
        for _ in faults:
            assert (await w.ask("GET", w.path("events"))).status >= 400
        await w.act(do.Connect("ada"), do.LeaveParty("ada"))
        await w.act(do.SetStatus("queued"))
        assert await w.poll() == []
        await w.send({"event": "chat_session_disconnect"})
        assert w.chat.live
        assert (await w.get("chats/active"))["chat_id"] == w.chat_id


# --- 2.3 the order of real sessions ---------------------------------------------------------------------------------


async def everything(w: Any, until: str, say_at: str = "") -> list[Any]:
    """Poll until an event of this name came; at the first of `say_at` say something."""
    found: list[Any] = []
    for _ in range(400):
        answer = await w.ask("GET", w.path("events"))
        if answer.status != 200:
            break
        found += answer.body["events"]
        heard = names(found)
        if say_at and say_at in heard:
            say_at = ""
            await w.send(message("hello", "1"))
        if until in heard:
            break
    return found


def states(events: list[Any]) -> list[str]:
    return [event["state"] for event in events if event["event"] == "chat_session_status"]


async def test_steps_1_to_4_from_new_to_connected() -> None:
    async with wire("plain", pace=0.01) as w:
        assert (await w.get("availability"))["chat"] == "available"
        await w.open()
        events = await everything(w, "party_joined")
        assert states(events) == ["ivr", "queued", "connecting", "connected"]
        assert names(events)[:2] == ["status", "message"]  # the message comes before the status of the queue
        again = await w.post("chats")
        assert (again["chat_id"], again["is_new_chat"], again["state"]) == (w.chat_id, False, "connected")
        assert names(await w.history())[:6] == names(events)[:6]


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("status_first", ["status", "party_joined"]),
        ("party_first", ["party_joined", "status"]),
        ("party_only", ["party_joined"]),
    ],
)
async def test_step_4_status_and_party_come_in_either_order(order: str, told: list[str]) -> None:
    async with wire(connect_order=order) as w:
        await w.open()
        assert names(await w.act(do.Connect("ada"))) == told
        assert (await w.get("chats/active"))["state"] == "connected"


async def test_step_5_the_conversation() -> None:
    async with wire("plain", pace=0.01) as w:
        await w.open()
        events = await everything(w, "not_typing", say_at="party_joined")
        heard = [name for name in names(events) if name.startswith("message_") or "typing" in name]
        assert heard == ["message_delivered", "message_read", "typing", "not_typing"]


async def test_step_6_transfer_by_conference_and_by_queue() -> None:
    async with wire("conference-transfer", pace=0.01) as w:
        await w.open()
        events = await everything(w, "party_left", say_at="party_joined")
        parties = [name for name in names(events) if name.startswith("party")]
        assert parties == ["party_joined", "party_joined", "party_left"]
    async with wire("queue-transfer", pace=0.01) as w:
        await w.open()
        events = await everything(w, "party_left", say_at="party_joined")
        while names(events).count("party_joined") < 2:
            events += await w.poll()
        assert states(events)[-3:] == ["queued", "connecting", "connected"]
        assert names(events).index("party_left") < len(events) - 1


async def test_step_7_and_8_disconnect_survey_end_and_a_new_chat() -> None:
    async with wire("survey", pace=0.01) as w:
        await w.open()
        await everything(w, "party_joined")
        await w.send({"event": "chat_session_disconnect"})
        events = await everything(w, "form_show")
        form = events[-1]
        assert "party_left" in names(events)
        assert form["form_name"] == "survey_form"
        answer = {
            "event": "chat_session_form_data",
            "form_request_id": form["form_request_id"],
            "data": {"helpful": "yes"},
        }
        await w.send(answer)
        assert names(await everything(w, "ended"))[-1] == "ended"
        assert (await w.ask("GET", w.path("events"))).status == 404
        assert (await w.post("chats"))["is_new_chat"] is True


@pytest.mark.parametrize(
    ("scenario", "outcome"), [("failed", "failed"), ("no-agents", "failed"), ("queue-limit", "ended")]
)
async def test_the_branches_where_nobody_comes(scenario: str, outcome: str) -> None:
    async with wire(scenario, pace=0.0) as w:
        await w.open()
        for form in w.chat.forms.values():
            await w.send({"event": "chat_session_form_data", "form_request_id": form.request_id, "data": {}})
        events = await w.poll()
        assert "message" in names(events)
        assert w.chat.terminal == outcome


async def test_the_branch_where_the_agent_does_not_answer() -> None:
    async with wire("no-answer", pace=0.01) as w:
        await w.open()
        events = await everything(w, "party_joined")
        assert states(events) == ["ivr", "queued", "connecting", "queued", "connecting", "connected"]


async def test_the_branch_where_the_server_restarts() -> None:
    async with wire("restart", pace=0.0) as w:
        await w.open()
        answers = [await w.ask("GET", w.path("events")) for _ in range(5)]
        assert [answer.status for answer in answers] == [502, 502, 503, 503, 404]
        assert answers[2].headers["Retry-After"] == "1"
        assert answers[4].code == "5005"


# --- 2.4 404 and 5005 -----------------------------------------------------------------------------------------------


async def test_a_spurious_404_heals_with_request_chat() -> None:
    async with wire(gone_heals=True) as w:
        await w.open()
        await w.emulator.act(w.chat_id, do.DropChat())
        assert (await w.ask("GET", w.path("events"))).code == "5005"
        again = await w.post("chats")
        assert (again["chat_id"], again["is_new_chat"]) == (w.chat_id, False)
        assert await w.poll() == []


async def test_404s_that_say_nothing_about_the_session() -> None:
    async with wire(faults=(Fault("send", 5006),)) as w:
        assert (await w.ask("GET", "chats/active")).status == 404  # only: no active chat
        await w.open()
        assert (await w.send(message("a", "1"))).code == "5006"
        assert (await w.ask("GET", w.path("files/none"))).code == "5502"
        assert (await w.ask("GET", w.path("casehistory"))).code == "5601"
        assert await w.poll() == []


async def test_a_session_without_polls_is_dropped() -> None:
    async with wire(drop_without_polls_ms=50) as w:
        await w.open()
        await w.emulator.until(lambda centre: centre.chats[w.chat_id].terminal == "gone", 30)
        assert (await w.ask("GET", w.path("events"))).code == "5005"

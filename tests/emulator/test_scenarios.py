"""The catalogue of scenarios and the machinery that walks them: protocol.md 2.3 and section 9."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.emulator import AnswerTexts, Await, Centre, Fault, HttpResponse, Knobs, Pause, Scenario
from statemachine.emulator import actions as do
from statemachine.emulator.script import catalogue, scenario_named
from statemachine.emulator.steps import Branch, Condition, Repeat
from tests.emulator.driver import START, Driver, authorization, message, names

DISCONNECT = {"event": "chat_session_disconnect"}
END = {"event": "chat_session_end"}
OPENING = ["status", "message", "status", "status", "status", "party_joined", "message"]
ANSWER = ["message_delivered", "message_read", "typing", "not_typing", "message"]


def states(events: list[Any]) -> list[str]:
    return [event["state"] for event in events if event["event"] == "chat_session_status"]


def test_plain() -> None:
    driver = Driver("plain").open()
    events = driver.polled(10_000)
    assert names(events) == OPENING
    assert states(events) == ["ivr", "queued", "connecting", "connected"]
    assert events[2]["ewt"] == "30"
    driver.send(message("a", "1"))
    driver.send(message("b", "3"))
    events = driver.polled(10_000)
    assert names(events) == ANSWER + ANSWER
    assert [e["msg"] for e in events if "msg" in e] == ["You said: a", "You said: b"]
    assert [e["ref_msg_id"] for e in events if "ref_msg_id" in e] == ["1", "1", "3", "3"]
    driver.send(DISCONNECT)
    assert names(driver.polled(5_000)) == ["party_left", "message", "ended"]
    assert driver.rules == []


def test_a_text_sent_too_early_is_answered_by_the_agent_later() -> None:
    driver = Driver("plain").open()
    driver.send(message("early", "1"))
    assert names(driver.polled(10_000)) == OPENING + ANSWER


def test_the_client_ends() -> None:
    driver = Driver("plain").open()
    driver.polled(10_000)
    driver.send(END)
    assert names(driver.polled(1)) == ["ended"]
    assert driver.centre.next_deadline() is None


def test_disconnect_stops_the_answers() -> None:
    driver = Driver("plain").open()
    driver.polled(10_000)
    driver.send(message("a", "1"), DISCONNECT)
    assert names(driver.polled(5_000)) == ["message_delivered", "party_left", "message", "ended"]


@pytest.mark.parametrize("transfer", ["conference", "queue"])
def test_demo(transfer: str) -> None:
    driver = Driver("demo", transfer=transfer, pace=0.05).open()
    events = driver.polled(2_000)
    driver.send(message("a", "1"))
    events += driver.polled(1_000)
    assert names(events)[-1] == "timeout_warning"
    driver.send(message("yes", "3"))
    events += driver.polled(1_000)
    driver.send(message("no, thanks", "5"))
    events += driver.polled(2_000)
    assert names(events).count("party_joined") == 2
    assert states(events).count("queued") == (2 if transfer == "queue" else 1)
    assert names(events)[-1] == "ended"
    assert driver.rules == []


def test_demo_without_an_answer_to_the_warning() -> None:
    driver = Driver("demo").open()
    driver.polled(10_000)
    driver.send(message("a", "1"))
    assert names(driver.polled(120_000))[-2:] == ["timeout_warning", "inactivity_timeout"]


@pytest.mark.parametrize(
    ("scenario", "last"),
    [
        ("inactivity", ["timeout_warning", "inactivity_timeout"]),
        ("failed", ["message", "status"]),
    ],
)
def test_scenarios_that_end_by_themselves(scenario: str, last: list[str]) -> None:
    driver = Driver(scenario).open()
    assert names(driver.polled(60_000))[-2:] == last
    assert not driver.chat.live


def test_lost() -> None:
    driver = Driver("lost").open()
    assert names(driver.polled(60_000)) == OPENING
    assert driver.chat.terminal == "gone"
    assert driver.error("POST", f"chats/{driver.chat_id}/events", {}) == (404, "5005")


def test_survey() -> None:
    driver = Driver("survey").open()
    driver.polled(10_000)
    driver.send(DISCONNECT)
    left, form = driver.polled(5_000)
    assert (names([left, form]), form["form_name"]) == (["party_left", "form_show"], "survey_form")
    data = {"form_request_id": form["form_request_id"], "form_name": "survey_form", "data": {"helpful": "5"}}
    driver.send({"event": "chat_session_form_data", **data})
    assert names(driver.polled(5_000)) == ["message", "ended"]


def test_a_survey_that_nobody_answers() -> None:
    driver = Driver("survey").open()
    driver.polled(10_000)
    driver.send(DISCONNECT)
    assert names(driver.polled(120_000))[-1] == "ended"


def test_queue_transfer() -> None:
    driver = Driver("queue-transfer").open()
    driver.polled(10_000)
    driver.send(message("a", "1"))
    events = driver.polled(20_000)
    assert states(events) == ["queued", "connecting", "connected"]
    assert events[-1]["msg"] == "Hello, this is Grace. I take over."


@pytest.mark.parametrize("by_text", [True, False])
def test_forms(by_text: bool) -> None:
    driver = Driver("forms").open()
    (prompt,) = [event for event in driver.polled(5_000) if "form_name" in event]
    assert prompt["form_name"] == ""
    reply = {
        "event": "chat_session_form_data",
        "form_request_id": "1",
        "form_name": "",
        "data": {"text": "42"},
    }
    driver.send(message("42", "1") if by_text else reply)
    (named,) = [event for event in driver.polled(5_000) if "form_name" in event]
    driver.send({**reply, "form_request_id": named["form_request_id"], "form_name": "contact_form"})
    events = driver.polled(20_000)
    (secure,) = [event for event in events if "form_id" in event]
    assert "case_set" in names(events)
    answer = {"form_request_id": secure["form_request_id"], "form_name": "payment", "data": {"card": "1"}}
    driver.send({"event": "chat_session_secure_form_data", **answer})
    assert driver.polled(5_000)[-1]["msg"] == "Thank you, that is all I need."
    assert driver.rules == []


def test_a_secure_form_that_nobody_answers_is_cancelled() -> None:
    driver = Driver("forms").open()
    driver.polled(5_000)
    driver.send(message("42", "1"))
    driver.polled(400_000)
    assert driver.chat.forms["3"].cancelled


def test_flaky_loses_nothing() -> None:
    """A client that retries with patience gets everything, and the centre gets every text."""
    driver = Driver("flaky").open()
    got: list[Any] = []
    statuses: list[int] = []
    texts = ["a", "b", "c"]
    for _ in range(80):
        ticket = driver.start_poll()
        while ticket not in driver.answers:
            due = driver.centre.next_deadline()
            assert due is not None
            driver.now = due
            driver.take(driver.centre.tick(due))
        answer = driver.answers[ticket]
        statuses.append(answer.status)
        driver.now += 0 if answer.status == 200 else 1_000
        if answer.status == 200:
            got += json.loads(answer.body)["events"]
        if texts and driver.chat.listening:
            body = {"events": [message(texts[0], texts[0])]}
            response = driver.call("POST", f"chats/{driver.chat_id}/events", body)
            statuses.append(response.status)
            if response.status == 200 or texts[0] in driver.chat.client_texts:
                texts.pop(0)
        if not texts and got[-1].get("msg") == "You said: c":
            break
    assert {0, 429, 500, 502, 503, 504} <= set(statuses)
    assert got == [entry.event for entry in driver.chat.log if entry.direction == "to_client"]
    assert [text for _, text in driver.chat.texts_received] == ["a", "b", "c"]
    assert driver.rules == []


def test_silent() -> None:
    driver = Driver("silent").open()
    driver.send(message("a", "1"), END)
    assert driver.polled(60_000) == []
    assert driver.chat.live


def test_the_catalogue() -> None:
    for name in catalogue():
        assert scenario_named(name).name == name
    with pytest.raises(ValueError, match="no scenario 'plian'; did you mean 'plain'"):
        scenario_named("plian")
    with pytest.raises(ValueError, match=re.escape(f"no scenario 'xyzzy'; there are {', '.join(catalogue())}")):
        scenario_named("xyzzy")


def test_a_scenario_of_ones_own() -> None:
    own = Scenario(
        "own",
        "an example",
        script=(Pause(1_000), Await(("chat_session_location",), 5_000, otherwise=(do.Say("no?"),)), AnswerTexts()),
        on_text=(do.Say("<{text}>"),),
    )
    driver = Driver(own, pace=2.0).open()
    driver.send(message("early", "1"))
    events = driver.polled(20_000)
    assert [event["msg"] for event in events] == ["no?", "&lt;early&gt;"]
    assert driver.centre.selection.scenario.name == "own"


def test_await_accepts_what_came_before_only_if_told() -> None:
    for earlier, count in ((True, 1), (False, 0)):
        script = (Pause(1_000), Await(("chat_session_message",), earlier=earlier), do.Say("got it"))
        driver = Driver(Scenario("own", "", script=script)).open()
        driver.send(message("early", "1"))
        assert len(driver.polled(5_000)) == count


def play(centre: Centre, moves: list[tuple[int, int]], start: int = START) -> list[tuple[int, HttpResponse]]:
    """Drive a centre with numbers; what it answered, in order."""
    driver = Driver()
    driver.centre, driver.now, driver.ticket = centre, start, 10_000 if start > START else 0
    driver.chat_id = next(iter(centre.chats), "")
    if not driver.chat_id:
        driver.open()
    for kind, ms in moves:
        driver.wait(ms)
        if kind == 0:
            driver.start_poll()
        elif kind == 1:
            driver.call("POST", f"chats/{driver.chat_id}/events", {"events": [message(f"t{ms}", str(ms))]})
        elif kind == 2:
            driver.take(centre.cut(driver.now, driver.ticket))
        elif kind == 3:
            driver.call("POST", f"chats/{driver.chat_id}/events", {"events": [DISCONNECT]})
        else:
            driver.call("GET", f"chats/{driver.chat_id}/history")
    driver.wait(30_000)
    return list(driver.answers.items())


MOVES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 8_000)), max_size=25)


@given(st.sampled_from(sorted(catalogue())), MOVES, MOVES)
def test_the_same_moves_give_the_same_answers(
    name: str, first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    one, two = (Centre(Knobs(hold_jitter_ms=3_000), name) for _ in range(2))
    assert play(one, first) == play(two, first)
    later = START + 1_000_000
    assert play(two, second, later) == play(one, second, later)
    assert two.violations == one.violations
    assert [chat.log for chat in two.chats.values()] == [chat.log for chat in one.chats.values()]


def said(driver: Driver, ms: int = 60_000) -> list[str]:
    return [event["msg"] for event in driver.polled(ms) if event["event"] == "chat_session_message"]


def test_a_script_branches_on_what_the_client_says() -> None:
    ask = Await(("chat_session_message", "chat_session_form_data"))
    script = (
        do.ShowForm("f"),
        ask,
        Branch(Condition(says=("YES", "sure")), (do.Say("good"),), (do.Say("bad"),)),
        ask,
        Branch(Condition(form={"helpful": "no"}, event=("chat_session_form_data",)), (do.Say("sorry"),)),
        Branch(Condition(knobs={"receipts": "off"}), (do.Say("off"),), (do.Say("on"),)),
    )
    driver = Driver(Scenario("own", "", script)).open()
    driver.send(message("Oh yes, please", "1"))
    assert said(driver) == ["good"]
    driver.send({"event": "chat_session_form_data", "form_request_id": "1", "data": {"helpful": "no"}})
    assert said(driver) == ["sorry", "on"]


def test_a_reaction_branches_on_the_text_it_answers() -> None:
    own = Scenario(
        "own", "", (AnswerTexts(),), on_text=(Pause(10), Branch(Condition(says=("a",)), (do.Say("{text}!"),)))
    )
    driver = Driver(own).open()
    driver.send(message("a", "1"), message("b", "3"), message("aa", "5"))
    assert said(driver) == ["a!", "aa!"]


def test_a_script_repeats_so_often_or_until() -> None:
    again = Repeat((do.Say("?"), Await(("chat_session_message",))), 3, until=Condition(says=("ok",)))
    for texts, count in ((["no", "no", "no"], 3), (["no", "ok"], 2)):
        driver = Driver(Scenario("own", "", (again, do.Say("done")))).open()
        heard = said(driver, 1_000)
        for number, text in enumerate(texts):
            driver.send(message(text, str(number)))
            heard += said(driver, 1_000)
        assert heard == ["?"] * count + ["done"]


def test_repeating_for_ever_without_a_pause_lets_time_go_on() -> None:
    driver = Driver(Scenario("own", "", (Repeat((Pause(1_000), do.Say("tick"))),)), pace=0.0).open()
    driver.wait(100)
    assert 90 < len(driver.chat.log) < 110


def test_the_app_id_names_the_scenario() -> None:
    centre = Driver("silent")
    survey, other = (authorization("c", app) for app in ("failed", "nothing"))
    for header in (survey, other):
        centre.post("chats", {}, headers={"Authorization": header})
    assert [chat.scenario.name for chat in centre.centre.chats.values()] == ["failed", "silent"]
    centre.wait(10_000)
    assert [chat.terminal for chat in centre.centre.chats.values()] == ["failed", None]


def test_scenarios_have_knobs_of_their_own_side_by_side() -> None:
    driver = Driver("silent")
    headers = {"Authorization": authorization("c", "no-agents")}
    assert driver.get("availability", headers=headers) == {"chat": "notAvailable"}
    assert driver.get("availability")["chat"] == "available"


def test_knobs_are_turned_for_all_or_for_one_app_id_while_chats_run() -> None:
    driver = Driver("silent", hold_ms=15_000).open()
    poll = driver.start_poll()
    driver.take(driver.centre.set_knobs(driver.now, {"available": "false"}, "one"))
    assert driver.get("availability", headers={"Authorization": authorization("c", "one")})["chat"] == "notAvailable"
    assert driver.get("availability")["chat"] == "available"
    driver.take(driver.centre.set_knobs(driver.now, {"drop_without_polls_ms": 1_000}))
    driver.take(driver.centre.cut(driver.now, poll))
    driver.wait(2_000)
    assert driver.chat.terminal == "gone"
    with pytest.raises(ValueError, match="unknown knob"):
        driver.centre.set_knobs(driver.now, {"nonsense": 1})
    assert driver.centre.knobs.drop_without_polls_ms == 1_000


def test_a_fault_that_has_struck_does_not_strike_again_when_a_knob_is_turned() -> None:
    driver = Driver("silent", faults=(Fault("availability"),))
    driver.error("GET", "availability")
    driver.centre.set_knobs(driver.now, {"pace": 2})
    assert driver.get("availability")["chat"] == "available"


def test_a_chat_goes_on_with_another_scenario() -> None:
    driver = Driver("silent").open()
    driver.take(driver.centre.start(driver.now, driver.chat_id, scenario_named("failed")))
    driver.wait(10_000)
    assert driver.chat.terminal == "failed"


@pytest.mark.parametrize("name", [name for name in catalogue() if name not in ("silent", "gone-heals")])
def test_every_scenario_comes_to_an_end_with_a_client_that_plays_along(name: str) -> None:
    driver = Driver(name).open()
    for number in range(40):
        driver.wait(6_000)
        if not driver.chat.live:
            break
        if number == 15:
            driver.call("POST", f"chats/{driver.chat_id}/events", {"events": [DISCONNECT]})
        elif number < 15:
            forms = [form for form in driver.chat.forms.values() if not form.answers and not form.secure]
            answers = [
                {"event": "chat_session_form_data", "form_request_id": form.request_id, "data": {}} for form in forms
            ]
            events = [message(f"parcel {number}", str(number)), *answers]
            driver.call("POST", f"chats/{driver.chat_id}/events", {"events": events})
        if driver.chat.held is None and driver.chat.live:
            driver.start_poll()
    assert not driver.chat.live

"""The rules of protocol.md section 8 that a server can see a client break."""

from __future__ import annotations

import re
from inspect import getsource
from itertools import product
from typing import Any, get_args, get_type_hints

import pytest
from attrs import asdict

from statemachine.emulator import Fault, judge
from statemachine.emulator import actions as do
from statemachine.emulator.chat import HeldPoll
from statemachine.emulator.rules import RULES, SERVER_RULES, Rule
from tests.emulator.driver import Driver, authorization, message


def test_every_rule_says_all_about_itself() -> None:
    kinds = set(product(*map(get_args, KINDS)))
    for rule in RULES.values():
        assert all(asdict(rule).values())
        assert "{" not in rule.window + rule.excuse, rule
        assert (rule.level, rule.basis, rule.harms, rule.seen_by) in kinds


KINDS = [get_type_hints(Rule)[name] for name in ("level", "basis", "harms", "seen_by")]


def test_a_rule_is_a_must_only_where_it_is_written_or_somebody_else_is_harmed() -> None:
    for rule in RULES.values():
        assert rule.level == "should" or rule.basis == "document" or rule.harms != "user", rule
        assert ("API reference" in rule.source) == (rule.basis == "document"), rule


def test_the_judge_notes_the_rules_that_a_server_sees() -> None:
    noted = {name for name in re.findall(r'"(\w+)"', getsource(judge)) if name in RULES}
    assert noted == SERVER_RULES


def test_polling_after_the_end_was_handed_over() -> None:
    driver = Driver().open()
    driver.act(do.Fail())
    driver.poll()
    driver.start_poll()
    assert driver.rules == ["F1"]
    assert driver.centre.violations[0].chat_id == driver.chat_id


def test_polling_after_the_end_was_lost_on_its_way_is_innocent() -> None:
    driver = Driver().open()
    driver.act(do.EndChat())
    driver.poll()
    driver.take(driver.centre.cut(driver.now, driver.ticket))
    driver.start_poll()
    assert driver.rules == []


def test_sending_after_the_end() -> None:
    driver = Driver().open()
    driver.act(do.EndChat())
    driver.poll()
    body = {"events": [message("hi", "1")]}
    driver.call("POST", f"chats/{driver.chat_id}/events", body)
    assert driver.rules == []  # it may have been on its way
    driver.now += 2_000
    driver.call("POST", f"chats/{driver.chat_id}/events", body)
    assert driver.rules == ["F37"]


@pytest.mark.parametrize(("omits", "rules"), [((), ["F37"]), (("chat_session_ended",), [])])
def test_a_history_reports_the_end_only_where_it_has_the_end(omits: tuple[str, ...], rules: list[str]) -> None:
    driver = Driver(history_after_end="kept", history_omits=omits).open()
    driver.act(do.EndChat())
    driver.call("GET", f"chats/{driver.chat_id}/history")
    driver.now += 2_000
    driver.call("POST", f"chats/{driver.chat_id}/events", {"events": [message("hi", "1")]})
    assert driver.rules == rules


@pytest.mark.parametrize(
    ("held", "by_poll", "rules"),
    [
        (HeldPoll(2, 0, 60_000), False, []),
        (HeldPoll(2, 0, 60_000, cut=True), False, ["F37"]),
        (None, False, ["F37"]),
        (None, True, ["F37"]),
    ],
    ids=["poll held", "held poll cut", "no poll", "answer to the poll"],
)
def test_a_404_to_another_call_reports_the_end_at_its_third_time_and_where_no_poll_is_held(
    held: HeldPoll | None, by_poll: bool, rules: list[str]
) -> None:
    driver = Driver().open()
    state = driver.centre.selection.of_chat(driver.chat)
    driver.chat.held = held
    for _ in range(1 if by_poll else 3):
        judge.chat_refused(state, driver.chat, driver.now, 3, by_poll)
    judge.sent(state, driver.chat, driver.now + 2_000, 4)
    assert driver.rules == rules


def test_a_chat_that_is_lost_beside_a_held_poll_is_reported_by_that_poll() -> None:
    driver = Driver().open()
    poll = driver.start_poll()
    driver.act(do.DropChat())
    assert driver.answers[poll].status == 404
    driver.now += 2_000
    driver.start_poll()
    assert driver.rules == ["F1"]


def test_one_poll_confirms_what_another_call_reported() -> None:
    driver = Driver().open()
    driver.act(do.DropChat())
    for _ in range(2):
        driver.call("POST", f"chats/{driver.chat_id}/events", {"events": [message("hi", "1")]})
        driver.now += 2_000
    driver.start_poll()
    assert driver.rules == []
    driver.now += 2_000
    driver.start_poll()
    assert driver.rules == ["F1"]


def test_what_came_with_the_end_may_be_answered_slowly() -> None:
    driver = Driver().open()
    driver.act(do.Say("bye"), do.EndChat())
    driver.poll()
    driver.now += 5_000
    driver.call("POST", f"chats/{driver.chat_id}/events", {"events": [receipt("0")]})
    assert driver.rules == []
    driver.now += 5_000
    driver.call("POST", f"chats/{driver.chat_id}/events", {"events": [message("hi", "1")]})
    assert driver.rules == ["F37"]


def test_sending_to_a_session_whose_end_was_not_told_yet_is_innocent() -> None:
    driver = Driver().open()
    driver.act(do.EndChat())
    driver.now += 60_000
    driver.call("POST", f"chats/{driver.chat_id}/events", {"events": []})
    assert driver.rules == []


@pytest.mark.parametrize(("pause", "rules"), [(0, ["F3"]), (99, ["F3"]), (100, [])])
def test_polling_again_at_once_after_an_error(pause: int, rules: list[str]) -> None:
    driver = Driver(faults=(Fault("poll"),)).open()
    driver.start_poll()
    driver.now += pause
    driver.start_poll()
    assert driver.rules == rules


@pytest.mark.parametrize("how", [{"drop": True}, {"html": True, "status": 200}])
@pytest.mark.parametrize(("more", "rules"), [(0, []), (1, ["F3"])])
def test_a_poll_without_a_readable_answer_may_be_repeated_once(
    how: dict[str, Any], more: int, rules: list[str]
) -> None:
    driver = Driver(faults=(Fault("poll", times=1 + more, **how),)).open()
    for _ in range(2 + more):
        driver.start_poll()
    assert driver.rules == rules
    assert [one.message for one in driver.centre.violations] == ["poll again 0 ms after no readable answer"] * more


def test_a_poll_after_an_error_is_no_repetition_by_a_library() -> None:
    driver = Driver(faults=(Fault("poll", drop=True), Fault("poll"))).open()
    driver.start_poll()
    driver.now += 1_000
    driver.start_poll()
    driver.now += 1
    driver.start_poll()
    assert [one.message for one in driver.centre.violations] == ["poll again 1 ms after error 5001"]


def test_an_error_page_of_a_proxy_is_named_by_its_status() -> None:
    driver = Driver(faults=(Fault("create", status=502, html=True, times=3),))
    for _ in range(3):
        driver.call("POST", "chats", {})
    assert driver.centre.violations[0].message == "create again 0 ms after status 502 without an error code"


def test_creating_for_ever_with_a_bad_configuration() -> None:
    driver = Driver(app_ids=("other",))
    for _ in range(5):
        driver.now += 4_000
        driver.call("POST", "chats", {})
    assert driver.rules == ["F27"] * 3


def test_two_creations_that_were_on_their_way_together_are_no_repetition() -> None:
    driver = Driver(faults=(Fault("create", times=3),))
    driver.error("POST", "chats", {})
    driver.error("POST", "chats", {})
    assert driver.rules == []
    driver.error("POST", "chats", {})
    assert driver.rules == ["F3"]
    assert driver.centre.violations[0].message == "create again 0 ms after error 5001"
    assert len(driver.centre.violations[0].tickets) == 3


def test_one_id_for_two_texts_and_one_text_twice() -> None:
    driver = Driver().open()
    driver.send(message("a", "1"))
    driver.send(message("b", "1"))
    driver.send(message("a", "1"))
    driver.send(message("a"), message("a"), message("a", "2"))
    assert driver.rules == ["F11", "F12", "F11"]
    assert driver.centre.violations[-1].message == "gives a message no id"
    assert [text for _, text in driver.chat.texts_received] == ["a", "b", "a", "a", "a", "a"]


def receipt(reference: str, name: str = "read") -> dict[str, Any]:
    return {"event": f"chat_session_message_{name}", "ref_msg_id": reference}


def test_receipts() -> None:
    driver = Driver().open()
    driver.act(do.Say("hello"))
    driver.send(receipt("0", "delivered"), receipt("0"))
    assert driver.rules == []
    driver.send(message("own", "1"), receipt("1"), receipt("77"), receipt("0"))
    assert driver.rules == ["F15"] * 3
    reasons = [violation.message.rpartition("'")[2].strip() for violation in driver.centre.violations]
    assert reasons == ["for its own message", "for an unknown message", "once more"]


def test_receipts_on_v1() -> None:
    driver = Driver(version=1).open()
    driver.act(do.Say("hello"))
    driver.send(receipt("0"))
    assert driver.rules == ["F15"]


@pytest.mark.parametrize("nothing", ["null", "undefined", "None"])
def test_an_id_that_is_none(nothing: str) -> None:
    driver = Driver().open()
    driver.send(message("a", nothing), message("b", nothing))
    assert driver.rules == ["F11"]


def test_one_id_for_a_message_and_a_place() -> None:
    driver = Driver().open()
    place = {"event": "chat_session_location", "latitude": "1", "longitude": "2", "msg_id": "1"}
    driver.send(message("a", "1"), place)
    assert driver.rules == ["F11"]


def test_a_file_announced_twice() -> None:
    driver = Driver().open()
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nabc\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    file_id = driver.post("files", body, headers=headers)["file_id"]
    file = {"event": "chat_session_file", "file_id": file_id, "file_type": "attachment"}
    driver.send({**file, "msg_id": "1"})
    driver.send({**file, "msg_id": "3"})  # shared once more, on purpose
    assert driver.rules == []
    driver.send({**file, "msg_id": "1"})
    driver.send({**file, "msg_id": ""})
    driver.send({**file, "msg_id": ""})
    assert driver.rules == ["F12", "F12"]


def test_sending_without_polling_any_more() -> None:
    driver = Driver(drop_without_polls_ms=None).open()
    driver.poll_once()
    driver.now += 60_001
    driver.send(message("a", "1"), message("b", "3"))
    assert driver.rules == []
    driver.send(message("c", "5"), message("d", "7"))
    assert driver.rules == ["F5"]


def test_a_client_that_waits_for_a_push_need_not_poll() -> None:
    driver = Driver(drop_without_polls_ms=None).open()
    driver.post(f"chats/{driver.chat_id}/notifications", {"android_firebase_device_token": "t"})
    driver.now += 100_000
    driver.send(*(message("a", str(number)) for number in (1, 3, 5)))
    assert driver.rules == []


def test_an_error_taken_for_a_chat() -> None:
    driver = Driver().open()
    driver.error("GET", "chats/undefined/events")
    assert driver.rules == ["F24"]
    assert driver.centre.violations[0].client.client_id == "client-1"


def test_a_second_poll_and_polls_by_a_timer() -> None:
    driver = Driver().open()
    first = driver.start_poll()
    driver.now += 5_000
    second = driver.start_poll()
    driver.wait(10_000)
    assert driver.rules == ["F22"]
    assert driver.centre.violations[0].tickets == (first, second)
    driver.start_poll()
    for _ in range(3):
        driver.now += 4_000
        driver.start_poll()
    driver.wait(15_000)
    assert driver.rules == ["F22", "F22", "F22", "F22", "F23"]
    assert len(driver.centre.violations[-1].tickets) == 6  # two were held, four came meanwhile


def test_asking_for_a_chat_that_is_polled_returns_it_and_starts_no_second_poller() -> None:
    driver = Driver().open()
    first = driver.start_poll()
    driver.post("chats", {})
    asked = driver.ticket
    driver.wait(15_000)
    assert driver.rules == []
    first = driver.start_poll()
    driver.post("chats", {})
    asked = driver.ticket
    second = driver.start_poll()
    assert driver.rules == []  # it may have broken off its first poll
    driver.wait(15_000)
    assert driver.rules == ["F26"]
    assert driver.centre.violations[0].tickets == (first, asked, second)


def test_asking_for_a_chat_after_the_poll_broke_off_is_innocent() -> None:
    driver = Driver().open()
    poll = driver.start_poll()
    driver.post("chats", {})
    driver.take(driver.centre.cut(driver.now, poll))
    driver.start_poll()
    driver.wait(60_000)
    assert driver.rules == []


def test_a_client_that_calls_itself_nothing() -> None:
    driver = Driver()
    headers = {"Authorization": authorization("undefined")}
    driver.get("availability", headers=headers)
    driver.get("availability", headers=headers)
    assert driver.rules == ["F29"]


def test_a_fault_names_who_did_it_and_the_requests_that_make_it() -> None:
    driver = Driver().open()
    driver.send(message("a", "1"))
    first = driver.ticket
    driver.send(message("a", "1"))
    (found,) = driver.centre.violations
    assert found.tickets == (first, driver.ticket)
    assert found.client == driver.chat.key
    headers = {"Authorization": authorization("thief")}
    driver.error("GET", f"chats/{driver.chat_id}/history", headers=headers)
    assert driver.centre.violations[-1].client.client_id == "thief"


def test_strangers_without_a_cookie_are_not_one_client() -> None:
    driver = Driver(accepts_chats=False)
    for _ in range(2):
        driver.error("POST", "chats", {}, headers={"Authorization": authorization("WebChat")})
    assert driver.rules == []


def test_giving_up_one_poll_after_the_other() -> None:
    driver = Driver(judge_aborts=3, after_cut="free").open()
    for _ in range(3):
        driver.take(driver.centre.cut(driver.now, driver.start_poll()))
    assert driver.rules == ["F21"]


def test_aborts_between_answers_are_forgiven() -> None:
    driver = Driver(judge_aborts=2, after_cut="free").open()
    for _ in range(3):
        driver.take(driver.centre.cut(driver.now, driver.start_poll()))
        driver.start_poll()
        driver.wait(15_000)
    assert driver.rules == []


def test_disconnect_and_end_together() -> None:
    leave, end = {"event": "chat_session_disconnect"}, {"event": "chat_session_end"}
    driver = Driver().open()
    driver.send(leave, end)
    assert driver.rules == ["F30"]
    driver = Driver().open()
    driver.send(leave)
    driver.now += 250
    driver.send(end)
    assert driver.rules == []


def answer(request_id: str, **data: str) -> dict[str, Any]:
    return {"event": "chat_session_form_data", "form_request_id": request_id, "form_name": "", "data": data}


def test_forms_answered_twice_unknown_or_also_as_a_message() -> None:
    driver = Driver().open()
    driver.act(do.ShowForm("a"), do.ShowForm())
    driver.send(answer("1", name="x"))
    assert driver.rules == []
    driver.send(answer("1"), answer("99"))
    driver.send(answer("2", text="blue"), message("blue", "1"))
    assert driver.rules == ["F31"] * 3
    assert [form.answers for form in driver.chat.forms.values()] == [2, 1]


def test_a_prompt_answered_by_a_text_is_answered() -> None:
    driver = Driver().open()
    driver.act(do.ShowForm("a"), do.ShowForm())
    driver.send(answer("1"), message("blue", "1"))
    assert driver.rules == []
    driver.send(answer("1"), answer("2", text="blue"))
    assert driver.rules == ["F31"] * 2


def test_a_text_that_crosses_a_prompt_is_no_answer_of_the_client() -> None:
    driver = Driver().open()
    driver.act(do.ShowForm())
    driver.send(message("hello", "1"))
    driver.send(answer("1", text="blue"))
    assert driver.rules == []
    driver.send(answer("1", text="blue"))
    assert driver.rules == ["F31"]


def test_a_cancelled_form_is_answered() -> None:
    driver = Driver().open()
    driver.act(do.ShowForm("a"))
    driver.send({"event": "chat_form_data_cancel", "form_request_id": "1"})
    assert driver.chat.forms["1"].cancelled


def test_typing_that_never_stops() -> None:
    driver = Driver(judge_typing_ms=10_000).open()
    driver.send({"event": "chat_session_typing"})
    driver.polled(30_000)
    assert driver.rules == ["F32"]
    driver.send({"event": "chat_session_typing"}, {"event": "chat_session_not_typing"})
    driver.polled(60_000)
    assert driver.rules == ["F32"]


def test_typing_that_arrives_after_the_end_was_overtaken() -> None:
    """Courtesies travel beside the queue: a word said before the end may arrive after it."""
    driver = Driver(judge_typing_ms=10_000).open()
    driver.send({"event": "chat_session_end"}, {"event": "chat_session_typing"})
    driver.polled(30_000)
    assert "F32" not in driver.rules


def test_hot_loop() -> None:
    driver = Driver(hold_ms=0, judge_hot_polls=5).open()
    for _ in range(10):
        driver.poll()
        driver.now += 300
    assert driver.rules == []
    for _ in range(5):
        driver.poll()
    assert driver.rules == ["F34"]


def test_polls_that_a_cache_may_answer() -> None:
    driver = Driver(hold_ms=0).open()
    path = f"chats/{driver.chat_id}/events"
    driver.get(path, headers={"Cache-Control": ""}, query=(("tenantUrl", "tenant.example"), ("nonce", "1")))
    assert driver.rules == []
    driver.get(path, headers={"Cache-Control": ""})
    driver.get(path, headers={"Cache-Control": ""})
    assert driver.rules == ["cache"]


def test_requests_to_another_clients_chat() -> None:
    driver = Driver().open()
    headers = {"Authorization": authorization("thief")}
    driver.error("GET", f"chats/{driver.chat_id}/history", headers=headers)
    assert driver.rules == ["F35"]


def test_a_refused_stranger_makes_nobody_else_guilty() -> None:
    driver = Driver().open()
    path = f"chats/{driver.chat_id}/events"
    driver.error("GET", path, headers={"Authorization": authorization("thief")})
    driver.start_poll()
    assert driver.rules == ["F35"]


def test_the_list_of_faults_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statemachine.emulator.judge.MAX_VIOLATIONS", 3)
    monkeypatch.setattr("statemachine.emulator.judge._MAX_CLIENTS", 3)
    driver = Driver(app_ids=("other",))
    for number in range(5):
        driver.error("POST", "chats", {}, headers={"Authorization": authorization("")})
        driver.error("POST", "chats", {}, headers={"Authorization": authorization(f"c{number}")})
    assert len(driver.centre.violations) == 3

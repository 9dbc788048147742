"""What a replay makes of a capture."""

import json
from typing import Any

import pytest

from statemachine.replay import Replay, play, read_capture, report
from tests.replay.hars import (
    ADA,
    CHAT,
    ENDED,
    START,
    Har,
    joined,
    left,
    own,
    receipt,
    said,
    status,
    whole,
)


def replayed(*files: bytes, chat_id: str = "") -> Replay:
    return play(read_capture([(f"file {number}", data) for number, data in enumerate(files)]), chat_id)


def container(*events: object) -> bytes:
    return json.dumps({"events": events}).encode()


def lines(*values: object) -> bytes:
    return b"\n".join(json.dumps(value).encode() for value in values) + b"\n"


def phases(replay: Replay) -> list[str]:
    return [row.phase for row in replay.rows]


def notes(replay: Replay) -> list[str]:
    return [note for row in replay.rows for note in row.notes]


# --- bare entries ---------------------------------------------------------------------------------------------------


def test_a_container_is_a_chat_under_way() -> None:
    replay = replayed(container(status("queued"), status("connecting"), joined(), said("hi", "0")))
    assert phases(replay) == ["queued", "connecting", "agent_joined", "agent_joined"]
    assert replay.session.phase == "agent_joined"
    assert replay.session.outcome is None


def test_the_engine_would_confirm_what_came_and_poll_on() -> None:
    told = report(replayed(container(joined(), said("hi", "0"))))["timeline"]
    assert [command["type"] for command in told[-1]["commands"]] == ["poll", "post_ephemeral"]  # type: ignore[index]


def test_nothing_is_polled_for_events_that_came_by_themselves() -> None:
    told: Any = report(replayed(lines(joined(), said("hi", "0"))))["timeline"]
    assert [[command["type"] for command in step["commands"]] for step in told] == [[], ["post_ephemeral"]]


def test_the_outcome_is_fixed_at_the_end_of_the_batch() -> None:
    replay = replayed(container(ENDED, said("bye", "0")))
    assert phases(replay) == ["ended", "ended"]
    assert [one.late for one in replay.transcript] == [False]


def test_what_comes_after_the_end_is_counted_and_changes_nothing() -> None:
    replay = replayed(container(ENDED), container(status("queued"), said("late", "1")))
    assert replay.session.outcome == "ended"
    assert replay.events == 3
    assert [one.late for one in replay.transcript] == [True]
    assert notes(replay).count("came after the end") == 2


def test_unknown_and_malformed_entries_are_counted_and_survived() -> None:
    replay = replayed(
        container({"event": "chat_session_smiley"}, 5, {"event": "chat_session_status"}, status("queued"))
    )
    assert (replay.events, replay.unknown, replay.malformed) == (4, 1, 2)
    assert replay.session.phase == "queued"


def test_a_cut_last_line_is_one_malformed_entry() -> None:
    replay = replayed(lines(status("queued"), joined())[:-20])
    assert (replay.events, replay.malformed) == (2, 1)


def test_the_customer_is_known_by_the_chat_id() -> None:
    data = container(said("mine", "1", party="C-1"), said("theirs", "2"))
    assert [one.own for one in replayed(data).transcript] == [False, False]
    assert [one.own for one in replayed(data, chat_id="c-1").transcript] == [True, False]


def test_a_repeated_batch_is_told_once() -> None:
    replay = replayed(container(said("hi", "0")), container(said("hi", "0")))
    assert len(replay.transcript) == 1
    assert any(note.startswith("repeated_batch") for note in notes(replay))


def test_typing_twice_in_a_row_by_itself_is_no_repeated_batch() -> None:
    typing = {"event": "chat_session_typing", "party_id": ADA}
    assert notes(replayed(lines(joined(), typing, typing))) == []


def test_times_are_those_of_the_entries() -> None:
    replay = replayed(container(status("queued"), joined(at=3), said("hi", "0", at=4)))
    assert [row.at for row in replay.rows] == [None, START + 3_000, START + 4_000]


def test_an_empty_capture_is_a_capture() -> None:
    replay = replayed(container())
    assert replay.rows == []
    assert replay.session.phase == "idle"


# --- HAR ------------------------------------------------------------------------------------------------------------


def test_a_whole_chat() -> None:
    told: Any = report(replayed(whole().data()))
    assert (told["phase"], told["outcome"], told["chat_id"]) == ("ended", "ended", CHAT)
    assert (told["events"], told["unknown"], told["malformed"]) == (15, 1, 0)
    assert [party["name"] for party in told["parties"]] == ["Ada Larsen"]
    assert [(m["text"], m["own"], m["msg_id"], m["state"]) for m in told["messages"]] == [
        ("Hello, this is Ada", False, "0", None),
        ("Where is my order?", True, "1", "read"),
        ("It is on its way", False, "2", None),
    ]
    assert "top-secret" not in json.dumps(told)


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_a_chat_whose_request_is_not_shown(api: str) -> None:
    replay = replayed(Har(api).poll(0, status("queued")).poll(100, joined(), said("hi", "0")).data())
    assert replay.session.phase == "agent_joined"
    assert replay.session.config.api == api
    assert len(replay.transcript) == 1


def test_a_history_is_merged_with_what_is_live() -> None:
    har = Har().history(0, status("queued"), joined(), said("old", "0"), said("mine", "7", party=CHAT))
    replay = replayed(har.poll(50, said("old", "0"), said("new", "1")).data())
    assert [(one.text, one.own, one.historic) for one in replay.transcript] == [
        ("old", False, True),
        ("mine", True, True),
        ("new", False, False),
    ]
    assert replay.session.phase == "agent_joined"


@pytest.mark.parametrize("body", [{"error_code": 5005}, {"error_code": "5005"}, "<html>Not Found</html>", None])
def test_a_chat_that_the_server_does_not_know_is_gone(body: object) -> None:
    replay = replayed(Har().create().poll(50, joined()).poll(100, status=404, body=body).data())
    assert replay.session.outcome == "gone"


def test_gone_is_gone_also_while_the_engine_would_wait() -> None:
    har = Har().create().poll(50, joined()).poll(100, status=502, body="").poll(130, status=404, body="")
    assert replayed(har.data()).session.outcome == "gone"


@pytest.mark.parametrize("held", [30, 100])
def test_a_post_that_meets_a_404_ends_the_chat_if_the_poll_does(held: int) -> None:
    denied: Any = {"status": 404, "body": {"error_code": "5005"}}
    har = Har().create().post(50, own("hi", "1"), **denied).poll(held, took=120, **denied)
    replay = replayed(har.data())
    assert replay.session.outcome == "gone"
    assert report(replay)["messages"][0]["state"] == "failed"  # type: ignore[index]


def test_a_post_that_meets_a_404_does_not_end_the_chat_if_the_poll_is_answered() -> None:
    har = Har().create().post(50, own("hi", "1"), status=404, body={"error_code": "5005"}).poll(30, joined(), took=120)
    replay = replayed(har.data())
    assert replay.session.phase == "agent_joined"
    assert report(replay)["messages"][0]["state"] == "pending"  # type: ignore[index]


def test_refused_credentials_while_requesting_are_an_outcome() -> None:
    har = Har().call(0, "POST", "chats", 403, {"error_code": "3000"}, sent={})
    assert replayed(har.data()).session.outcome == "refused"


def test_refused_credentials_in_mid_session_block_the_link() -> None:
    replay = replayed(Har().create().poll(50, joined()).poll(100, status=403, body={"error_code": 2003}).data())
    assert replay.session.connection.name == "blocked"
    assert replay.session.outcome is None


def test_no_active_chat_and_then_a_new_one() -> None:
    har = Har().call(0, "GET", "chats/active", 404, {"error_code": "5005"}).create(100).poll(150, status("queued"))
    assert replayed(har.data()).session.phase == "queued"


def test_errors_that_ask_for_patience_cost_nothing() -> None:
    har = Har().create()
    for number, (code, body) in enumerate([(502, "<html>"), (429, {"error_code": 5509}), (0, None), (500, "")]):
        har.poll(100 + 20 * number, status=code, body=body, took=5)
    replay = replayed(har.poll(300, joined(), said("hi", "0")).data())
    assert replay.session.phase == "agent_joined"
    assert len(replay.transcript) == 1


def test_a_message_whose_answer_was_lost_is_sent_again_under_its_id() -> None:
    har = Har().create().poll(20, joined()).post(50, own("hi", "1"), status=0, took=100)
    har.post(400, own("hi", "1")).poll(450, receipt("delivered", "1"))
    replay = replayed(har.data())
    messages: Any = report(replay)["messages"]
    assert [(m["text"], m["state"]) for m in messages] == [("hi", "delivered")]
    assert "sent again, with the same id" in notes(replay)


def test_two_texts_under_one_id_are_two_messages() -> None:
    har = Har().create().post(50, own("one", "1")).post(100, own("two", "1"))
    assert [one.text for one in replayed(har.data()).transcript] == ["one", "two"]


def test_events_in_the_answer_of_a_v1_post_count() -> None:
    har = Har("v1").create().post(50, own("hi", "1"), body={"events": [joined(), said("yes", "2")]})
    replay = replayed(har.data())
    assert replay.session.phase == "agent_joined"
    assert [one.text for one in replay.transcript] == ["hi", "yes"]


def test_what_the_engine_would_refuse_is_said() -> None:
    form = {"event": "chat_session_form_data", "form_request_id": "7", "form_name": "x", "data": {}}
    har = Har().create().post(50, form)
    assert any("would refuse" in note for note in notes(replayed(har.data())))


def test_everything_a_client_may_post_is_played() -> None:
    har = (
        Har().create().poll(20, joined(), {"event": "chat_session_form_show", "form_request_id": "7", "form_name": "f"})
    )
    har.post(
        50,
        {"event": "chat_session_typing"},
        {"event": "chat_session_not_typing"},
        own("hi", "1"),
        {"event": "chat_session_file", "file_id": "F-1", "file_name": "a.png", "file_type": "image", "msg_id": "3"},
        {"event": "chat_session_location", "latitude": "1.0", "longitude": 2, "msg_id": "5"},
        {"event": "chat_session_form_data", "form_request_id": "7", "form_name": "f", "data": {"a": 1}},
        {"event": "chat_session_message_read", "ref_msg_id": "0"},
        {"event": "chat_session_navigation", "page": "http://x"},
        {"event": "chat_session_signaling", "data": {"type": "END_CALL"}},
        {"event": "chat_session_disconnect"},
    )
    replay = replayed(har.poll(100, left()).data())
    assert notes(replay) == []
    assert [(one.type, one.text) for one in replay.transcript] == [
        ("text", "hi"),
        ("file", "a.png"),
        ("location", "1.0, 2"),
    ]
    assert replay.session.phase == "wrapping_up"


def test_two_polls_at_once_are_noted() -> None:
    har = Har().create().poll(20, took=500).poll(100, status=400, body={"error_code": 5509}, took=5)
    assert "two polls at once" in notes(replayed(har.data()))


def test_of_two_chats_the_first_is_played_or_the_one_asked_for() -> None:
    har = Har().create().poll(20, ENDED).create(100, chat="other").poll(150, status("queued"), chat="other")
    first = replayed(har.data())
    assert (first.session.outcome, first.left_out) == ("ended", 2)
    second = replayed(har.data(), chat_id="OTHER")
    assert (second.session.phase, second.left_out) == ("queued", 2)


def test_a_body_that_the_file_does_not_hold_is_noted() -> None:
    har = Har().create().poll(20, content={"size": 77}).poll(100, joined())
    replay = replayed(har.data())
    assert "the answer cannot be read: the file does not hold it" in notes(replay)
    assert (replay.unread, replay.session.outcome) == (1, None)
    assert replay.session.phase == "agent_joined"


def test_a_request_whose_answer_is_not_held_is_known_by_what_follows() -> None:
    har = Har().call(0, "POST", "chats", sent={}, content={"size": 50}).poll(100, status("queued"))
    assert replayed(har.data()).session.phase == "queued"


def test_har_and_containers_go_on_from_each_other() -> None:
    replay = replayed(Har().create().poll(20, joined()).data(), container(said("hi", "0"), ENDED))
    assert replay.session.outcome == "ended"
    assert len(replay.transcript) == 1

"""The audit: what recorded traffic shows, and what it does not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from statemachine.conformance.blackbox.audit import Audit, audit
from statemachine.conformance.blackbox.recorded import BadRecording, read_recording

CHAT = "chats/chat-1"
MESSAGE = {"event": "chat_session_message", "msg": "hello", "msg_id": "0", "party_id": "ada"}
ENDED = {"event": "chat_session_ended"}


class Har:
    """Calls one after the other, as a browser records them."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000
        self.entries: list[dict[str, Any]] = []

    def call(
        self, method: str, path: str, sent: Any = None, *, reply: Any = None, status: int = 200, ms: int = 50
    ) -> None:
        """`reply`: a value, as JSON; text, as it is; None for an empty body."""
        text = reply if isinstance(reply, str) else "" if reply is None else json.dumps(reply)
        self.entries.append(
            {
                "startedDateTime": datetime.fromtimestamp(self.now / 1_000, UTC).isoformat(timespec="milliseconds"),
                "time": ms,
                "request": {
                    "method": method,
                    "url": f"https://chat.example/clientweb/api/v2/{path}?tenantUrl=t.example",
                    "headers": [
                        {"name": "Authorization", "value": 'MOBILE-API-140-327-PLAIN appId="a", clientId="ann"'},
                        {"name": "Cache-Control", "value": "no-cache"},
                    ],
                    "postData": {"text": "" if sent is None else json.dumps(sent)},
                },
                "response": {"status": status, "content": {"text": text}},
            }
        )
        self.now += ms + 1_000

    def open(self) -> Har:
        self.call("POST", "chats", {}, reply={"chat_id": "chat-1", "state": "ivr", "is_new_chat": True})
        return self

    def poll(self, *events: Any, ms: int = 5_000, **more: Any) -> Har:
        self.call("GET", f"{CHAT}/events", reply={"events": list(events)}, ms=ms, **more)
        return self

    def post(self, event: Any, **more: Any) -> Har:
        self.call("POST", f"{CHAT}/events", {"events": [event]}, **more)
        return self

    def audited(self) -> Audit:
        return audit(read_recording({"log": {"entries": self.entries}}))


def say(text: str, msg_id: str) -> dict[str, str]:
    return {"event": "chat_session_message", "msg": text, "msg_id": msg_id}


def receipt(msg_id: str) -> dict[str, str]:
    return {"event": "chat_session_message_delivered", "ref_msg_id": msg_id}


def rules(har: Har) -> set[str]:
    return {finding.rule.number for finding in har.audited().findings}


def test_an_innocent_recording_has_a_clean_sheet() -> None:
    har = Har().open().poll(MESSAGE).post(receipt("0")).poll().post(say("hi", "c1")).poll(ENDED)
    found = har.audited()
    assert found.findings == []
    assert (found.calls, found.polls, found.in_vain, found.doubled, found.lost) == (6, 3, 0, 0, 0)


def test_whoever_is_quick_receipts_in_the_millisecond_of_the_answer() -> None:
    har = Har().open().poll(MESSAGE, ms=0)
    har.now -= 1_000
    assert har.post(receipt("0")).poll().poll(ENDED).audited().findings == []


def test_a_dead_chat_is_polled_in_vain() -> None:
    har = Har().open().poll(ENDED).poll(status=404).poll(status=404)
    found = har.audited()
    assert rules(har) == {"F1"}
    assert found.in_vain == 2
    assert "(2 times)" in found.findings[0].message


@pytest.mark.parametrize("events", [[], [MESSAGE]], ids=["an empty answer", "a message"])
def test_a_404_to_a_post_beside_a_held_poll_does_not_report_the_end(events: list[Any]) -> None:
    """A balancer may answer it while the chat goes on: the poll decides."""
    har = Har().open().poll(*events, ms=9_000)
    har.now -= 9_000
    har.post(say("hi", "c1"), status=404)
    har.now += 8_000
    assert rules(har.poll().post(receipt("0")) if events else har.poll()) == set()


def test_a_404_to_a_post_without_a_poll_is_confirmed_by_one_poll() -> None:
    har = Har().open().poll().post(say("hi", "c1"), status=404)
    assert rules(har.poll(status=404)) == set(), "one poll confirms it"
    assert rules(har.poll(status=404)) == {"F1"}


@pytest.mark.parametrize(
    "end", [{"event": "chat_session_status", "state": "failed"}, {"event": "chat_session_inactvity_timeout"}]
)
def test_every_end_counts(end: dict[str, str]) -> None:
    assert rules(Har().open().poll(end).poll(status=404)) == {"F1"}


def test_what_was_sent_blindly_again_is_doubled() -> None:
    har = Har().open().poll().post(say("hi", "c1"), status=503).post(say("hi", "c1"))
    assert rules(har) == {"F12"}
    assert har.audited().doubled == 1


def test_what_the_history_lacked_may_be_sent_again() -> None:
    har = Har().open().poll().post(say("hi", "c1"), status=503)
    har.call("GET", f"{CHAT}/history", reply={"events": [MESSAGE]})
    assert rules(har.post(say("hi", "c1"))) == set()


def test_what_the_history_held_may_not() -> None:
    har = Har().open().poll().post(say("hi", "c1"), status=503)
    har.call("GET", f"{CHAT}/history", reply={"events": [{**say("hi", "c1"), "party_id": "chat-1"}]})
    assert rules(har.post(say("hi", "c1"))) == {"F12"}


def test_the_tenant_may_be_named_by_the_first_call_alone() -> None:
    har = Har().open().poll(MESSAGE).post(receipt("0")).post(say("hi", "c1")).poll(ENDED)
    for entry in har.entries[1:]:
        entry["request"]["url"] = entry["request"]["url"].partition("?")[0]
    assert rules(har) == set()


def test_calls_without_a_name_are_not_taken_for_another_clients() -> None:
    har = Har().open().poll(MESSAGE).post(receipt("0")).poll(ENDED)
    har.entries[1]["request"]["headers"] = []
    assert rules(har) == set()


def test_another_clients_chat_is_still_seen() -> None:
    har = Har().open().poll().poll()
    for pair in har.entries[2]["request"]["headers"]:
        pair["value"] = pair["value"].replace("ann", "bob")
    assert "F35" in rules(har)


def test_two_polls_at_once() -> None:
    har = Har().open()
    har.poll(ms=9_000)
    har.now -= 6_000
    har.poll(ms=9_000)
    assert rules(har) == {"F22"}


def test_a_message_without_its_receipt_was_lost() -> None:
    har = Har().open().poll(MESSAGE).post(receipt("0")).poll({**MESSAGE, "msg_id": "2"}, {**MESSAGE, "msg_id": "4"})
    har.post(receipt("4")).poll(ms=9_000).poll(ms=9_000)
    assert rules(har) == {"F38"}
    assert har.audited().lost == 1


def test_a_poll_loop_that_ends_with_an_error_page() -> None:
    har = Har().open().poll().poll(status=502)
    assert rules(har) == set(), "it may have gone on"
    har.now += 60_000
    har.call("GET", "availability", reply={"chat": "available"})
    assert rules(har) == {"F5"}


def test_credentials_and_texts_are_in_no_script() -> None:
    har = Har().open().poll().post(say("my secret", "c1"), status=503).post(say("my secret", "c1"))
    (finding,) = har.audited().findings
    assert "$AUTHORIZATION" in finding.curl
    assert "ann" not in finding.curl
    assert "secret" not in finding.curl + finding.message


# --- what a recording does not show ---------------------------------------------------------------------------------


def with_fault() -> Har:
    """A text is sent twice, and the dead chat is polled."""
    har = Har().open().poll(MESSAGE).post(receipt("0"))
    har.post(say("hi", "c1"), status=503).post(say("hi", "c1")).poll(ENDED)
    return har.poll(status=404).poll(status=404)


def fake_base64(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "encoding": "base64"}


def real_base64(content: dict[str, Any]) -> dict[str, Any]:
    return {"text": base64.b64encode(content["text"].encode()).decode(), "encoding": "BASE64"}


def own_field(content: dict[str, Any]) -> dict[str, Any]:
    return {"_textBase64": base64.b64encode(content["text"].encode()).decode()} if content["text"] else content


def nested(content: dict[str, Any]) -> dict[str, Any]:
    return {"_content": content} if content["text"] else content


def missing(content: dict[str, Any]) -> dict[str, Any]:
    return {"size": len(content["text"])}


@pytest.mark.parametrize("write", [fake_base64, real_base64, own_field, nested])
@pytest.mark.parametrize("dates", [str, lambda text: datetime.fromisoformat(text).timestamp()])
def test_the_same_faults_are_found_however_the_exporter_writes(
    write: Callable[[dict[str, Any]], dict[str, Any]], dates: Callable[[str], object]
) -> None:
    har = with_fault()
    for entry in har.entries:
        entry["request"]["postData"] = write(entry["request"]["postData"])
        entry["response"]["content"] = write(entry["response"]["content"])
        entry["startedDateTime"] = dates(entry["startedDateTime"])
    found = har.audited()
    assert {finding.rule.number for finding in found.findings} == {"F1", "F12"}
    assert (found.unread, found.notes) == (0, [])


def test_answers_that_are_missing_are_counted_and_accuse_nobody() -> None:
    har = Har().open().poll(MESSAGE, ms=20).post(receipt("0")).poll(ENDED)
    for entry in har.entries:
        entry["response"]["content"] = missing({"text": "x"})
    har.now += 60_000
    har.call("GET", "availability", reply={"chat": "available"})
    found = har.audited()
    assert found.findings == []
    assert found.unread == 3
    assert found.notes == ["3 calls whose answer cannot be read: the file does not hold it"]


def test_requests_that_are_missing_are_counted_and_accuse_nobody() -> None:
    har = Har().open().poll(MESSAGE).post(receipt("0")).poll({**MESSAGE, "msg_id": "2"}).post(receipt("2"))
    har.poll(ms=9_000).poll(ms=9_000)
    assert rules(har) == set()
    del har.entries[4]["request"]["postData"]
    found = har.audited()
    assert found.findings == []
    assert found.notes == ["1 call whose request cannot be read: the file does not hold it"]


def cut(body: dict[str, Any]) -> dict[str, Any]:
    return {"text": body["text"][:-15]}


@pytest.mark.parametrize("write", [cut, lambda body: {"text": json.dumps(body["text"])}, lambda body: {"text": "%7B"}])
def test_bodies_that_are_broken_are_counted_and_accuse_nobody(write: Callable[[dict[str, Any]], object]) -> None:
    har = with_fault()
    for entry in har.entries:
        if entry["request"]["method"] == "POST" and entry["request"]["url"].count("/events"):
            entry["request"]["postData"] = write(entry["request"]["postData"])
    found = har.audited()
    assert "F12" not in {finding.rule.number for finding in found.findings}
    assert (found.unread, found.doubled, len(found.notes)) == (3, None, 1)
    har = with_fault()
    for entry in har.entries:
        if entry["response"]["content"]["text"]:
            entry["response"]["content"] = write(entry["response"]["content"])
    found = har.audited()
    assert found.unread == 3
    assert sum(int(note.split()[0]) for note in found.notes) == 3
    assert {finding.rule.number for finding in found.findings} == {"F1", "F12"}, "seen in statuses and requests"


@pytest.mark.parametrize("response", [None, {"status": "200 OK"}, {"status": None, "content": {"text": "{}"}}])
def test_calls_without_their_status_are_counted_and_accuse_nobody(response: object) -> None:
    har = with_fault()
    for entry in har.entries:
        entry["response"] = response
    found = har.audited()
    assert found.findings == []
    assert (found.unread, found.in_vain) == (len(har.entries), None)


def test_polls_without_recorded_headers_are_not_blamed_for_a_missing_one() -> None:
    har = Har().open().poll(MESSAGE).post(receipt("0")).poll(ENDED)
    for entry in har.entries:
        entry["request"]["headers"] = None
    assert rules(har) == set()


def test_an_error_without_its_body_ends_no_chat() -> None:
    har = Har().open().poll().poll(status=404).poll()
    har.entries[2]["response"]["content"] = {"size": 40}
    assert rules(har) == set()
    assert har.audited().unread == 1


def test_calls_without_a_time_are_not_judged() -> None:
    har = Har().open().poll(MESSAGE).post(receipt("0")).poll(ENDED)
    har.entries[2]["startedDateTime"] = "yesterday"
    found = har.audited()
    assert found.findings == []
    assert found.notes == ["1 call without a time that can be read"]


def test_bytes_that_a_strict_reader_refuses_are_read_as_the_client_reads_them() -> None:
    har = with_fault()
    (poll,) = [one for one in har.entries if "chat_session_ended" in one["response"]["content"]["text"]]
    raw = b'{"events": [{"event": "chat_session_message", "msg": "caf\xe9 \x01"}, {"event": "chat_session_ended"}]}'
    poll["response"]["content"] = {"text": base64.b64encode(raw).decode(), "encoding": "base64"}
    assert rules(har) == {"F1", "F12"}


def test_a_file_without_credentials_says_that_identity_was_not_judged() -> None:
    har = Har().open().poll(ENDED)
    for entry in har.entries:
        entry["request"]["headers"] = []
    assert "no request has an Authorization header" in har.audited().notes[0]


@pytest.mark.parametrize("value", [None, [], {}, {"log": {}}, {"log": {"entries": "no"}}])
def test_what_is_no_har_is_named(value: object) -> None:
    with pytest.raises(BadRecording, match="no HAR file"):
        read_recording(value)


@pytest.mark.parametrize("entry", [{}, {"request": {"url": "http://[", "method": 5}}, {"startedDateTime": "soon"}, 7])
def test_entries_of_other_things_are_left_out(entry: object) -> None:
    with pytest.raises(BadRecording, match="no call"):
        read_recording({"log": {"entries": [entry]}})


def test_hostile_bodies_are_survived() -> None:
    har = Har().open()
    for reply in (
        "<html>",
        "[1]",
        '{"events": 5}',
        '{"events": [5, null, {"event": 7}]}',
        '{"error_code": {}}',
        "\x00",
    ):
        har.call("GET", f"{CHAT}/events", reply=reply, ms=5_000)
    posted: tuple[object, ...] = (
        [],
        {"events": 5},
        {"events": [5, {}, {"event": 5}, {"event": "chat_session_form_data"}]},
    )
    for sent in posted:
        har.call("POST", f"{CHAT}/events", sent)
    assert rules(har) <= {"F31"}

"""One session seen from outside: what goes in and comes out is JSON, and nothing else is needed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.codec.errors import BadRecord, BadSnapshot
from statemachine.engine.session import FEATURES, JsonSession, NotBegun

OPENED = {"type": "chat_opened", "chat_id": "C-1", "state": "queued", "ewt": 30_000, "is_new_chat": True}


def event(kind: str, at: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "at": at, **more}


def chatting() -> JsonSession:
    subject = JsonSession()
    subject.begin(1_000)
    subject.step(event("request_chat", 1_000, origin="o"))
    subject.step(event("answered", 1_200, command=1, reply=OPENED))
    return subject


def test_a_step_shows_all_that_can_be_seen() -> None:
    subject = JsonSession()
    assert subject.begin(1_000) == {
        "phase": "idle",
        "commands": [],
        "updates": [],
        "changes": [],
        "owed": [],
        "deadline": None,
        "latest": None,
    }
    subject.step(event("request_chat", 1_000, origin="o"))
    shown = subject.step(event("answered", 1_200, command=1, reply=OPENED))
    assert (shown["phase"], shown["owed"]) == ("queued", [2])
    assert shown["commands"] == [{"type": "poll", "id": 2, "timeout": 30_000, "chat_id": "C-1"}]
    assert [one["type"] for one in shown["changes"]] == ["phase_changed", "connection_changed"]
    assert shown["deadline"] == 1_200 + 35_000
    assert json.loads(json.dumps(shown)) == shown


def test_an_illegal_intent_is_refused_and_moves_nothing() -> None:
    subject = JsonSession()
    subject.begin(1_000)
    assert subject.step(event("send_text", 1_000, text="hi")) == {"refused": "no chat was requested; request one first"}
    assert subject.step(event("request_chat", 1_000, origin="o"))["phase"] == "requesting"


def test_a_snapshot_takes_it_up_where_it_stood() -> None:
    subject = chatting()
    written = json.loads(json.dumps(subject.snapshot()))
    other = JsonSession()
    taken = other.restore(written)
    assert [one["id"] for one in taken["commands"]] == taken["owed"] == [2]
    later = event("send_text", 2_000, text="hi")
    assert other.step(later) == subject.step(later)


def test_a_session_follows_the_one_before() -> None:
    before = chatting()
    before.step(event("send_text", 2_000, text="hi"))
    after = JsonSession()
    after.begin(3_000)
    shown = after.step(event("request_chat", 3_000, origin="other", text="again", after=before.snapshot()))
    assert shown["commands"][0]["id"] > 4
    assert after.session.items[0].id.startswith("o:")  # the origin goes on


def test_the_outcome_is_there_when_it_is_over() -> None:
    subject = chatting()
    shown = subject.step(event("incoming", 2_000, entries=[{"type": "session_ended"}]))
    assert (shown["phase"], shown["outcome"], shown["owed"], shown["deadline"]) == ("ended", "ended", [], None)


def test_what_cannot_be_read_is_refused_in_words() -> None:
    subject = JsonSession()
    with pytest.raises(NotBegun, match="begin or restore one first"):
        subject.step(event("tick", 1))
    with pytest.raises(BadRecord, match="items_limit must be a whole number of at least 1"):
        subject.begin(1, {"items_limit": 0})
    with pytest.raises(BadRecord, match=r"\$.text: missing"):
        chatting().step(event("send_text", 2_000))
    with pytest.raises(BadRecord, match="unknown field after"):
        chatting().step(event("send_text", 2_000, text="x", after={}))
    with pytest.raises(BadSnapshot, match="no snapshot"):
        subject.restore([])
    with pytest.raises(BadSnapshot, match="no snapshot"):
        chatting().step(event("request_chat", 2_000, origin="o", after={}))


def test_an_event_that_cannot_be_read_changes_nothing() -> None:
    subject = chatting()
    before = subject.snapshot()
    with pytest.raises(BadRecord):
        subject.step({"type": "nonsense", "at": 5})
    assert subject.snapshot() == before


def test_the_features_are_sorted_and_the_codec_is_beside() -> None:
    assert list(FEATURES) == sorted(FEATURES)
    assert "codec" not in JsonSession.features

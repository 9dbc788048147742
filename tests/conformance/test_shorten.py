"""From a failing story to a short one: what is left out shifts ids, and the rest still means what it meant."""

from __future__ import annotations

from random import Random

import pytest

from statemachine.conformance.random_search import search
from statemachine.conformance.shorten import linked_steps, replay, without_missing_features
from statemachine.conformance.traces import trace_of
from statemachine.conformance.vectors import Vector, vector_of
from statemachine.engine.session import JsonObject, JsonSession
from tests.conformance.strangers import Modest, Spoilt
from tests.conformance.test_judge import STORIES


def test_a_story_told_again_is_the_same() -> None:
    for story in STORIES:
        acts = list(linked_steps(story.at, story.config, [step.do for step in story.steps]))
        assert replay(story.at, story.config, acts) == story.steps


def test_answers_and_mentions_follow_what_they_are_about() -> None:
    doings: list[JsonObject] = [
        {"event": {"type": "request_chat", "at": 1, "origin": "o"}},
        {"event": {"type": "tick", "at": 1}},
        {
            "event": {
                "type": "answered",
                "at": 2,
                "command": 1,
                "reply": {"type": "chat_opened", "chat_id": "C", "state": "connected", "is_new_chat": True},
            }
        },
        {"event": {"type": "send_text", "at": 3, "text": "left out"}},
        {"event": {"type": "send_text", "at": 4, "text": "kept"}},
        {"event": {"type": "incoming", "at": 5, "entries": [{"type": "message_delivered", "ref_msg_id": "o:5"}]}},
    ]
    acts = list(linked_steps(0, {}, doings))
    assert (acts[2].answers, acts[4].created) == ("create_chat", ("o:5",))
    *_, last = replay(0, {}, [act for act in acts if act is not acts[3]])
    assert last.do["event"]["entries"] == [{"type": "message_delivered", "ref_msg_id": "o:3"}]
    assert [one["state"] for one in last.expect["updates"]] == ["sent", "delivered"]


@pytest.mark.slow
def test_a_fault_is_found_and_made_short() -> None:
    """Any of its messages told late would do; what is shown is the least that has one."""

    def forget(shown: JsonObject) -> JsonObject:
        return {**shown, "updates": [one for one in shown.get("updates", ()) if one.get("state") != "delivered"]}

    found = search(Spoilt(forget), "agreement", 80)
    assert found is not None
    assert found.deviation.law == "agreement" or found.deviation.law == "L9"
    assert len(found.vector.steps) <= 6


def test_stories_are_told_without_what_an_implementation_lacks() -> None:
    modest = Modest()
    for number in range(6):
        random = Random(number)
        story: Vector = vector_of(trace_of([random.randbytes(10) for _ in range(60)]))
        told = without_missing_features(story, modest.features)
        assert told.requires == frozenset()
        assert without_missing_features(story, None) is story
        assert without_missing_features(story, JsonSession.features) is story

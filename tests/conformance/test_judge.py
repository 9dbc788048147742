"""The judge: what is right passes whatever it is called, and each kind of wrong is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from attrs import evolve

from statemachine.conformance.implementation import NoAnswer
from statemachine.conformance.judge import Deviation, judge
from statemachine.conformance.random_search import LAWS
from statemachine.conformance.shorten import LinkedStep, replay
from statemachine.conformance.traces import trace_of
from statemachine.conformance.variations import VARIATIONS
from statemachine.conformance.vectors import Vector, engine_vectors, vector_of
from statemachine.engine.session import JsonObject, JsonSession
from tests.conformance.strangers import Renaming, Spoilt


def life(number: int, length: int = 40) -> Vector:
    random = Random(number)
    return vector_of(trace_of([random.randbytes(10) for _ in range(length)]), f"life {number}")


STORIES = [life(number) for number in range(1, 13)]
STORY = next(
    story
    for story in STORIES
    if all("event" in step.do for step in story.steps[:12]) and "refused" not in story.steps[0].expect
)
STORY = evolve(STORY, steps=STORY.steps[:12])
"""One without a restore or a session that follows: the subject begins once in it. Its first event is not refused."""


@pytest.mark.parametrize("law", LAWS)
def test_ours_is_right(law: str) -> None:
    for story in STORIES:
        assert judge(JsonSession(), story, VARIATIONS.get(law)) is None


def test_other_ids_and_defaults_written_out_are_as_right() -> None:
    for story in STORIES:
        assert judge(Renaming(), story) is None


def faults(spoil: Callable[[JsonObject], JsonObject | None]) -> list[Deviation]:
    """The first fault of each trace that has one."""
    return [fault for story in STORIES if (fault := judge(Spoilt(spoil), story)) is not None]


def without(name: str, kind: str) -> Callable[[JsonObject], JsonObject]:
    return lambda shown: {**shown, name: [one for one in shown.get(name, ()) if one["type"] != kind]}


def renumbered(shown: JsonObject) -> JsonObject:
    later = [{**one, "seq": one["seq"] + 1} if "seq" in one else one for one in shown.get("updates", ())]
    return {**shown, "updates": later}


def doubled(shown: JsonObject) -> JsonObject:
    return {
        **shown,
        "commands": [two for one in shown.get("commands", ()) for two in (one, {**one, "id": one["id"] + 1})],
    }


@pytest.mark.parametrize(
    ("spoil", "law"),
    [
        (lambda shown: {**shown, "phase": None}, "shape"),
        (lambda shown: {**shown, "deadline": "soon"}, "shape"),
        (lambda shown: {**shown, "commands": [{"type": "sing", "id": 1}]}, "shape"),
        (lambda shown: {**shown, "commands": 5}, "shape"),
        (lambda shown: {**shown, "deadline": 5} if shown.get("deadline") else None, "L4"),
        (lambda shown: {**shown, "owed": [*shown.get("owed", ()), 9_999]}, "L6"),
        (without("commands", "poll"), "L6"),
        (doubled, "L6"),
        (without("updates", "received"), "L14"),
        (renumbered, "L9"),
        (without("updates", "finished"), "agreement"),
        (lambda shown: {**shown, "phase": "ivr"}, "agreement"),
        (without("changes", "connection_changed"), "agreement"),
        (lambda shown: {**shown, "latest": shown["deadline"]} if shown.get("deadline") else None, "agreement"),
        (lambda shown: {"refused": "no"} if "refused" not in shown else None, "agreement"),
        (lambda shown: {**shown, "outcome": "ended"}, "L8"),
    ],
)
def test_what_is_wrong_is_named(spoil: Callable[[JsonObject], JsonObject | None], law: str) -> None:
    assert law in {fault.law for fault in faults(spoil)}


def test_a_crash_is_a_fault_and_no_end_of_the_judge() -> None:
    def crash(shown: JsonObject) -> JsonObject:
        raise NoAnswer("the process ended")

    assert faults(crash)[0] == Deviation("crash", 0, "the process ended")


def test_both_contents_of_a_clash_are_shown() -> None:
    def renewed(shown: JsonObject) -> JsonObject:
        """Each post has a new message id."""
        for command in shown.get("commands", ()):
            if command["type"] == "post":
                command["item"] += f"-{command['id']}"
        return shown

    story = next(one for one in engine_vectors() if one.id == "item/sending/post-postponed")
    fault = judge(Spoilt(renewed), story)
    assert fault is not None
    assert fault.law == "agreement"
    first, second = re.findall(r'"item": "([^"]*)"', fault.what)
    assert first != second


def test_the_rest_of_a_story_is_played_after_a_difference_that_rests_on_an_inference() -> None:
    """Before any agent, a disconnect is sent as an end: an inference. Crashes and broken laws of later steps count."""
    vector = next(
        one
        for one in engine_vectors()
        if any(
            "phase" in step.should and step.do.get("event", {}).get("type") == "disconnect" for step in one.steps[:-1]
        )
    )
    at = next(n for n, step in enumerate(vector.steps) if "phase" in step.should)

    class Differing(JsonSession):
        """It ignores the disconnect, and spoils what it shows at the end."""

        def __init__(self, spoil: Callable[[JsonObject], JsonObject]) -> None:
            super().__init__()
            self.spoil, self.taken = spoil, 0

        def step(self, event: JsonObject) -> JsonObject:
            self.taken += 1
            if self.taken == at + 1:
                return super().step({"type": "tick", "at": event["at"]})
            shown = super().step(event)
            return self.spoil(shown) if self.taken == len(vector.steps) else shown

    harmless = judge(Differing(lambda shown: shown), vector)
    assert harmless is not None
    assert (harmless.step, harmless.level) == (at, "should")
    broken = judge(Differing(lambda shown: {**shown, "owed": [9_999]}), vector)
    assert broken is not None
    assert (broken.step, broken.law, broken.level) == (len(vector.steps) - 1, "L6", "must")


def counting(law: str) -> Any:
    """An engine that is right when it is played plainly, and wrong when it is asked in the way of this law."""

    class Two(JsonSession):
        begun = 0

        def begin(self, at: int, config: JsonObject | None = None) -> JsonObject:
            Two.begun += 1
            return super().begin(at, config)

        def step(self, event: JsonObject) -> JsonObject:
            shown = super().step(event)
            return (
                {**shown, "phase": "odd", "updates": [{"type": "anomaly", "at": 0, "kind": "odd"}]}
                if Two.begun > 1
                else shown
            )

    return Two()


def test_an_answer_of_another_shape_ends_no_judge() -> None:
    class Two(JsonSession):
        begun = 0

        def begin(self, at: int, config: JsonObject | None = None) -> JsonObject:
            Two.begun += 1
            return super().begin(at, config)

        def step(self, event: JsonObject) -> JsonObject:
            return {"phase": 1, "commands": [1]} if Two.begun > 1 else super().step(event)

    fault = judge(Two(), STORY, VARIATIONS["L2"])
    assert fault is not None
    assert fault.law == "shape"


@pytest.mark.parametrize("law", VARIATIONS)
def test_each_variation_notices_that_the_second_telling_differs(law: str) -> None:
    fault = judge(counting(law), STORY, VARIATIONS[law])
    assert fault is not None
    assert fault.law == law


@pytest.mark.parametrize("law", LAWS)
def test_an_ignored_event_does_not_move_the_time_of_the_session(law: str) -> None:
    """After it, an earlier event takes place at its own time, and its deadline may lie before the ignored one."""
    opened = {"type": "chat_opened", "chat_id": "C", "state": "queued", "is_new_chat": True}
    events: list[JsonObject] = [
        {"type": "request_chat", "at": 1_000, "origin": "o"},
        {"type": "answered", "at": 1_000, "command": 1, "reply": opened},
        {"type": "foreground", "at": 20_000},
        {"type": "send_text", "at": 2_000, "text": "hello"},
    ]
    vector = Vector("earlier", 1_000, replay(1_000, {}, [LinkedStep({"event": event}) for event in events]))
    ignored, sent = vector.steps[2:]
    assert "commands" not in ignored.expect
    assert sent.expect["deadline"] < 20_000
    assert judge(JsonSession(), vector, VARIATIONS.get(law)) is None


def test_a_session_that_follows_may_begin_at_an_earlier_time() -> None:
    steps: list[JsonObject] = [{"follow": 1_000}, {"event": {"type": "request_chat", "at": 1_000, "origin": "o"}}]
    vector = Vector("clock", 90_000, replay(90_000, {}, map(LinkedStep, steps)))
    assert vector.steps[1].expect["deadline"] < 90_000
    assert judge(JsonSession(), vector, VARIATIONS["L1"]) is None


def test_a_clock_that_changes_nothing_else_does_not_move_the_time_of_the_session_ahead() -> None:
    opened = {"type": "chat_opened", "chat_id": "C", "state": "queued", "is_new_chat": True}
    form = {"type": "form_show", "form_request_id": "f", "form_name": "survey_form", "form_timeout": 30_000}
    events: list[JsonObject] = [
        {"type": "request_chat", "at": 1_000, "origin": "o"},
        {"type": "answered", "at": 1_000, "command": 1, "reply": opened},
        {"type": "background", "at": 1_000},
        {"type": "answered", "at": 1_000, "command": 2, "reply": {"type": "event_batch"}},
        {"type": "clock_changed", "at": 90_000, "by": 1_000},
        {"type": "incoming", "at": 2_000, "entries": [form]},
    ]
    vector = Vector("clock", 1_000, replay(1_000, {}, [LinkedStep({"event": event}) for event in events]))
    assert vector.steps[-1].expect["deadline"] == 32_000
    assert judge(JsonSession(), vector) is None
    assert judge(JsonSession(), vector, VARIATIONS["L1"]) is None

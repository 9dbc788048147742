"""Deadlines in words: their distance, and the numbers of the configuration that they are made of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from statemachine import Config
from statemachine.conformance.deadlines import deadline_words
from statemachine.conformance.kit import checks, run, select_checks
from statemachine.conformance.vectors import Vector, VectorStep, engine_vectors
from statemachine.engine.session import JsonObject
from tests.conformance.strangers import Spoilt
from tests.core.play import NOW

REQUESTED = {"type": "request_chat", "at": NOW, "origin": "o"}
FAILED = {"type": "answered", "at": NOW + 10, "command": 1, "reply": {"type": "failure", "kind": "http", "status": 503}}


def story(*events: JsonObject, **config: int) -> Vector:
    return Vector("a story", NOW, tuple(VectorStep({"event": one}, {}) for one in events), config={**config})


@pytest.mark.parametrize(
    ("told", "instant", "words"),
    [
        (story(REQUESTED), None, "none"),
        (story(REQUESTED), NOW + 15_000, "+15000 ms (request_timeout + answer_margin)"),
        (story(REQUESTED, request_timeout=70), NOW + 5_070, "+5070 ms (request_timeout + answer_margin)"),
        (story(REQUESTED), NOW + 10_000, "+10000 ms (request_timeout or settle or typing_expires)"),
        (story(REQUESTED), NOW + 12_345, "+12345 ms"),
        (story(REQUESTED), NOW - 1, "-1 ms"),
        (
            story(REQUESTED, {"type": "tick", "at": NOW + 1_015}),
            NOW + 15_000,
            "+13985 ms (request_timeout + answer_margin after step 1)",
        ),
        (story(REQUESTED, FAILED), NOW + 1_010, "+1000 ms (backoff_start)"),
        (story(REQUESTED, FAILED, backoff_start=70), NOW + 290, "+280 ms (backoff_start · 4)"),
    ],
)
def test_a_deadline_is_told_by_what_it_is_made_of(told: Vector, instant: int | None, words: str) -> None:
    assert deadline_words(told, len(told.steps) - 1, instant) == words


def _deadlines() -> Iterator[str]:
    for vector in engine_vectors()[::5]:
        if (instant := vector.steps[-1].expect.get("deadline")) is not None:
            yield deadline_words(vector, len(vector.steps) - 1, instant)


def test_nearly_all_deadlines_of_the_vectors_are_explained() -> None:
    """But for those that a form, a `retry_after`, or another clock has set."""
    found = list(_deadlines())
    assert sum("(" in words for words in found) > 0.95 * len(found) > 100


def test_a_failure_shows_both_in_words() -> None:
    def without_margin(shown: JsonObject) -> JsonObject | None:
        due = shown.get("deadline")
        return {**shown, "deadline": due - Config().answer_margin} if due else None

    first, *_ = run(Spoilt(without_margin), select_checks(checks(0), ["lifecycle/requesting/chat-refused"]))
    words = "expected +15000 ms (request_timeout + answer_margin), got +10000 ms (request_timeout or"
    assert f"deadline: {words}" in first.what

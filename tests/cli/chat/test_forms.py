"""A form, question by question."""

from __future__ import annotations

from statemachine.cli.chat.forms import Questions


def test_known_fields_are_asked_in_order() -> None:
    questions = Questions("r", "survey", ["service", "helpful"], secure=False)
    asked = []
    for answer in ("good", ""):
        asked.append(questions.prompt)
        assert questions.take(answer) == ""
    assert asked == ["service", "helpful"]
    assert questions.done
    assert questions.values == {"service": "good", "helpful": ""}


def test_fields_that_nobody_knows_are_named_by_who_answers() -> None:
    questions = Questions("r", "survey", [], secure=False)
    assert "name=value" in questions.prompt
    assert questions.take("stars = 5") == ""
    for wrong in ("five", "=5", " = "):
        assert "expected name=value" in questions.take(wrong)
    assert not questions.done
    assert questions.take(" ") == ""
    assert questions.done
    assert questions.values == {"stars": "5"}

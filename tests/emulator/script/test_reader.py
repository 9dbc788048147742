"""Reading scenarios: what each step becomes, and what a person is told who got something wrong."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.emulator import actions as do
from statemachine.emulator.knobs import Fault
from statemachine.emulator.script import ScriptError, read_scenario
from statemachine.emulator.script.reader import read_parts
from statemachine.emulator.steps import AnswerTexts, Await, Branch, Condition, Pause, Repeat, Scenario, Step

HEAD = 'about = "a"\nteaches = "t"\n'


def read(text: str, **more: Any) -> Scenario:
    return read_scenario(HEAD + text, "own", **more)


@pytest.mark.parametrize(
    ("written", "step"),
    [
        ('{ pause = "1.5s" }', Pause(1_500)),
        ('"answer_texts"', AnswerTexts()),
        ('"start_typing"', do.StartTyping()),
        ('{ start_typing = "ada" }', do.StartTyping("ada")),
        ('{ say = "Hi", party = "bot" }', do.Say("Hi", "bot")),
        ('{ action = "say", text = "Hi" }', do.Say("Hi")),
        ('{ set_status = "queued", ewt = 30 }', do.SetStatus("queued", 30)),
        ('{ show_form = "" }', do.ShowForm("")),
        ('{ inject_fault = { on = "poll", drop = true } }', do.InjectFault(Fault("poll", drop=True))),
        ('{ raw = { event = "x", n = [1, { y = 2 }] } }', do.Raw({"event": "x", "n": [1, {"y": 2}]})),
        ("{ share_location = 59, longitude = 10.5 }", do.ShareLocation(59.0, 10.5)),
        ('{ wait_for = "message" }', Await(("chat_session_message",))),
        (
            '{ wait_for = ["message", "chat_form_data_cancel"], within = "10s", otherwise = ["warn"], earlier = true }',
            Await(("chat_session_message", "chat_form_data_cancel"), 10_000, (do.Warn(),), True),
        ),
        (
            '{ if = { says = "Yes" }, then = ["end_chat"], else = ["start_typing"] }',
            Branch(Condition(("Yes",)), (do.EndChat(),), (do.StartTyping(),)),
        ),
        (
            '{ if = { event = "file", form = { a = "b" }, knobs = { hold_ms = "3s" } }, then = [] }',
            Branch(Condition((), {"a": "b"}, ("chat_session_file",), {"hold_ms": 3_000})),
        ),
        (
            '{ repeat = ["start_typing"], times = 3, until = { says = ["a", "b"] } }',
            Repeat((do.StartTyping(),), 3, Condition(("a", "b"))),
        ),
        ('{ repeat = [{ pause = "1s" }] }', Repeat((Pause(1_000),))),
    ],
)
def test_a_step(written: str, step: Step) -> None:
    assert read(f"script = [{written}]").script == (step,)


def test_parts_are_played_where_they_are_named() -> None:
    own = '[parts]\none = ["warn"]\nboth = [{ include = "one" }, { include = "theirs" }]'
    scenario = read(
        f'script = ["start_typing", {{ include = "both" }}]\n{own}', parts=read_parts('theirs = ["stop_typing"]')
    )
    assert scenario.script == (do.StartTyping(), do.Warn(), do.StopTyping())


def test_what_is_left_out_is_as_usual() -> None:
    assert read("") == Scenario("own", "a", teaches="t")
    assert read("on_end = []").on_end == ()
    assert read('[knobs]\nhold_ms = "3s"').knobs == {"hold_ms": "3s"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('script = [\n    { sya = "x" },\n]', 4, "no step 'sya'; did you mean 'say'?"),
        ('script = ["sya"]', 3, "did you mean 'say'?"),
        ("script = [3]", 3, "a step is a name or a table"),
        ("script = [{}]", 3, "a step is a name or a table"),
        ('script = "say"', 3, "a list of steps is needed"),
        ('script = [\n"end_chat",\n"start_typing" ]', 5, "never reached"),
        ('script = [{ pause = "soon" }]', 3, "write 500ms, 1.5s, 10m or 1h30m"),
        ("script = [{ pause = 1 }]", 3, "a text is needed, not 1"),
        ('script = [{ wait_for = "mesage" }]', 3, "did you mean 'message'?"),
        ('script = [{ wait_for = "typing", otherwise = ["end_chat"] }]', 3, "'otherwise' needs 'within'"),
        ('script = [{ wait_for = "typing", whithin = "1s" }]', 3, "did you mean 'within'?"),
        ('script = [{ repeat = ["start_typing"] }]', 3, "for ever at once"),
        ('script = [{ repeat = [{ pause = "1s" }], times = 0 }]', 3, "from 1 on"),
        ("script = [{ if = {}, then = [] }]", 3, "an empty condition always holds"),
        ('script = [{ if = { says = "x" } }]', 3, "'then' is missing"),
        ('script = [{ say = "x", partie = "y" }]', 3, "there is no 'partie' here; did you mean 'party'?"),
        ('script = [{ say = "x", party = 3 }]', 3, "party: a text is needed"),
        ('script = [{ leave_all = "x" }]', 3, "alone, without a value"),
        ("script = [{ share_location = 1.0 }]", 3, "'longitude' is missing"),
        ('script = [{ inject_fault = { on = "pol" } }]', 3, "on: there is no 'pol'; did you mean 'poll'?"),
        ('script = [{ include = "nothing" }]', 3, "no parts 'nothing'"),
        ('script = [{ include = "x" }]\n[parts]\nx = [\n{ include = "x" }]', 6, "no parts 'x' above this"),
        ("parts = 3", 3, "a table of lists of steps"),
        ("[knobs]\nhold_mss = 3", 4, "did you mean 'hold_ms'?"),
        ("[knobs]\n\nhold_ms = -3", 5, "not between 0 and"),
        ('[knobs]\nhold_ms = "soon"', 4, "does not fit"),
        ("knobs = 3", 3, "a table is needed"),
        ("skript = []", 3, "did you mean 'script'?"),
        ("script = [", 3, ""),
        ('x = "\n', 3, ""),
        ("a = 1\na = 2", 4, ""),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ScriptError) as caught:
        read(text, file="own.toml")
    problems = caught.value.problems
    assert any(words in problem.message and problem.line == line for problem in problems), problems
    assert str(caught.value).startswith("own.toml:")


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ScriptError) as caught:
        read_scenario('script = ["sya", "typping"]\nscrpt = 1', "own")
    assert len(caught.value.problems) == 5
    assert "line 1: 'about' is missing: The course of the chat, in a few words." in str(caught.value)


def test_steps_nested_too_deeply_are_refused() -> None:
    deep = '{ if = { says = "x" }, then = [' * 30 + "] }" * 30
    with pytest.raises(ScriptError, match="nested more than 20 deep"):
        read(f"script = [{deep}]")
    with pytest.raises(ScriptError):
        read(f"script = {'[' * 100_000}")

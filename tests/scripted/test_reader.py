"""The reader of scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from statemachine.emulator.script import ScriptError
from statemachine.scripted import read_script
from statemachine.scripted.script import (
    AnswerFormStep,
    CallStep,
    CancelFormStep,
    ExpectStep,
    FileStep,
    LocationStep,
    PauseStep,
    RepeatStep,
    RestartStep,
    SayStep,
    StartStep,
    WaitStep,
)

WHOLE = """
about = "everything once"
app_id = "survey"
within = "7s"
parameters = { first_name = "Ann" }
receipts = "on_ack"

script = [
    { start = "Hello" },
    { wait_for = ["connected", "agent_joined"] },
    { wait_for = { says = ["parcel", "bill"] }, within = "500ms", otherwise = ["typing", { pause = "1.5s" }] },
    { wait_for = { form = true } },
    { expect = { phase = "agent_joined", agents = "Ada Larsen" }, within = "1m" },
    { say = "It is the blue one" },
    { answer_form = { service = "5", deep = [1, 2] }, form = "survey_form" },
    { cancel_form = "" },
    { send_file = "a.txt" },
    { send_file = "b.txt", content = "from the script" },
    { send_location = [52.5, 13] },
    { repeat = [{ say = "again" }, "mark_read"], times = 3 },
    "restart",
    "end",
]
"""


def test_every_step_is_read_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("beside it")
    script = read_script(WHOLE, "whole", tmp_path)
    assert (script.name, script.about, script.app_id) == ("whole", "everything once", "survey")
    assert (script.parameters, script.receipts, script.restarts) == ({"first_name": "Ann"}, "on_ack", True)
    assert script.steps == (
        StartStep("Hello"),
        WaitStep("phase", ("connected", "agent_joined"), 7_000),
        WaitStep("says", ("parcel", "bill"), 500, (CallStep("typing"), PauseStep(1_500))),
        WaitStep("form", ("",), 7_000),
        ExpectStep(phase=("agent_joined",), agents=("Ada Larsen",), within=60_000),
        SayStep("It is the blue one"),
        AnswerFormStep({"service": "5", "deep": [1, 2]}, "survey_form", within=7_000),
        CancelFormStep("", 7_000),
        FileStep("a.txt", (tmp_path / "a.txt").resolve()),
        FileStep("b.txt", None, b"from the script"),
        LocationStep(52.5, 13.0),
        RepeatStep((SayStep("again"), CallStep("mark_read")), 3),
        RestartStep(),
        CallStep("end"),
    )
    assert [step.line for step in script.steps] == list(range(9, 23))
    assert script.steps[2].words == "wait_for says parcel or bill"


def test_a_script_that_does_not_start_is_started() -> None:
    assert read_script('script = ["end"]', "x", Path()).steps == (StartStep(), CallStep("end"))
    assert read_script("script = []", "x", Path()).steps == (StartStep(),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: 'script' is missing"),
        ("script = [", "line 1: "),
        ('skript = []\nscript = ["end"]', "line 1: there is no 'skript' here; did you mean 'script'?"),
        ('script = [\n  "sing",\n]', "line 2: there is no step 'sing'"),
        ('script = [{ wait_fro = "x" }]', "there is no step 'wait_fro'; did you mean 'wait_for'?"),
        ('script = [{ say = "x", end = true }]', "either say or end, not both"),
        ('script = [{ say = "x", within = "5s" }]', "say has no 'within'"),
        ("script = [{ say = 5 }]", "say: a text is needed, not 5"),
        ('script = [{ pause = "soon" }]', "pause: 'soon' is not a duration"),
        ('script = [{ wait_for = "agent_join" }]', "wait_for: there is no 'agent_join'; did you mean 'agent_joined'?"),
        ('script = [{ wait_for = { sais = "x" } }]', "one thing is needed, of phase, says"),
        ('script = [{ wait_for = { says = "x", form = "y" } }]', "one thing is needed"),
        ('script = [{ wait_for = { message = "red" } }]', "there is no 'red'; did you mean 'read'?"),
        ('script = [{ expect = { mood = "good" } }]', "there is no 'mood'"),
        ("script = [{ expect = {} }]", "there are phase, outcome"),
        ('script = [{ answer_form = "x" }]', "answer_form: a table is needed"),
        ("script = [{ send_location = [1] }]", "two numbers are needed"),
        ('script = [{ send_file = "nothing.txt" }]', "there is no file 'nothing.txt' beside the script"),
        ('script = [{ send_file = "../../etc/passwd" }]', "lies outside the script's folder"),
        ('script = [{ repeat = ["end"] }]', "times is missing"),
        ("script = [{ end = 5 }]", 'it takes nothing: write "end"'),
        ('script = [{ repeat = ["sing"], times = 2 }]', "there is no step 'sing'"),
        ('within = "x"\nscript = ["end"]', "line 1: 'x' is not a duration"),
        ('receipts = "never"\nscript = ["end"]', "line 1: there is no 'never'; there are auto, on_ack, off"),
        ("script = [{ restart = 5 }]", 'it takes nothing: write "restart"'),
        ('script = [{ repeat = ["restart"], times = 2 }]', "in the list 'script' only"),
        ("script = 5", "a list of steps is needed"),
        ("script = [5]", "a step is a name or a table"),
    ],
)
def test_mistakes_are_named_with_their_line(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ScriptError) as error:
        read_script(text, "x", tmp_path)
    assert problem in str(error.value)


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(ScriptError) as error:
        read_script('script = [\n"sing",\n"dance",\n]', "x", Path(), "song.toml")
    assert [str(one).partition(" there")[0] for one in error.value.problems] == ["song.toml:2:", "song.toml:3:"]


def test_nesting_is_limited() -> None:
    deep = '["end"]'
    for _ in range(60):
        deep = f"[{{ repeat = {deep}, times = 1 }}]"
    with pytest.raises(ScriptError, match="nested too deeply"):
        read_script(f"script = {deep}", "x", Path())

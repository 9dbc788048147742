"""`statemachine demo`: each demo, played fast; and the comparison of both sides, which must find what went wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from statemachine.cli import demo, main
from statemachine.cli.demo import command, differences, perform, read_demo
from statemachine.cli.story import Story
from statemachine.client import ChatSession, Sending
from statemachine.emulator import Centre, Chat, ClientKey, LogEntry
from statemachine.emulator.script import catalogue
from statemachine.scripted import read_script

FAST = "0.2"
OUTCOMES = {
    "session": "ended",
    "inactivity": "timed_out",
    "failed": "failed",
    "lost": "gone",
    "flaky": "ended",
    "resume": "ended",
}


def played(capsys: pytest.CaptureFixture[str], *args: str) -> Any:
    status = main(["demo", "--json", "--pace", FAST, *args])
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert told["ok"] == (status == 0)
    assert captured.err == ""
    return told


def test_every_scenario_is_tested() -> None:
    scenario = next(option for option in command.params if option.name == "scenario")
    assert set(scenario.type.choices) == set(OUTCOMES)  # type: ignore[attr-defined]


def test_every_folder_is_a_demo() -> None:
    folder = Path(demo.__file__).parent / "demos"
    assert {path.name for path in folder.iterdir() if path.is_dir()} == set(OUTCOMES)


@pytest.mark.parametrize("scenario", sorted({*OUTCOMES} - {"resume"}))
def test_it_ends_as_expected(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = played(capsys, "--scenario", scenario)
    assert told["problems"] == []
    assert (told["scenario"], told["outcome"]) == (scenario, OUTCOMES[scenario])
    assert told["phases"][0] == "requesting"
    assert told["messages"]["sent"] >= 1
    assert told["seconds"] > 0


def test_the_story_of_a_whole_chat(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--pace", FAST]) == 0
    shown = capsys.readouterr().out
    for word in ("queue", "to wait", "Ada Larsen joins", "✓ delivered", "✓ read", "types…", "Are you still there?"):
        assert word in shown
    for word in ("takes the warning back", "Grace Holm joins", "Transcript", "Try next", "statemachine emulate"):
        assert word in shown
    assert "\x1b" not in shown


def test_the_story_of_a_killed_client(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--scenario", "resume", "--pace", FAST]) == 0
    shown = capsys.readouterr().out
    for word in (
        "a process of its own",
        "is killed (SIGKILL), with “Both blue.”",
        "started again",
        "each message arrived",
    ):
        assert word in shown


def test_a_trace_can_be_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "a trace.jsonl"
    told = played(capsys, "--trace", str(trace))
    assert main(["replay", str(trace), "--json"]) == 0
    replayed = json.loads(capsys.readouterr().out)
    assert replayed["outcome"] == told["outcome"]
    assert [note for step in replayed["timeline"] for note in step["notes"]] == []
    own = [message for message in replayed["messages"] if message["own"]]
    assert [message["state"] for message in own] == ["read"] * told["messages"]["sent"]


def test_a_killed_client_goes_on_and_the_trace_of_both_processes_can_be_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "resumed.jsonl"
    told = played(capsys, "--scenario", "resume", "--trace", str(trace))
    assert told["problems"] == []
    assert (told["outcome"], told["messages"]["sent"], told["messages"]["received"]) == ("ended", 5, 7)
    assert main(["replay", str(trace), "--json"]) == 0
    replayed = json.loads(capsys.readouterr().out)
    assert replayed["outcome"] == "ended"
    assert "restarted" in [step["event"] for step in replayed["timeline"][1:]]
    assert [note for step in replayed["timeline"] for note in step["notes"] if "differs" in note] == []


def test_the_next_command_is_the_replay_of_the_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--scenario", "failed", "--pace", FAST, "--trace", str(tmp_path / "a b.jsonl")]) == 0
    assert f"statemachine replay '{tmp_path}/a b.jsonl'" in capsys.readouterr().out


def test_a_trace_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--trace", str(tmp_path / "missing" / "x")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


# --- the comparison -------------------------------------------------------------------------------------------------


async def found(name: str, script: str) -> list[str]:
    """The problems of a demo whose customer has another script."""
    _, problems = await perform(evolve(read_demo(name), script=read_script(script, name, Path())), Story(None), 0.2)
    return problems


async def test_a_script_that_fails_is_a_problem_that_names_its_step() -> None:
    problems = await found("failed", 'script = [{ start = "Hello" }, { wait_for = "agent_joined" }]')
    assert problems == ["wait_for phase agent_joined: the chat was over before (failed)"]


async def test_a_customer_who_waits_in_vain_is_a_problem() -> None:
    script = 'script = [{ start = "Hello" }, { wait_for = { says = "something else" }, within = "1s" }]'
    (problem,) = await found("inactivity", script)
    assert problem.startswith("wait_for says something else: not within 1s")


async def test_a_client_that_sends_twice_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    send = ChatSession.send

    async def doubled(self: ChatSession, text: str, **more: Any) -> Sending:
        await send(self, text, **more)
        return await send(self, text)

    monkeypatch.setattr(ChatSession, "send", doubled)
    _, problems = await perform(read_demo("lost"), Story(None), 0.2)
    assert any("4 arrived" in problem for problem in problems), problems


def _centre() -> Centre:
    chat = Chat("c", ClientKey("", "", ""), 2, 0, "ivr", catalogue()["silent"])
    chat.texts_received += [("1", "a"), ("2", "b")]
    chat.log.append(LogEntry(0, "to_client", {"event": "chat_session_message", "msg_id": "7"}))
    centre = Centre()
    centre.chats["c"] = chat
    return centre


def test_logs_that_agree() -> None:
    assert list(differences(_centre(), ["a", "b"], ["7"])) == []


@pytest.mark.parametrize(
    ("sent", "received"),
    [(["b", "a"], ["7"]), (["a"], ["7"]), (["a", "b"], []), (["a", "b"], ["7", "7"]), (["a", "b"], ["8"])],
)
def test_logs_that_differ(sent: list[str], received: list[str]) -> None:
    assert len(list(differences(_centre(), sent, received))) == 1


def test_a_centre_without_the_chat_is_a_difference() -> None:
    centre = _centre()
    centre.chats.clear()
    assert list(differences(centre, [], [])) == ["the centre has 0 chats, not one"]

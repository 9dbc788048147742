"""`statemachine demo`: each scene played for real, only faster; and the judge, who has to see what went wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from statemachine.cli import main
from statemachine.cli.demo import command
from statemachine.cli.stage.customer import Customer
from statemachine.cli.stage.judge import in_order, told_once
from statemachine.cli.stage.performance import perform
from statemachine.cli.stage.scenes import SCENES
from statemachine.cli.stage.story import Story
from statemachine.client import ChatSession, Sending
from statemachine.emulator import Chat, ClientKey, LogEntry
from statemachine.emulator.script import catalogue

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


@pytest.mark.parametrize("scenario", sorted({*OUTCOMES} - {"resume"}))
def test_it_ends_as_it_should(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_a_trace_can_be_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "a trace.jsonl"
    told = played(capsys, "--trace", str(trace))
    assert main(["replay", str(trace), "--json"]) == 0
    replayed = json.loads(capsys.readouterr().out)
    assert replayed["outcome"] == told["outcome"]
    assert [note for step in replayed["timeline"] for note in step["notes"]] == []
    own = [message for message in replayed["messages"] if message["own"]]
    assert [message["state"] for message in own] == ["read"] * told["messages"]["sent"]


def test_a_killed_client_goes_on_and_its_second_life_can_be_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "resumed.jsonl"
    told = played(capsys, "--scenario", "resume", "--trace", str(trace))
    assert told["problems"] == []
    assert (told["outcome"], told["messages"]["sent"], told["messages"]["received"]) == ("ended", 5, 7)
    assert main(["replay", str(trace), "--json"]) == 0
    replayed = json.loads(capsys.readouterr().out)
    assert replayed["outcome"] == "ended"
    assert replayed["timeline"][0]["event"] == "restarted"
    assert [note for step in replayed["timeline"] for note in step["notes"] if "differs" in note] == []


def test_the_next_command_is_the_replay_of_the_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--scenario", "failed", "--pace", FAST, "--trace", str(tmp_path / "a b.jsonl")]) == 0
    assert f"statemachine replay '{tmp_path}/a b.jsonl'" in capsys.readouterr().out


def test_a_trace_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--trace", str(tmp_path / "missing" / "x")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


# --- the judge ------------------------------------------------------------------------------------------------------


async def test_another_outcome_is_a_problem() -> None:
    scene = evolve(SCENES["failed"], outcome="ended", phases=("requesting", "agent_joined"), failures=9)
    found = await perform(scene, Story(None), 0.2)
    assert not found.ok
    assert len(found.problems) == 3


async def test_a_scene_that_cannot_go_on_says_what_it_waited_for() -> None:
    async def waits_in_vain(customer: Customer) -> None:
        await customer.asks("Hello")
        await customer.hears("something else")

    found = await perform(evolve(SCENES["failed"], play=waits_in_vain), Story(None), 0.2)
    assert any("something else" in problem for problem in found.problems)


async def test_a_scene_that_never_ends_is_broken_off() -> None:
    async def silent(customer: Customer) -> None:
        await customer.asks("Hello")
        await customer.sees("warned")

    scene = evolve(SCENES["session"], play=silent, within=1.0)
    found = await perform(scene, Story(None), 0.2)
    assert any("not over after" in problem for problem in found.problems)


async def test_a_client_that_doubles_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    send = ChatSession.send

    async def doubled(self: ChatSession, text: str, **more: Any) -> Sending:
        await send(self, text, **more)
        return await send(self, text)

    monkeypatch.setattr(ChatSession, "send", doubled)
    found = await perform(SCENES["lost"], Story(None), 0.2)
    assert any("4 arrived" in problem for problem in found.problems), found.problems


def _chat() -> Chat:
    chat = Chat("c", ClientKey("", "", ""), 2, 0, "ivr", catalogue()["silent"])
    chat.texts_received += [("1", "a"), ("2", "b")]
    message = {"event": "chat_session_message", "msg_id": "7"}
    chat.log.append(LogEntry(0, "to_client", message))
    return chat


def test_books_that_agree() -> None:
    assert list(told_once(_chat(), ["a", "b"], ["7"])) == []


@pytest.mark.parametrize(
    ("sent", "told"),
    [(["b", "a"], ["7"]), (["a"], ["7"]), (["a", "b"], []), (["a", "b"], ["7", "7"]), (["a", "b"], ["8"])],
)
def test_books_that_differ(sent: list[str], told: list[str]) -> None:
    assert len(list(told_once(_chat(), sent, told))) == 1


def test_in_order() -> None:
    assert in_order("ac", "abc")
    assert not in_order("ca", "abc")
    assert not in_order("aa", "abc")

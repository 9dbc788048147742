"""`statemachine demo`: each demo is a folder of `demos/`, a customer's script and a scenario for the emulator."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import as_file, files
from io import TextIOWrapper
from pathlib import Path
from typing import Final, TextIO

import click
from attrs import frozen

from statemachine.adapters.protocols import HandledEvent
from statemachine.client import Options
from statemachine.codec.trace import RecordedStep, header_line, step_line
from statemachine.emulator import Centre, Knobs, Scenario
from statemachine.emulator.http import Emulator
from statemachine.emulator.script import read_scenario
from statemachine.emulator.script.reader import read_parts
from statemachine.emulator.script.values import did_you_mean
from statemachine.scripted import Play, PlayResult, Script, play, read_script

from ..core import Session
from ..files import open_private
from ..logs import silenced
from ..version import __version__
from .app import Trouble
from .files import FILE
from .numbers import FiniteRange
from .screen import Screen
from .stopping import run_interruptibly
from .story import Story

_FOLDER: Final = files("statemachine.cli") / "demos"
_DEFAULT: Final = "session"
_NAMES: Final = (_DEFAULT, "inactivity", "failed", "lost", "flaky", "resume")
_PRODUCT: Final = f"chat-session-statemachine {__version__} demo"
_OPTIONS: Final = Options(settle=timedelta(milliseconds=300), request_timeout=timedelta(seconds=3))
"""On loopback no request is on its way for ten seconds."""


@frozen
class Demo:
    """The customer's side and the centre's."""

    script: Script
    scenario: Scenario


def read_demo(name: str) -> Demo:
    """The demo of this name. Raises ScriptError."""
    with as_file(_FOLDER) as folder:
        parts = read_parts((folder / "parts.toml").read_text("utf-8"), "parts.toml")
        customer, centre = folder / name / "customer.toml", folder / name / "centre.toml"
        script = read_script(customer.read_text("utf-8"), name, customer.parent, str(customer))
        return Demo(script, read_scenario(centre.read_text("utf-8"), name, parts, str(centre)))


_DEMOS: Final = {name: read_demo(name) for name in _NAMES}
_EPILOG: Final = "\b\n" + "\n".join(
    ["Scenarios:", *(f"  {name:<11} {demo.script.about}" for name, demo in _DEMOS.items())]
)


class _ScenarioName(click.Choice[str]):
    def get_invalid_choice_message(self, value: str, ctx: click.Context | None) -> str:
        """As click's, with the nearest name."""
        return super().get_invalid_choice_message(value, ctx) + did_you_mean(value, _NAMES)


@click.command(name="demo", epilog=_EPILOG)
@click.option(
    "--scenario",
    type=_ScenarioName(_NAMES),
    metavar="NAME",
    default=_DEFAULT,
    show_default=True,
    help="What happens; see below.",
)
@click.option("--trace", type=FILE, metavar="FILE", help="Write a trace to this file, for `statemachine replay`.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the story.")
@click.option(
    "--pace", type=FiniteRange(0.1, 10), default=1.0, show_default=True, help="Factor for pauses: 0.5 halves them."
)
def command(scenario: str, trace: Path | None, as_json: bool, pace: float) -> int:
    """Show a whole chat with a contact centre, over HTTP, on this machine, line by line as it happens.

    The centre is the emulator, on loopback; the client is ChatClient, as an application uses it. At the end the logs of
    both sides are compared: each text must have arrived once, each message must have been delivered once.

    --json: {scenario, phases (in order), outcome, messages: {sent, received, delivered, read}, ok, problems, seconds}.

    Exit status: 0 the chat ended as expected; 1 it did not, and the problems are printed; 2 it could not begin.
    """
    screen = None if as_json else Screen()
    demo = _DEMOS[scenario]
    try:
        with silenced(), TextIOWrapper(open_private(trace or Path(os.devnull)), "utf-8") as file:
            if screen is not None:
                screen.line((f"statemachine demo: {scenario}", "bold"), (f" · {demo.script.about}", "dim"), indent=2)
                screen.line()
            story = Story(screen, _Trace(file))
            result, problems = run_interruptibly(perform(demo, story, pace))
    except OSError as error:
        if trace is None or error.filename != str(trace):
            raise
        raise Trouble(f"{trace}: {error.strerror or 'cannot be written'}") from None
    if screen is None:
        click.echo(json.dumps(_report(scenario, story, result, problems)))
    else:
        _close(screen, story, result, problems)
        _advise(screen, scenario, trace)
    return 1 if problems else 0


async def perform(demo: Demo, story: Story, pace: float) -> tuple[PlayResult, list[str]]:
    """Play a demo; returns the result, and what did not go as expected."""
    async with Emulator(demo.scenario, Knobs(pace=pace, inactivity_timeout_ms=None)) as emulator:
        story.aside(f"a contact centre listens on {emulator.url}; a chat client connects to it over HTTP", "dim")
        endpoint = _OPTIONS.endpoint(emulator.url, "demo.example", "demo-entry", "nobody")
        how = Play(client_id="demo-customer", pace=pace)
        (result,) = await play(demo.script, endpoint, _OPTIONS, how, lambda _: story)
        failed = result.problem
        problems = [] if failed is None else [f"{failed.words}: {failed.problem}"]
        return result, [*problems, *differences(emulator.centre, story.texts, story.received)]


def differences(centre: Centre, sent: list[str], received: list[str]) -> Iterator[str]:
    """Differences between the centre's log and the client's: the texts sent, and the ids of the messages received."""
    if len(centre.chats) != 1:
        yield f"the centre has {len(centre.chats)} chats, not one"
    for chat in centre.chats.values():
        arrived = [text for _, text in chat.texts_received]
        if arrived != sent:
            yield f"of {len(sent)} texts sent, {len(arrived)} arrived: {'; '.join(arrived)}"
        ids = [
            str(entry.event.get("msg_id", ""))
            for entry in chat.log
            if entry.direction == "to_client" and entry.event.get("event") == "chat_session_message"
        ]
        if ids != received:
            yield f"of {len(ids)} messages of the centre, {len(received)} were delivered to the application"
    for violation in centre.violations:
        yield f"a fault of the client ({violation.rule}): {violation.message}"


class _Trace:
    """Writes each step of the engine as a line. The conversation is invented: its trace may hold the texts."""

    def __init__(self, file: TextIO) -> None:
        self._file: Final = file
        self._last: Session | None = None

    def __call__(self, step: HandledEvent) -> None:
        if step.before != self._last:  # the first line, or the first one of another process
            self._file.write(header_line(_PRODUCT, step.before, redacted=False) + "\n")
        self._last = step.after
        recorded = RecordedStep.of(step.event, step.after.phase, step.outputs)
        self._file.write(step_line(recorded, redacted=False) + "\n")


# --- the end of the story -------------------------------------------------------------------------------------------


def _report(scenario: str, story: Story, result: PlayResult, problems: list[str]) -> dict[str, object]:
    return {
        "scenario": scenario,
        "phases": result.phases,
        "outcome": result.outcome,
        "messages": {
            "sent": story.count("sent"),
            "received": len(story.received),
            "delivered": story.count("delivered"),
            "read": story.count("read"),
        },
        "ok": not problems,
        "problems": problems,
        "seconds": round(result.seconds, 3),
    }


def _close(screen: Screen, story: Story, result: PlayResult, problems: list[str]) -> None:
    screen.line()
    screen.line(("Transcript", "bold"))
    width = max((len(name) for name, _ in story.transcript), default=0)
    for name, text in story.transcript:
        screen.line(f"  {name:<{width}}  ", (text, ""), indent=width + 4)
    screen.line()
    if problems:
        screen.line(("✗ not as expected", "bold red"))
    else:
        screen.line((f"✓ as expected: outcome {result.outcome}, each message arrived once", "bold green"), indent=2)
    counts = ", ".join(f"{story.count(state)} {state}" for state in ("sent", "delivered", "read"))
    screen.line((f"  {counts}; {len(story.received)} received; {result.seconds:.1f} s", "dim"), indent=2)
    for problem in problems:
        screen.line(("  ✗ ", "red"), problem, indent=4)


def _advise(screen: Screen, scenario: str, trace: Path | None) -> None:
    screen.line()
    screen.line(("Try next", "bold"))
    for line, about in _next(scenario, trace):
        if screen.narrow:
            screen.line("  ", (line, "cyan"))
            screen.line("    ", (about, "dim"), indent=4)
        else:
            screen.line("  ", (f"{line:<44}", "cyan"), (f"  {about}", "dim"))


def _next(scenario: str, trace: Path | None) -> Iterator[tuple[str, str]]:
    if trace is not None:
        yield f"statemachine replay {shlex.quote(str(trace))}", "the same chat, step by step, with the engine's reasons"
    elif scenario == _DEFAULT:
        yield "statemachine demo --scenario resume", "kill the client in the middle: nothing lost, nothing doubled"
    else:
        yield "statemachine demo", "a whole chat from request to end"
    yield "statemachine emulate --port 8080", "a contact centre for a client of your own"

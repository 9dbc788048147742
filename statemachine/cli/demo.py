"""`statemachine demo`."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from pathlib import Path
from typing import Final

import click

from .app import Trouble
from .quiet import quiet
from .screen import Screen
from .stage.performance import Performance, perform
from .stage.resume import ABOUT, NAME, perform_resume
from .stage.scenes import SCENES
from .stage.story import Story

__all__ = ["command"]

_DEFAULT: Final = "session"
_ABOUT: Final = {**{scene.name: scene.about for scene in SCENES.values()}, NAME: ABOUT}
_EPILOG: Final = "\b\n" + "\n".join(["Scenarios:", *(f"  {name:<11} {about}" for name, about in _ABOUT.items())])


@click.command(name="demo", epilog=_EPILOG)
@click.option(
    "--scenario",
    type=click.Choice(list(_ABOUT)),
    metavar="NAME",
    default=_DEFAULT,
    show_default=True,
    help="What happens; see below.",
)
@click.option(
    "--trace",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a trace there, which `statemachine replay` reads.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the story.")
@click.option(
    "--pace", type=click.FloatRange(0.1, 10), default=1.0, show_default=True, help="Of the pauses: 0.5 halves them."
)
def command(scenario: str, trace: Path | None, as_json: bool, pace: float) -> None:
    """A whole chat with a contact centre, over HTTP, on this machine, told as it happens.

    The centre is the emulator, on loopback; the client is ChatClient, as an application uses it. In the end both sides'
    books are compared: each text has to have arrived once, each message has to have been told once.

    --json: {scenario, phases (in order), outcome, messages: {sent, received, delivered, read}, ok, problems, seconds}.

    Exit status: 0 it ended as it should; 1 it did not, and what went wrong is said; 2 it could not begin.
    """
    screen = None if as_json else Screen()
    performance = _perform(scenario, Story(screen), pace, trace)
    if screen is None:
        click.echo(json.dumps(performance.as_json()))
    else:
        _close(screen, performance, trace)
    if not performance.ok:
        raise click.exceptions.Exit(1)


def _perform(scenario: str, story: Story, pace: float, trace: Path | None) -> Performance:
    try:
        with quiet(), open(trace or os.devnull, "w", encoding="utf-8") as file:
            story.title(f"statemachine demo: {scenario}", _ABOUT[scenario])
            if scenario == NAME:
                return asyncio.run(perform_resume(story, pace, trace))
            return asyncio.run(perform(SCENES[scenario], story, pace, file if trace else None))
    except OSError as error:
        if error.filename != str(trace):
            raise
        raise Trouble(f"{trace}: {error.strerror or 'cannot be written'}") from None


# --- the end of the story -------------------------------------------------------------------------------------------


def _close(screen: Screen, performance: Performance, trace: Path | None) -> None:
    screen.line()
    screen.line(("Transcript", "bold"))
    width = max((len(who) for who, _ in performance.transcript), default=0)
    for who, text in performance.transcript:
        screen.line(f"  {who:<{width}}  ", (text, ""), indent=width + 4)
    screen.line()
    _verdict(screen, performance)
    screen.line()
    screen.line(("Try next", "bold"))
    for line, about in _next(performance.scenario, trace):
        if screen.narrow:
            screen.line("  ", (line, "cyan"))
            screen.line("    ", (about, "dim"), indent=4)
        else:
            screen.line("  ", (f"{line:<44}", "cyan"), (f"  {about}", "dim"))


def _verdict(screen: Screen, performance: Performance) -> None:
    numbers = (
        f"{performance.sent} sent, {performance.delivered} delivered, {performance.read} read; "
        f"{performance.received} received; {performance.seconds:.1f} s"
    )
    if performance.ok:
        text = f"✓ as it should: outcome {performance.outcome}, each message arrived once"
        screen.line((text, "bold green"), indent=2)
    else:
        screen.line(("✗ not as it should", "bold red"))
    screen.line((f"  {numbers}", "dim"), indent=2)
    for problem in performance.problems:
        screen.line(("  ✗ ", "red"), problem, indent=4)


def _next(scenario: str, trace: Path | None) -> list[tuple[str, str]]:
    if trace is not None:
        first = (
            f"statemachine replay {shlex.quote(str(trace))}",
            "the same chat, step by step, with the engine's reasons",
        )
    elif scenario == _DEFAULT:
        first = ("statemachine demo --scenario resume", "kill the client in the middle: nothing lost, nothing doubled")
    else:
        first = ("statemachine demo", "a whole chat from request to end")
    return [first, ("statemachine emulate --port 8080", "a contact centre for a client of your own")]

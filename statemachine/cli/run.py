"""`statemachine run`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click
from attrs import evolve

from statemachine.client import ChatError
from statemachine.codec.http import Endpoint
from statemachine.emulator.control import is_loopback
from statemachine.emulator.script import ScriptError
from statemachine.scripted import Play, Result, Script, StepResult, junit, play, read_script, summary

from .app import Trouble
from .door import Door, door_options, in_flags
from .files import reading, write
from .quiet import quiet
from .screen import Screen
from .state import running_emulators

__all__ = ["command"]

_SHOWN: Final = 10
"""Failed sessions that are told one by one."""
_NAME_WIDTH: Final = 44

_EPILOG: Final = """\b
A script:
  about = "a parcel that is late"
  script = [
      { start = "Hello, my parcel is late." },
      { wait_for = "agent_joined", within = "30s" },
      { wait_for = { says = "help" }, within = "10s" },
      { say = "It is number {n}." },
      { wait_for = { message = "read" } },
      { expect = { agents = "Ada Larsen" } },
      "disconnect",
      { answer_form = { service = "5" }, form = "survey_form" },
      { wait_for = "ended" },
  ]
"""

_FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.command(name="run", epilog=_EPILOG)
@click.argument("files", metavar="FILE.toml...", nargs=-1, required=True, type=_FILE)
@door_options
@click.option("--sessions", type=click.IntRange(1, 100_000), default=1, show_default=True, help="Customers, at once.")
@click.option("--rate", type=click.FloatRange(0.01, 10_000), default=20.0, show_default=True, help="Come in a second.")
@click.option("--junit", "junit_file", type=_FILE, metavar="FILE", help="Write a JUnit report there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@click.option("--check", is_flag=True, help="Only look whether the files are right.")
@click.option("--yes", is_flag=True, help="Do not ask before going to a host beyond this machine.")
def command(
    files: tuple[Path, ...],
    door: Door,
    sessions: int,
    rate: float,
    junit_file: Path | None,
    as_json: bool,
    check: bool,
    yes: bool,
) -> None:
    """Play customers from scripts, with the real client, against a contact centre.

    Without --url against the emulator that runs here. A script says what a customer does, waits for and expects; it
    fails at the first thing that does not come true. A chat that it leaves open is ended.

    --json: {ok, url, scripts: [{name, about, ok, sessions, failed, sent_ms, steps, results}]}.

    Exit status: 0 all came true; 1 something did not; 2 it could not be done as asked.
    """
    scripts = [_read(file) for file in files]
    screen = None if as_json else Screen()
    if check:
        if screen is not None:
            screen.line("right: " + ", ".join(script.name for script in scripts))
        return
    how = Play(sessions=sessions, rate=rate, client_id=door.client_id)
    with quiet(), in_flags():
        doors = asyncio.run(_doors(door, scripts))
        if not yes:
            _ask(doors[0], sessions * len(scripts))
        results = [_play(*pair, door, how, screen) for pair in zip(scripts, doors, strict=True)]
    plays = list(zip(scripts, results, strict=True))
    if as_json:
        told = [summary(script, results) for script, results in plays]
        click.echo(json.dumps({"ok": all(one["ok"] for one in told), "url": doors[0].url, "scripts": told}))
    if junit_file is not None:
        write(junit_file, junit(plays))
    if not all(result.ok for several in results for result in several):
        raise click.exceptions.Exit(1)


def _read(path: Path) -> Script:
    try:
        with reading(path):
            return read_script(path.read_text(encoding="utf-8"), path.stem, path.parent, str(path))
    except ScriptError as error:
        raise Trouble(str(error)) from None
    except UnicodeDecodeError:
        raise Trouble(f"{path}: this is no UTF-8 text") from None


async def _doors(door: Door, scripts: Sequence[Script]) -> list[Endpoint]:
    """Where each script goes: its own app id counts where none is said."""
    emulator = await anext(running_emulators(), None) if door.url is None else None
    options = door.options()
    return [evolve(door, app_id=door.app_id or one.app_id).endpoint(options, "nobody", emulator) for one in scripts]


def _ask(door: Endpoint, chats: int) -> None:
    """People on the other side may be reached: that is wanted, or it is not done."""
    host = urlsplit(door.url).hostname or ""
    if is_loopback(host):
        return
    many = f"{chats} chats" if chats > 1 else "a chat"
    what = f"{many} at {host}, tenant {door.tenant or 'none'}, app id {door.app_id}"
    try:
        agreed = click.confirm(f"This opens {what}, where people may answer. Go on?", err=True)
    except click.Abort:
        raise Trouble(f"this would open {what}: say --yes if that is meant") from None
    if not agreed:
        raise Trouble("nothing was done")


def _play(script: Script, at: Endpoint, door: Door, how: Play, screen: Screen | None) -> list[Result]:
    story = None if screen is None else _Story(screen, script, how.sessions)
    try:
        results = asyncio.run(play(script, at, door.options(), how, _silent if story is None else story.tell))
    except ChatError as error:
        raise Trouble(str(error)) from None
    if story is not None:
        story.close(results)
    return results


def _silent(result: Result, step: StepResult | None) -> None:
    """JSON is told at the end."""


class _Story:
    """One session is told step by step; many by their numbers."""

    def __init__(self, screen: Screen, script: Script, sessions: int) -> None:
        self._screen: Final = screen
        self._script: Final = script
        self._sessions: Final = sessions
        self._done = 0
        screen.line((script.name, "bold"), f"  {script.about}")

    def tell(self, result: Result, step: StepResult | None) -> None:
        """See `play`."""
        if step is None:
            self._done += 1
            if self._sessions > 1 and self._done % max(1, self._sessions // 10) == 0:
                self._screen.line((f"  {self._done} of {self._sessions} are done", "dim"))
        elif self._sessions == 1:
            mark = ("  ✗ ", "bold red") if step.problem else ("  ✓ ", "green")
            where = f"line {step.line:<3} " if step.line else " " * 9
            self._screen.line(mark, (where, "dim"), step.words, (f"  {step.seconds:.1f} s", "dim"), indent=13)
            if step.problem:
                self._screen.line(" " * 13, (step.problem, "red"), indent=13)

    def close(self, results: Sequence[Result]) -> None:
        """How it went."""
        failed = [result for result in results if not result.ok]
        if self._sessions > 1:
            self._failures(failed)
            self._numbers(summary(self._script, results))
        if any(result.ended_by_us for result in results):
            self._screen.line(("  What was left open was ended.", "dim"))
        seconds = f", {max(result.seconds for result in results):.1f} s"
        if failed:
            self._screen.line((f"✗ {len(failed)} of {len(results)} failed", "bold red"), seconds)
        else:
            self._screen.line(("✓ all came true", "bold green"), seconds)

    def _failures(self, failed: Sequence[Result]) -> None:
        for result in failed[:_SHOWN]:
            if (step := result.problem) is not None:
                where = f"session {result.number}, line {step.line}: "
                self._screen.line(("  ✗ ", "bold red"), where, f"{step.words}: {step.problem}", indent=4)
        if len(failed) > _SHOWN:
            self._screen.line((f"  … and {len(failed) - _SHOWN} more", "dim"))

    def _numbers(self, told: dict[str, Any]) -> None:
        """How long each step took over all sessions."""
        head = f"  {'':<{_NAME_WIDTH}}{'median':>9}{'95 %':>9}{'most':>9}"
        self._screen.line((head, "dim"))
        for step in told["steps"]:
            self._row(f"{step['line']:>3}  {step['step']}", step["seconds"])
        if told["sent_ms"]:
            sent = {name: ms / 1000 for name, ms in told["sent_ms"].items()}
            self._row("     a text, until the server has it", sent)

    def _row(self, name: str, seconds: dict[str, float]) -> None:
        numbers = "".join(f"{seconds[key]:>7.2f} s" for key in ("p50", "p95", "max"))
        self._screen.line(f"  {name[: _NAME_WIDTH - 1]:<{_NAME_WIDTH}}{numbers}")

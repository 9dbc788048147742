"""`statemachine run`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click
from attrs import evolve

from statemachine.client import ChatError, Options
from statemachine.codec.http import Endpoint
from statemachine.emulator.script import ScriptError
from statemachine.scripted import (
    Play,
    PlayEvent,
    PlayFinished,
    PlayResult,
    Script,
    StepExecuted,
    StepResult,
    junit,
    play,
    read_script,
    summary,
)
from statemachine.serving.addresses import is_loopback

from ..logs import silenced
from .app import Trouble, in_trouble
from .connection_options import ConnectionOptions, connection_options, in_flags
from .files import FILE, read_text, write
from .numbers import FiniteRange
from .screen import Screen
from .state import found_emulator
from .stopping import run_interruptibly, run_many

_SHOWN: Final = 10
"""The most failed sessions that are listed."""
_NAME_WIDTH: Final = 44


@click.command(name="run")
@click.argument("files", metavar="FILE.toml...", nargs=-1, required=True, type=FILE)
@connection_options
@click.option("--sessions", type=click.IntRange(1, 100_000), default=1, show_default=True, help="Number of customers.")
@click.option(
    "--rate", type=FiniteRange(0.01, 10_000), default=20.0, show_default=True, help="New customers per second."
)
@click.option("--junit", "junit_file", type=FILE, metavar="FILE", help="Write a JUnit report to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@click.option("--check", is_flag=True, help="Only check the files.")
@click.option("--yes", is_flag=True, help="Do not ask before opening chats on another host.")
def command(
    files: tuple[Path, ...],
    connection: ConnectionOptions,
    sessions: int,
    rate: float,
    junit_file: Path | None,
    as_json: bool,
    check: bool,
    yes: bool,
) -> int:
    """Play scripts of customers, with the real client, against a contact centre.

    Without --url, it uses the emulator on this machine. A script lists what a customer does, waits for and
    expects; it fails at the first step that fails. A chat that it leaves open is ended.

    \b
    A script:
      about = "a parcel that is late"
      app_id = "survey"
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

    --json: {ok, url, scripts: [{name, about, ok, sessions, failed, sent_ms, steps, results}]}.

    Exit status: 0 no step failed; 1 a step failed; 2 the play could not begin.
    """
    scripts = [_read(file) for file in files]
    screen = None if as_json else Screen()
    if check:
        if screen is not None:
            screen.line("valid: " + ", ".join(script.name for script in scripts))
        return 0
    how = Play(sessions=sessions, rate=rate, client_id=connection.client_id)
    with silenced(), in_flags():
        endpoints = run_interruptibly(_endpoints(connection, scripts))
        if not yes:
            _ask(endpoints[0], sessions * len(scripts))
        options = connection.options()
        results = [_play(*pair, options, how, screen) for pair in zip(scripts, endpoints, strict=True)]
    plays = list(zip(scripts, results, strict=True))
    ok = all(result.ok for several in results for result in several)
    if as_json:
        summaries = [summary(script, results) for script, results in plays]
        click.echo(json.dumps({"ok": ok, "url": endpoints[0].url, "scripts": summaries}))
    if junit_file is not None:
        write(junit_file, junit(plays))
    return 0 if ok else 1


def _read(path: Path) -> Script:
    with in_trouble(ScriptError):
        return read_script(read_text(path), path.stem, path.parent, str(path))


async def _endpoints(connection: ConnectionOptions, scripts: Sequence[Script]) -> list[Endpoint]:
    """The endpoint of each script; without --app-id, with the app id that the script names."""
    emulator, options = await found_emulator(connection.url), connection.options()
    each = [evolve(connection, app_id=connection.app_id or script.app_id) for script in scripts]
    return [one.endpoint(options, connection.client_id or "nobody", emulator) for one in each]


def _ask(at: Endpoint, chats: int) -> None:
    """People on the other side may be reached: so the user must agree."""
    host = urlsplit(at.url).hostname or ""
    if is_loopback(host):
        return
    many = f"{chats} chats" if chats > 1 else "a chat"
    what = f"{many} at {host}, tenant {at.tenant or 'none'}, app id {at.app_id}"
    try:
        agreed = click.confirm(f"This opens {what}, where people may answer. Go on?", err=True)
    except click.Abort:
        raise Trouble(f"this would open {what}: say --yes if that is meant") from None
    if not agreed:
        raise Trouble("nothing was done")


def _play(script: Script, at: Endpoint, options: Options, how: Play, screen: Screen | None) -> list[PlayResult]:
    with in_trouble(ChatError):
        if screen is None:
            return run_many(play(script, at, options, how))
        progress = _Progress(screen, script, how.sessions)
        results = run_many(play(script, at, options, how, lambda _: progress))
    progress.close(results)
    return results


class _Progress:
    """Prints each step of a single session, and the counts of many."""

    def __init__(self, screen: Screen, script: Script, sessions: int) -> None:
        self._screen: Final = screen
        self._script: Final = script
        self._sessions: Final = sessions
        self._done = 0
        self._printed: Final[list[StepResult]] = []
        screen.line((script.name, "bold"), f"  {script.about}")

    def __call__(self, event: PlayEvent) -> None:
        match event:
            case StepExecuted(result=result) if self._sessions == 1:
                self._print(result)
            case PlayFinished():
                self._done += 1
                if self._sessions > 1 and self._done % max(1, self._sessions // 10) == 0:
                    self._screen.line((f"  {self._done} of {self._sessions} are done", "dim"))
            case _:
                pass

    def _print(self, result: StepResult) -> None:
        self._printed.append(result)
        mark = ("  ✗ ", "bold red") if result.problem else ("  ✓ ", "green")
        where = f"line {result.line:<3} " if result.line else " " * 9
        self._screen.line(mark, (where, "dim"), result.words, (f"  {result.seconds:.1f} s", "dim"), indent=13)
        if result.problem:
            self._screen.line(" " * 13, (result.problem, "red"), indent=13)

    def close(self, results: Sequence[PlayResult]) -> None:
        """Print the outcome of all sessions."""
        failed = [result for result in results if not result.ok]
        if self._sessions > 1:
            self._failures(failed)
            self._numbers(summary(self._script, results))
        else:
            self._failures([result for result in failed if result.problem not in self._printed])
        if any(result.ended_by_us for result in results):
            self._screen.line(("  A chat that was left open was ended.", "dim"))
        seconds = f", {max(result.seconds for result in results):.1f} s"
        if failed:
            self._screen.line((f"✗ {len(failed)} of {len(results)} failed", "bold red"), seconds)
        else:
            self._screen.line(("✓ no step failed", "bold green"), seconds)

    def _failures(self, failed: Sequence[PlayResult]) -> None:
        for result in failed[:_SHOWN]:
            if (step := result.problem) is not None:
                where = f"session {result.number}, line {step.line}: " if step.line else f"session {result.number}: "
                self._screen.line(("  ✗ ", "bold red"), where, f"{step.words}: {step.problem}", indent=4)
        if len(failed) > _SHOWN:
            self._screen.line((f"  … and {len(failed) - _SHOWN} more", "dim"))

    def _numbers(self, found: dict[str, Any]) -> None:
        """How long each step took over all sessions."""
        head = f"  {'':<{_NAME_WIDTH}}{'median':>9}{'95 %':>9}{'most':>9}"
        self._screen.line((head, "dim"))
        for step in found["steps"]:
            self._row(f"{step['line']:>3}  {step['step']}", step["seconds"])
        if found["sent_ms"]:
            sent = {name: ms / 1000 for name, ms in found["sent_ms"].items()}
            self._row("     a text, until the server has it", sent)

    def _row(self, name: str, seconds: dict[str, float]) -> None:
        numbers = "".join(f"{seconds[key]:>7.2f} s" for key in ("p50", "p95", "max"))
        self._screen.line(f"  {name[: _NAME_WIDTH - 1]:<{_NAME_WIDTH}}{numbers}")

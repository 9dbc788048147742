"""`statemachine bench`."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

import click
from platformdirs import user_cache_path

from statemachine.bench.adapter import Load, run_load
from statemachine.bench.goals import Goal, goals
from statemachine.bench.race import Race, run_race
from statemachine.bench.report import as_json, goal_lines, load_lines, page, race_lines, work_lines
from statemachine.bench.work import Work, run_work

from .app import Trouble

__all__ = ["command"]

_ROUNDS: Final = "How often the engines take turns."
_POLLS: Final = "Also with so many polls held at once, against the emulator in a process of its own. May be repeated."
_OUT: Final = "Write the page, its pictures and the figures here."


@click.command(name="bench")
@click.option("--rounds", default=30, show_default=True, type=click.IntRange(1), help=_ROUNDS)
@click.option("--no-install", is_flag=True, help="Leave out the peers that are not installed yet.")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where the peers' environments are kept.  [default: the user's cache]",
)
@click.option("--sessions", multiple=True, type=click.IntRange(1), help=_POLLS)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help=_OUT)
@click.option("--json", "as_json_", is_flag=True, help="Print one JSON object.")
def command(
    rounds: int, no_install: bool, home: Path | None, sessions: tuple[int, ...], out: Path | None, as_json_: bool
) -> None:
    """How fast the engine is, beside its peers and the least that anybody could do.

    The peers (transitions, python-statemachine, Automat, sismic, xstate-statemachine, XState) are installed into
    environments of their own, and all run the same lifecycle in turns: read the ratios. Goals that are missed are said
    so, and change nothing about the exit status: 0 it was measured; 2 it could not be done as asked.
    """
    _check_plots(out)
    race = run_race(home or user_cache_path("statemachine") / "bench", rounds, not no_install, _tell)
    work = run_work(_tell)
    loads = run_load(sessions, _tell) if sessions else []
    judged = goals(race, work, loads)
    if out is not None:
        _write(out, race, work, loads, judged)
    if as_json_:
        click.echo(json.dumps(as_json(race, work, loads, judged)))
        return
    for lines in (race_lines(race), work_lines(work), load_lines(loads) if loads else [], goal_lines(judged)):
        click.echo("\n".join([*lines, ""] if lines else lines), nl=bool(lines))


def _tell(line: str) -> None:
    """Where it is, for somebody who waits."""
    end = "\x1b[K\r" if sys.stderr.isatty() else "\n"
    click.echo(line + end, err=True, nl=False)


def _check_plots(out: Path | None) -> None:
    if out is None:
        return
    try:
        import_module("matplotlib")
    except ModuleNotFoundError:
        raise Trouble(
            'statemachine bench --out needs the extra "bench": pip install "chat-session-statemachine[bench]"'
        ) from None


def _write(out: Path, race: Race, work: Work, loads: list[Load], judged: tuple[Goal, ...]) -> None:
    from statemachine.bench.plot import draw

    try:
        out.mkdir(parents=True, exist_ok=True)
        draw(race, out)
        (out / "README.md").write_text(page(race, work, loads, judged), "utf-8")
        figures = json.dumps(as_json(race, work, loads, judged), indent=1)
        (out / "figures.json").write_text(figures + "\n", "utf-8")
    except OSError as error:
        raise Trouble(f"{out}: cannot be written: {error.strerror}") from None

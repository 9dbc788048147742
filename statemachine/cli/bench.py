"""`statemachine bench`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click
from platformdirs import user_cache_path

from statemachine.bench.adapter import run_load, run_start
from statemachine.bench.goals import Goal, goals
from statemachine.bench.race import run_race
from statemachine.bench.report import (
    Results,
    as_json,
    goal_lines,
    load_lines,
    page,
    race_lines,
    start_lines,
    store_lines,
    work_lines,
)
from statemachine.bench.store import run_store
from statemachine.bench.work import run_work

from .app import Trouble
from .files import writing

__all__ = ["command"]

_ROUNDS: Final = "How often the engines take turns."
_POLLS: Final = (
    "Also with so many polls held, plain and over TLS, against the emulator in a process of its own. May be repeated."
)
_RESTART: Final = "Also how long a process takes to go on with so many sessions of one that was killed."
_STORE: Final = "Also how many saves the store takes."
_ALL: Final = (
    "All of that: 100, 1,000 and 5,000 polls, 3,000 sessions, the store. A quarter of an hour, on a quiet machine."
)
_OUT: Final = "Write the page, its pictures and the figures here."
_HELD: Final = (100, 1_000, 5_000)
_OWNED: Final = 3_000


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
@click.option("--restart", type=click.IntRange(1), help=_RESTART)
@click.option("--store", is_flag=True, help=_STORE)
@click.option("--all", "everything", is_flag=True, help=_ALL)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help=_OUT)
@click.option("--json", "as_json_", is_flag=True, help="Print one JSON object.")
def command(
    rounds: int,
    no_install: bool,
    home: Path | None,
    sessions: tuple[int, ...],
    restart: int | None,
    store: bool,
    everything: bool,
    out: Path | None,
    as_json_: bool,
) -> None:
    """How fast the engine is, beside its peers and the least that anybody could do.

    The peers (transitions, python-statemachine, Automat, sismic, xstate-statemachine, XState) are installed into
    environments of their own, and all run the same lifecycle in turns: read the ratios. Goals that are missed are said
    so, and change nothing about the exit status: 0 it was measured; 2 it could not be done as asked.
    """
    _check_plots(out)
    if everything:
        sessions, restart, store = sessions or _HELD, restart or _OWNED, True
    _check_authority(sessions)
    results = Results(
        run_race(home or user_cache_path("statemachine") / "bench", rounds, not no_install, _tell),
        run_work(_tell),
        run_load(sessions, _tell) if sessions else (),
        run_start(restart, _tell) if restart else None,
        run_store(_tell) if store else None,
    )
    judged = goals(results.race, results.work, results.loads)
    if out is not None:
        _write(out, results, judged)
    if as_json_:
        click.echo(json.dumps(as_json(results, judged)))
        return
    for lines in _parts(results, judged):
        click.echo("\n".join([*lines, ""]))


def _parts(results: Results, judged: tuple[Goal, ...]) -> Iterator[list[str]]:
    yield race_lines(results.race)
    yield work_lines(results.work)
    if results.loads:
        yield load_lines(results.loads)
    if results.start:
        yield start_lines(results.start)
    if results.store:
        yield store_lines(results.store)
    yield goal_lines(judged)


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


def _check_authority(sessions: tuple[int, ...]) -> None:
    if sessions and find_spec("trustme") is None:
        raise Trouble(
            'statemachine bench --sessions needs the extra "tls": pip install "chat-session-statemachine[tls]"'
        )


def _write(out: Path, results: Results, judged: tuple[Goal, ...]) -> None:
    from statemachine.bench.plot import draw

    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        draw(results, out)
        (out / "README.md").write_text(page(results, judged), "utf-8")
        figures = json.dumps(as_json(results, judged), indent=1)
        (out / "figures.json").write_text(figures + "\n", "utf-8")

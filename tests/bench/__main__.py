"""Measure the engine and compare it with other libraries: `python -m tests.bench --rounds 5 --no-install`.

The peers (transitions, python-statemachine, Automat, sismic, xstate-statemachine, XState) are installed into
environments of their own, and all run the same lifecycle in turns: read the ratios. A missed goal is reported and does
not change the exit status.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_path

from tests.bench.adapter import run_load, run_start
from tests.bench.before import run_before
from tests.bench.goals import Goal, goals
from tests.bench.plot import draw
from tests.bench.race import run_race
from tests.bench.report import (
    Results,
    as_json,
    goal_lines,
    load_lines,
    page,
    race_lines,
    short_lines,
    start_lines,
    store_lines,
    work_lines,
)
from tests.bench.store import run_store
from tests.bench.work import run_work

POLLS = (100, 1_000, 5_000)
STORED = 3_000


def main(arguments: list[str] | None = None) -> None:
    """Measure what the arguments ask for, print it, and write the page where `--out` says."""
    asked = _parser().parse_args(arguments)
    if asked.all:
        asked.polls, asked.restart, asked.store = asked.polls or POLLS, asked.restart or STORED, True
    results = Results(
        run_race(asked.home, asked.rounds, not asked.no_install, _progress),
        run_work(_progress),
        run_load(asked.polls, _progress) if asked.polls else (),
        run_start(asked.restart, _progress) if asked.restart else None,
        run_store(_progress) if asked.store else None,
        run_before(asked.before, _progress) if asked.before else None,
    )
    judged = goals(results.race, results.work, results.loads)
    if asked.out is not None:
        _write(asked.out, results, judged)
    if asked.json:
        print(json.dumps(as_json(results, judged)))
        return
    for lines in _sections(results, judged):
        print("\n".join([*lines, ""]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rounds", type=int, default=30, help="number of turns of each engine (default: %(default)s)")
    add("--no-install", action="store_true", help="leave out the peers that are not installed yet")
    cache = user_cache_path("statemachine") / "bench"
    add("--home", type=Path, default=cache, help="folder of the peers' environments (default: %(default)s)")
    polls = "measure this number of open polls too, plain and over TLS, against the emulator; may be repeated"
    add("--polls", type=int, action="append", metavar="N", help=polls)
    add("--restart", type=int, metavar="N", help="measure how soon a process continues N sessions of a killed one")
    add("--store", action="store_true", help="measure how many saves the store takes")
    before = "compare the work with a checkout of an older commit in this folder, in turns"
    add("--before", type=Path, metavar="FOLDER", help=before)
    everything = "all of these: 100, 1,000 and 5,000 polls, 3,000 sessions, the store; takes a quarter of an hour"
    add("--all", action="store_true", help=everything)
    add("--out", type=Path, metavar="FOLDER", help="write the page, its pictures and the figures into this folder")
    add("--json", action="store_true", help="print one JSON object")
    return parser


def _sections(results: Results, judged: tuple[Goal, ...]) -> Iterator[list[str]]:
    yield race_lines(results.race)
    yield work_lines(results.work, results.before)
    if results.loads:
        yield load_lines(results.loads)
    if results.start:
        yield start_lines(results.start)
    if results.store:
        yield store_lines(results.store)
    yield [*goal_lines(judged), *short_lines(judged)]


def _progress(line: str) -> None:
    print(line, end="\x1b[K\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


def _write(out: Path, results: Results, judged: tuple[Goal, ...]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    draw(results, out)
    (out / "README.md").write_text(page(results, judged), "utf-8")
    (out / "figures.json").write_text(json.dumps(as_json(results, judged), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

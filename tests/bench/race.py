"""The race: all engines on one lifecycle, taking turns in short slices, so that noise meets all of them alike."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

from attrs import frozen

from tests.bench.contenders import BASELINE, CONTENDERS, OURS, Absent, Contender, Running, prepare

__all__ = ["Race", "Spread", "Stats", "run_race", "spread"]

_SLICE: Final = 0.03
"""Seconds. Long enough for a hundred laps of the fastest, short enough that noise rarely changes within a round."""
_MADE: Final = 300
_IMPORTS: Final = 9
_IMPORT: Final = "import time; t = time.process_time(); import {0}; print(time.process_time() - t)"


@frozen
class Spread:
    """Several figures of one kind."""

    least: float
    middle: float
    most: float


def spread(figures: Iterable[float]) -> Spread:
    """What several figures say: their least, their median, their most."""
    ordered = sorted(figures)
    return Spread(ordered[0], median(ordered), ordered[-1])


@frozen
class Stats:
    """One engine's figures. `behind`: how many times faster `reduce` was, round by round; `imported` in seconds."""

    name: str
    version: str
    goal: float | None
    events_per_second: Spread
    behind: Spread
    made_per_second: Spread
    bytes_each: float
    held: int
    imported: float | None


@frozen
class Race:
    """What a run has shown. `absent`: name -> why it did not take part."""

    engines: tuple[Stats, ...]
    absent: dict[str, str]
    rounds: int


def run_race(home: Path, rounds: int, install: bool, progress: Callable[[str], None], most_held: int = 100_000) -> Race:
    """Set all up that are missing, then let them take turns. `home`: where their environments are kept."""
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        running: list[Running] = []
        commands: dict[str, list[str]] = {}
        for contender in CONTENDERS:
            try:
                commands[contender.name] = prepare(contender, home, install)
                running.append(stack.enter_context(Running.begin(contender, commands[contender.name], home)))
            except Absent as error:
                absent[contender.name] = str(error)
                progress(f"{contender.name} is missing: {error}")
        rates, made = _take_turns(running, rounds, progress)
        weights = {one.contender.name: _weigh(one, commands[one.contender.name], home, most_held) for one in running}
        imports = {
            one.contender.name: _imported(one.contender, commands[one.contender.name], min(rounds, _IMPORTS))
            for one in running
        }
        own = rates[OURS.name]
        engines = [
            Stats(
                one.contender.name,
                one.version,
                one.contender.goal,
                spread(rates[one.contender.name]),
                spread(ours / theirs for ours, theirs in zip(own, rates[one.contender.name], strict=True)),
                spread(made[one.contender.name]),
                weights[one.contender.name],
                one.contender.held,
                imports[one.contender.name],
            )
            for one in running
        ]
    return Race(tuple(engines), absent, rounds)


def _take_turns(
    running: list[Running], rounds: int, progress: Callable[[str], None]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    rates: dict[str, list[float]] = {one.contender.name: [] for one in running}
    made: dict[str, list[float]] = {one.contender.name: [] for one in running}
    random = Random(1)
    for one in running:
        one.ask(do="laps", seconds=10 * _SLICE)  # caches, specialised bytecode, a just-in-time compiler
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        for one in random.sample(running, len(running)):
            answer = one.ask(do="laps", seconds=_SLICE)
            rates[one.contender.name].append(answer["events"] / answer["seconds"])
        if number < 5:
            for one in running:
                answer = one.ask(do="make", count=_MADE)
                made[one.contender.name].append(answer["count"] / answer["seconds"])
    return rates, made


def _weigh(one: Running, command: list[str], home: Path, most: int) -> float:
    """In a fresh process: what was freed before would be used again unseen."""
    with Running.begin(one.contender, command, home) as fresh:
        return fresh.ask(do="hold", count=min(one.contender.held, most))["bytes"]


def _imported(contender: Contender, command: list[str], times: int) -> float | None:
    """Seconds of processor that importing it takes, at best; None for what is no Python."""
    if contender.is_node:
        return None
    python = sys.executable if contender is BASELINE or contender is OURS else command[0]
    command_line = [python, *(() if python == sys.executable else ("-E",)), "-c", _IMPORT.format(contender.module)]
    tries = [subprocess.run(command_line, capture_output=True, text=True) for _ in range(times)]
    return min((float(one.stdout) for one in tries if not one.returncode), default=None)

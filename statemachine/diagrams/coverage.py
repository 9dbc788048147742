"""Which rows were taken, and how often: counted from traces, or as a run of the tests has counted them.

A folder of traces shows what production does; `COUNT_ROWS=FOLDER pytest` leaves there what the tests reach.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from ..codec.errors import BadRecord
from ..codec.trace import Trace, read_trace
from ..core import IllegalIntent, Move, explain, new_session, reduce
from ..core.tables import MACHINES

Counts: TypeAlias = dict[str, Counter[int]]
"""Machine -> number of the row -> how often it was taken."""
COUNTED: Final = ".rows.json"


class NoCoverage(Exception):
    """Nothing can be counted there; the message says why."""


def counted(folder: Path) -> Counts:
    """The counts of a folder: of its traces (`*.jsonl`), and of counts written before. Raises NoCoverage."""
    counts: Counts = {name: Counter() for name in MACHINES}
    files = [*sorted(folder.glob("*.jsonl")), *sorted(folder.glob(f"*{COUNTED}"))]
    if not files:
        raise NoCoverage(f"{folder}: no traces (*.jsonl) and no counts (*{COUNTED}) in it")
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
            add(counts, read(text) if path.name.endswith(COUNTED) else of_trace(read_trace(text.splitlines())))
        except (OSError, ValueError, BadRecord) as problem:
            raise NoCoverage(f"{path}: {problem}") from None
    return counts


def add(counts: Counts, more: Counts) -> None:
    """More counts of the same machines."""
    for name, rows in more.items():
        counts[name].update(rows)


def of_trace(trace: Trace) -> Counts:
    """What the engine does with the events of a trace."""
    counts: Counts = {name: Counter() for name in MACHINES}
    session = trace.session
    for step in trace.steps:
        session = session or new_session(step.event.at)
        for move in explain(session, step.event).moves:
            counts[move.machine][row_of(move)] += 1
        try:
            session, _ = reduce(session, step.event)
        except IllegalIntent:
            continue
    return counts


def row_of(move: Move) -> int:
    """The number of the row that answered: the one whose guard held last, or the unguarded row after all guards."""
    machine = MACHINES[move.machine]
    state = next(one for one in machine.states if one.name == move.source)
    on = next(one for one in machine.alphabet if one.__name__ == move.heard)
    held = bool(move.guards) and move.guards[-1][1]
    row = machine.cell(state, on)[len(move.guards) - held]
    return next(place for place, one in enumerate(machine.rows, 1) if one is row)


def write(counts: Counts) -> str:
    """Counts as a file of their own."""
    return json.dumps({name: dict(sorted(rows.items())) for name, rows in counts.items() if rows})


def read(text: str) -> Counts:
    """Counts from such a file. Raises ValueError."""
    found: Any = json.loads(text)
    if not isinstance(found, dict) or not set(cast(dict[str, Any], found)) <= set(MACHINES):
        raise ValueError("these are no counts of the rows of these machines")
    listed = cast(dict[str, dict[str, int]], found)
    return {name: Counter({int(row): times for row, times in rows.items()}) for name, rows in listed.items()}


def summary(counts: Counts) -> Iterable[str]:
    """In a line for each machine: how many of its rows were taken, and which never."""
    for name, machine in MACHINES.items():
        taken = [place for place, row in enumerate(machine.rows, 1) if row.verdict == "taken"]
        never = [place for place in taken if not counts[name][place]]
        rest = f"; never: {', '.join(map(str, never))}" if never else ""
        yield f"{name}: {len(taken) - len(never)} of {len(taken)} rows were taken{rest}"

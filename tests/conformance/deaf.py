"""Our engine, but deaf to one entry in one phase; each such engine must fail the kit, by a vector of both names.

`python -m tests.conformance.deaf ENTRY PHASE` is such an engine as a process: it answers the lines of `statemachine
engine`. Without arguments: all of them in turn through `statemachine conform`, and those that do not fail.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from attrs import frozen

from statemachine.cli import main
from statemachine.conformance.vectors import engine_vectors
from statemachine.core.fold import STATUS
from statemachine.core.signals import StatusOther
from statemachine.core.tables import MACHINES
from statemachine.core.wire import ENTRIES
from statemachine.engine.serve import Server
from statemachine.engine.session import JsonObject, JsonSession
from tests.conformance.targets import row_name
from tests.mutants.cases import Place
from tests.mutants.equivalent import reason


@frozen
class Deafness:
    """`names`: of the vectors for the rows that such an engine does not take, at `places`."""

    entry: str
    phase: str
    names: tuple[str, ...]
    places: tuple[tuple[Any, ...], ...]

    @property
    def name(self) -> str:
        """As a vector covers it."""
        return f"deaf/{self.phase}/{self.entry.replace('_', '-')}"

    def is_named_by(self, vector: str) -> bool:
        """Whether a vector has the name of both."""
        return any(vector == name or vector.startswith(f"{name}/") for name in self.names)


def _deafnesses() -> Iterator[Deafness]:
    lifecycle = MACHINES["lifecycle"]
    found: dict[tuple[str, str], list[tuple[str, Place]]] = defaultdict(list)
    for row in lifecycle.rows:
        entry = _entry(row.on)
        for state in row.source if entry and row.verdict == "taken" else ():
            name = row_name(lifecycle.name, state, row)
            if reason(f"{name}: drop") is None:
                place = (lifecycle.name, state, row.on, lifecycle.cell(state, row.on).index(row))
                found[entry, state.name].append((name, place))
    for (entry, phase), rows in sorted(found.items()):
        yield Deafness(entry, phase, *zip(*rows, strict=True))


def _entry(on: type[object]) -> str:
    """The type of the entry that arrives as this event, or ""."""
    if on in STATUS.values() or on is StatusOther:
        return "status"
    return re.sub("(?<!^)(?=[A-Z])", "_", on.__name__).lower() if on in ENTRIES else ""


DEAFNESSES: Final = tuple(_deafnesses())
"""Each entry in each phase in which it does something that an observer sees."""


def without(event: JsonObject, entry: str) -> JsonObject:
    """The event without entries of this type."""
    carrier = event.get("reply", event)
    if "entries" not in carrier:
        return event
    kept = {**carrier, "entries": [one for one in carrier["entries"] if one["type"] != entry]}
    return {**event, "reply": kept} if "reply" in event else kept


class Deaf(JsonSession):
    """Deaf to an entry in a phase."""

    def __init__(self, entry: str, phase: str) -> None:
        super().__init__()
        self._entry, self._phase = entry, phase

    def step(self, event: JsonObject) -> JsonObject:
        hides = self.session.phase == self._phase
        return super().step(without(event, self._entry) if hides else event)


def answers(lines: Iterable[str], entry: str, phase: str) -> Iterator[str]:
    """The answers of `statemachine engine` to these lines, when the entry is hidden from it in this phase."""
    server, now = Server(), ""
    for line in lines:
        asked = json.loads(line)
        if "event" in asked and now == phase:
            line = json.dumps({**asked, "event": without(asked["event"], entry)})
        answer = server.answer(line)
        now = answer.get("phase", now)
        yield json.dumps(answer)


def survivors() -> Iterator[str]:
    """The deaf engines that `statemachine conform` does not fail by a vector of both names."""
    names = [vector.id for vector in engine_vectors()]
    with tempfile.TemporaryDirectory() as folder:
        for one in DEAFNESSES:
            harness = (sys.executable, "-m", "tests.conformance.deaf", one.entry, one.phase)
            only = [word for name in names if one.is_named_by(name) for word in ("--only", name)]
            if not only or main(["conform", "--out", folder, *only, "--", *harness]) != 1:
                yield one.name


if __name__ == "__main__":
    if sys.argv[1:]:
        for answered in answers(sys.stdin, *sys.argv[1:]):
            print(answered, flush=True)
    else:
        missed = list(survivors())
        print(f"{len(DEAFNESSES)} deaf engines, {len(missed)} not found: {', '.join(missed)}")
        raise SystemExit(1 if missed else 0)

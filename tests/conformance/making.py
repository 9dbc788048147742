"""Makes the vectors of the engine: `python -m tests.conformance.making`, after the tables or the stories changed.

Two sources. The *stories* that the tests of the core tell (`tests/core/play.py`): those about a fault of protocol.md
section 8 are all taken, each under the fault's name, and those of what simulation and reviews have found. Then the
*mutants* of the tables (`tests/mutants`): for each that no vector rejects yet, the first case in which it shows
something else is made as short as possible (`rejecting.py`). The same is done for each engine that is deaf to one
entry in one phase. Nothing is padded.

What is there already is kept, with new expectations; only what is missing is made. `--anew` begins from nothing.
`--refresh` only writes down what the engine shows now; `--check` fails where that is something else than is written.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import evolve

from statemachine.conformance.levels import softened
from statemachine.conformance.shorten import LinkedStep, replay
from statemachine.conformance.vectors import Vector, VectorStep, engine_vectors, vector_data
from tests.conformance.deaf import DEAFNESSES
from tests.conformance.rejecting import hearing, is_failed_by, rejecting
from tests.conformance.stories import faults, finds, stories
from tests.conformance.targets import Target, targets, without
from tests.conformance.telling import Stage, Story, story_of, trailing
from tests.core import play
from tests.mutants.tables import ALL

FOLDER = Path(play.__file__).parents[2] / "statemachine" / "conformance" / "vectors" / "engine"
STORIES = ("fault/", "found/")
"""Names of vectors that stand for themselves, whatever the others cover."""
MARKS = ("F", "found/", "deaf/")
"""Beginnings of what a vector shows beside mutants: a fault, a find, an engine that is deaf to an entry in a phase."""


def levelled(vector: Vector) -> Vector:
    """Each step with what rests on an inference. A fault seen in the field binds; a row, as much as its last step."""
    stage = Stage(vector.at, vector.config)
    steps: list[VectorStep] = []
    for step in vector.steps:
        should: tuple[str, ...] = ()
        if "event" in step.do:
            former = stage.former
            should = softened(stage.session, stage._event(LinkedStep(step.do)))
            stage.former = former
        stage.take(LinkedStep(step.do))
        steps.append(evolve(step, should=should))
    binds = vector.id.startswith("fault/") or not steps[-1].should
    return evolve(vector, steps=tuple(steps), level="must" if binds else "should")


def covering(story: Story, wanted: list[Target]) -> Vector:
    """The vector with the names of all that it covers: rows by being taken, what shows by being missed."""
    rows = story.rows()
    found = [
        target.name
        for target in wanted
        if target.name in rows and (not target.shows or story.otherwise(without(target)) is not None)
    ]
    vector = levelled(story.vector())
    codes = [one for one in story.covers if one.startswith(MARKS)]
    return evolve(vector, covers=(*codes, *found))


def covered_by(story: Story, names: set[str]) -> Vector:
    """With the names of what it covers; a vector from before whose names are all still there keeps them."""
    known = [name for name in story.covers if not name.startswith(MARKS)]
    if known and names.issuperset(known) and len(known) > 1:
        return levelled(story.vector())
    vector = covering(story, targets())
    return evolve(vector, covers=(*vector.covers, *(name for name in known if ": " in name)))


def marked(vectors: list[Vector]) -> list[Vector]:
    """With the name of each deafness on the first vector of its names that such an engine fails, so that it is kept."""
    found = {vector.id: vector for vector in vectors}
    for one in DEAFNESSES:
        shows = next((v for v in found.values() if one.is_named_by(v.id) and is_failed_by(one, v)), None)
        if shows is not None and one.name not in shows.covers:
            found[shows.id] = evolve(shows, covers=(one.name, *shows.covers))
    return [*found.values()]


def pruned(vectors: list[Vector]) -> list[Vector]:
    """Without those, from the last, whose coverage the others have too; stories about faults stay."""
    counts = Counter(name for vector in vectors for name in vector.covers)
    kept: list[Vector] = []
    for vector in reversed(vectors):
        if vector.id.startswith(STORIES) or any(counts[name] == 1 for name in vector.covers):
            kept.append(vector)
        else:
            counts.subtract(vector.covers)
    return kept[::-1]


# --- files ----------------------------------------------------------------------------------------------------------


def text_of(vectors: list[Vector]) -> str:
    """A vector over several lines, a step on each: what changes shows in a diff."""
    return "[\n" + ",\n".join(_text(vector_data(vector)) for vector in vectors) + "\n]\n"


def _text(said: dict[str, Any]) -> str:
    steps = said.pop("steps")
    head = json.dumps(said, ensure_ascii=False)[:-1]
    return f'{head},\n  "steps": [\n' + ",\n".join(f"   {json.dumps(step)}" for step in steps) + "\n  ]}"


def write(vectors: list[Vector]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    files: dict[str, list[Vector]] = {}
    for vector in vectors:
        files.setdefault(vector.id.partition("/")[0], []).append(vector)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, some in files.items():
        (FOLDER / f"{name}.json").write_text(text_of(some), encoding="utf-8")


def refreshed(vector: Vector) -> Vector:
    """The same story, with what the engine shows now."""
    now = replay(vector.at, vector.config, [LinkedStep(step.do) for step in vector.steps])
    return evolve(
        vector, steps=tuple(evolve(old, expect=new.expect) for old, new in zip(vector.steps, now, strict=True))
    )


def stale(vectors: Iterable[Vector]) -> list[str]:
    """Vectors whose expectations are not what the engine shows."""
    return [
        vector.id
        for vector in vectors
        if replay(vector.at, vector.config, [LinkedStep(step.do) for step in vector.steps])
        != tuple(evolve(step, should=()) for step in vector.steps)
    ]


def main() -> int:
    if "--refresh" in sys.argv:
        write([levelled(refreshed(vector)) for vector in engine_vectors()])
        return 0
    if "--check" in sys.argv:
        found = stale(engine_vectors())
        print("\n".join(f"out of date: {one}" for one in found) or "up to date")
        return 1 if found else 0
    _make()
    return 0


def _make() -> None:
    known = stories()
    named = [*faults(known), *finds(known)]
    names = {story.id for story in named}
    kept = () if "--anew" in sys.argv else engine_vectors()
    before = [vector for vector in kept if not vector.id.startswith(STORIES) and vector.id not in names]
    made = [story.vector() for story in named] + before
    print("rejecting", flush=True)
    more = [*rejecting(made)]
    more += hearing([*made, *(story.vector() for story in more)])
    told = [*named, *map(story_of, before), *more]
    print("covering", flush=True)
    with trailing():
        known_names = {target.name for target in targets()} | {mutant.name for mutant in ALL}
        vectors = pruned(marked([covered_by(story, known_names) for story in told]))
    write(vectors)
    print(f"{len(vectors)} vectors, {sum(len(one.steps) for one in vectors)} steps")


if __name__ == "__main__":
    raise SystemExit(main())

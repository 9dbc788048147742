"""Makes the vectors of the engine: `python -m tests.conformance.making`, after the tables or the stories changed.

Two sources. The *stories* that the tests of the core tell (`tests/core/play.py`): those about a fault of protocol.md
section 8 are all taken, each under the fault's name, and those of what simulation and reviews have found. Then the
*tables*: for each row, and each reaction to an answer, an engine that lacks it is built, and the first story or random
life that this engine lives otherwise is made as short as possible. A row that the vectors so far already miss when it
is gone adds none: nothing is padded. Rows that ignore something are reached, which is all that can be shown of most.

What is there already is kept, with new expectations; only what is not covered is made. `--anew` begins from nothing.
`--refresh` only writes down what the engine shows now; `--check` fails where that is something else than is written.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from attrs import evolve

from statemachine.conformance.levels import level_of
from statemachine.conformance.results import Level
from statemachine.conformance.shorten import LinkedStep, replay
from statemachine.conformance.shrinking import shrink
from statemachine.conformance.vectors import Vector, VectorStep, engine_vectors, vector_data
from tests.conformance.stories import answered, everywhere, faults, finds, lives, seldom, stories
from tests.conformance.targets import Target, is_unseen, targets
from tests.conformance.telling import Stage, Story, story_of, trailing
from tests.core import play

FOLDER = Path(play.__file__).parents[2] / "statemachine" / "conformance" / "vectors" / "engine"
CANDIDATES = 60
STORIES = ("fault/", "found/")
"""Names of vectors that stand for themselves, whatever the others cover."""


class Maker:
    """Goes from target to target, and adds a story only where those so far are not enough."""

    def __init__(self, made: list[Story], pool: list[Story]) -> None:
        self.made = made
        self.rows = {story.id: story.rows() for story in made}
        self.pool = pool
        self.pool_rows = [story.rows() for story in self.pool]
        self.never: list[Target] = []
        self.unseen: list[Target] = []

    def make(self, wanted: Iterable[Target]) -> None:
        for target in wanted:
            if not self.covered(target):
                self.add(target)
                print(len(self.made), target.name, flush=True)

    def concerned(self, stories: Iterable[Story], rows: Iterable[set[str]], target: Target) -> Iterator[Story]:
        return (s for s, taken in zip(stories, rows, strict=True) if target.name in taken)

    def covered(self, target: Target) -> bool:
        concerned = self.concerned(self.made, [self.rows[one.id] for one in self.made], target)
        return any(not target.shows or story.otherwise(target) is not None for story in concerned)

    def add(self, target: Target) -> None:
        candidates = list(self.concerned(self.pool, self.pool_rows, target))
        for story in candidates[:CANDIDATES]:
            at = story.otherwise(target) if target.shows else len(story.acts) - 1
            if at is not None:
                self.keep(target, evolve(story, acts=story.acts[: at + 1]))
                return
        (self.unseen if candidates else self.never).append(target)

    def keep(self, target: Target, story: Story) -> None:
        def still(acts: list[LinkedStep]) -> bool:
            shorter = evolve(story, acts=tuple(acts))
            return shorter.otherwise(target) is not None if target.shows else target.name in shorter.rows()

        least = tuple(shrink(story.acts, still, 10_000))
        names = {one.id for one in self.made}
        name = next(n for n in (target.name, *(f"{target.name}/{i}" for i in range(2, 99))) if n not in names)
        made = evolve(story, id=name, acts=least, why=target.why, source=target.source, covers=())
        self.made.append(made)
        self.rows[name] = made.rows()


def levelled(vector: Vector) -> Vector:
    """Each step with how binding it is. A fault seen in the field binds; a row, as much as the step that takes it."""
    stage = Stage(vector.at, vector.config)
    steps: list[VectorStep] = []
    for step in vector.steps:
        level: Level = "must"
        if "event" in step.do:
            former = stage.former
            level = level_of(stage.session, stage._event(LinkedStep(step.do)))
            stage.former = former
        stage.take(LinkedStep(step.do))
        steps.append(evolve(step, level=level))
    binds = vector.id.startswith("fault/")
    return evolve(vector, steps=tuple(steps), level="must" if binds else steps[-1].level)


def covering(story: Story, wanted: list[Target]) -> Vector:
    """The vector with the names of all that it covers: rows by being taken, what shows by being missed."""
    rows = story.rows()
    found = [
        target.name
        for target in wanted
        if target.name in rows and (not target.shows or story.otherwise(target) is not None)
    ]
    vector = levelled(story.vector())
    codes = [one for one in story.covers if one.startswith(("F", "found/"))]
    return evolve(vector, covers=(*codes, *found))


def covered_by(story: Story, names: set[str]) -> Vector:
    """As `covering`; a vector from before whose names are all still there keeps what it covers."""
    known = [name for name in story.covers if not name.startswith(("F", "found/"))]
    return levelled(story.vector()) if known and names.issuperset(known) else covering(story, targets())


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
        != tuple(evolve(step, level="must") for step in vector.steps)
    ]


def main() -> int:
    if "--refresh" in sys.argv:
        write([refreshed(vector) for vector in engine_vectors()])
        return 0
    if "--check" in sys.argv:
        found = stale(engine_vectors())
        print("\n".join(f"out of date: {one}" for one in found) or "up to date")
        return 1 if found else 0
    with trailing():
        return _make()


def _make() -> int:
    known = stories()
    told, made = [*known, *answered(), *seldom()], [*faults(known), *finds(known)]
    wanted = targets()
    if "--anew" in sys.argv:
        maker = Maker(made, [*told, *lives()])
    else:
        names = {story.id for story in made}
        kept = [vector for vector in engine_vectors() if not vector.id.startswith(STORIES) and vector.id not in names]
        covered = {name for vector in kept for name in vector.covers}
        maker = Maker([*made, *map(story_of, kept)], [*everywhere(), *told])
        wanted = [one for one in wanted if one.shows and one.name not in covered and not is_unseen(one.name)]
    maker.make(wanted)
    print("covering", flush=True)
    names = {target.name for target in targets()}
    made_now = pruned([covered_by(story, names) for story in maker.made])
    write(made_now)
    for title, some in (("never reached", maker.never), ("reached, but not to be seen", maker.unseen)):
        print(f"{title}: {len(some)}")
        print("".join(f"  {one.name}: {one.why}\n" for one in some))
    print(f"{len(made_now)} vectors, {sum(len(one.steps) for one in made_now)} steps")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

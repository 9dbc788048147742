"""Makes vectors for what no vector shows yet: mutants of the tables, and engines that are deaf to an entry in a phase.

They are made from the cases of the mutants.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from itertools import islice
from typing import Any

from attrs import evolve

from statemachine.codec.records import encode_event, to_json
from statemachine.conformance.judge import judge
from statemachine.conformance.shorten import LinkedStep, linked_steps
from statemachine.conformance.shrinking import shrink
from statemachine.conformance.vectors import Vector
from statemachine.core.table import Row
from statemachine.core.tables import MACHINES
from statemachine.records import Config
from tests.conformance.deaf import DEAFNESSES, Deaf, Deafness
from tests.conformance.targets import source_of
from tests.conformance.telling import Story
from tests.mutants.cases import Case, Cases, Step
from tests.mutants.equivalent import reason
from tests.mutants.explore import explored
from tests.mutants.judge import differing, judged, planted
from tests.mutants.tables import ALL, Mutant

CANDIDATES = 1_000
TRACES = 1_000


def rejecting(vectors: list[Vector]) -> Iterator[Story]:
    """A short story for each mutant that these vectors, and the stories so far, do not reject."""
    cases = Cases()
    cases.add_vectors(vectors)
    left = [one for one in ALL if reason(one.name) is None and judged(one, cases, "vector") is None]
    if not left:
        return
    print(f"{len(left)} mutants are not rejected", flush=True)
    _add_more(cases)
    names = {vector.id for vector in vectors}
    for mutant in left:
        if judged(mutant, cases, "vector") is None and (story := _story(mutant, cases, names)) is not None:
            names.add(story.id)
            cases.add_vectors([story.vector()])
            print(story.id, story.covers[0], flush=True)
            yield story


def hearing(vectors: list[Vector]) -> Iterator[Story]:
    """A short story for each deaf engine that fails no vector with the names of its entry and its phase."""
    left = [
        one
        for one in DEAFNESSES
        if not any(is_failed_by(one, vector) for vector in vectors if one.is_named_by(vector.id))
    ]
    if not left:
        return
    print(f"{len(left)} deaf engines are not named", flush=True)
    names = {vector.id for vector in vectors}
    for one in left:
        for name, steps, _ in islice(explored(one.entry, one.phase), CANDIDATES):
            story = _heard(one, Case(name, steps), _free(one.names[-1], names))
            if story is not None:
                names.add(story.id)
                print(story.id, story.covers[0], flush=True)
                yield story
                break


def is_failed_by(deafness: Deafness, vector: Vector) -> bool:
    """Whether the deaf engine fails this vector."""
    found = judge(Deaf(deafness.entry, deafness.phase), vector)
    return found is not None and found.level == "must"


def _heard(deafness: Deafness, case: Case, name: str) -> Story | None:
    at, config, acts = _acts(case)
    machine, state, on, number = deafness.places[-1]
    row: Row = MACHINES[machine].cell(state, on)[number]
    story = Story(name, at, config, acts, row.why, source_of(row), (deafness.name,))

    def fails(some: Sequence[LinkedStep]) -> bool:
        return is_failed_by(deafness, evolve(story, acts=tuple(some)).vector())

    return evolve(story, acts=tuple(shrink(acts, fails, 10_000))) if fails(acts) else None


def _add_more(cases: Cases) -> None:
    for name, steps, start in explored():
        cases.add("path", name, steps, start)
    cases.add_traces(TRACES, seed=2)


def _free(name: str, names: Container[str]) -> str:
    return next(n for n in (name, *(f"{name}/{i}" for i in range(2, 99))) if n not in names)


def _story(mutant: Mutant, cases: Cases, names: Container[str]) -> Story | None:
    for source in ("path", "trace"):
        case = differing(mutant, islice(cases.of(source, mutant.places), CANDIDATES), cases)
        if case is not None:
            break
    else:
        return None
    at, config, acts = _acts(case)
    story = Story(_free(mutant.where, names), at, config, acts, mutant.why, mutant.source, (mutant.name,))
    last = story.otherwise(planted(mutant))
    if last is None:
        return None

    def still(some: list[LinkedStep]) -> bool:
        return evolve(story, acts=tuple(some)).otherwise(planted(mutant)) is not None

    return evolve(story, acts=tuple(shrink(acts[: last + 1], still, 10_000)))


def _acts(case: Case) -> tuple[int, dict[str, Any], tuple[LinkedStep, ...]]:
    """When its session begins, its configuration, and its steps."""
    first = case.steps[0].before
    config = to_json(first.config, Config)
    dos = [do for step in case.steps for do in _dos(step)]
    if "follow" in dos[0]:
        dos = dos[1:]
    return first.now, config, tuple(linked_steps(first.now, config, dos))


def _dos(step: Step) -> Iterator[dict[str, Any]]:
    event: Any = step.event
    if step.follows:
        yield {"follow": step.before.now}
        event = evolve(event, after=None)
    yield {"event": encode_event(event)}

"""Makes a vector for each mutant of the tables that no vector rejects yet, from what the mutants' cases show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from attrs import evolve

from statemachine.codec.records import encode_event, to_json
from statemachine.conformance.shorten import LinkedStep, linked_steps
from statemachine.conformance.shrinking import shrink
from statemachine.conformance.vectors import Vector
from statemachine.records import Config
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
    for name, steps, start in explored():
        cases.add("path", name, steps, start)
    cases.add_traces(TRACES, seed=2)
    names = {vector.id for vector in vectors}
    for mutant in left:
        if judged(mutant, cases, "vector") is None and (story := _story(mutant, cases, names)) is not None:
            names.add(story.id)
            cases.add_vectors([story.vector()])
            print(story.id, story.covers[0], flush=True)
            yield story


def _story(mutant: Mutant, cases: Cases, names: Iterable[str]) -> Story | None:
    for source in ("path", "trace"):
        case = differing(mutant, islice(cases.of(source, mutant.places), CANDIDATES), cases)
        if case is not None:
            break
    else:
        return None
    name = next(n for n in (mutant.where, *(f"{mutant.where}/{i}" for i in range(2, 99))) if n not in names)
    at, config, acts = _acts(case)
    story = Story(name, at, config, acts, mutant.why, mutant.source, (mutant.name,))
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

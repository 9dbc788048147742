"""From a failing story to the shortest one that still fails.

A story without some of its steps is another story: ids shift. So each step remembers what it meant: an answer, which
kind of call it answered; an act, which message ids were born with it, so that later steps that mention them still do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, cast

from attrs import evolve, frozen

from statemachine.codec.records import encode_command
from statemachine.engine.session import JsonSession

from ..core import outbox
from .ids import with_replaced_texts
from .implementation import Implementation, Object
from .judge import Deviation, judge
from .shrinking import shrink
from .variations import Variation
from .vector_runner import VectorRunner
from .vectors import VECTOR_FEATURES, Vector, VectorStep, expected

__all__ = ["LinkedStep", "linked_steps", "replay", "shortened", "without_missing_features"]


@frozen
class LinkedStep:
    """A step, and what it meant where it stood. `answers`: the kind of call; `born`: message ids."""

    do: Object
    answers: str = ""
    born: tuple[str, ...] = ()


def _kinds(reference: JsonSession) -> dict[int, str]:
    return {command.id: str(encode_command(command)["type"]) for command in outbox(reference.session)}


def _items(reference: JsonSession) -> list[str]:
    return [item.id for item in reference.session.items]


def linked_steps(at: int, config: Object, doings: Iterable[Object]) -> Iterator[LinkedStep]:
    """Each step of a story with what it means there."""
    reference = JsonSession()
    doer = VectorRunner(reference, config)
    reference.begin(at, config)
    for do in doings:
        before, kinds = _items(reference), _kinds(reference)
        answers = kinds.get(do["event"]["command"], "") if "event" in do and "command" in do["event"] else ""
        doer.do(do)
        yield LinkedStep(do, answers, tuple(one for one in _items(reference) if one not in before))


def replay(at: int, config: Object, story: Iterable[LinkedStep]) -> tuple[VectorStep, ...]:
    """The steps of a story, aimed anew, with what the reference shows for each."""
    reference = JsonSession()
    doer = VectorRunner(reference, config)
    reference.begin(at, config)
    names: dict[int | str, int | str] = {}
    steps: list[VectorStep] = []
    for meant in story:
        do = cast(Object, with_replaced_texts(meant.do, names))
        if meant.answers:
            same = [number for number, kind in _kinds(reference).items() if kind == meant.answers]
            do = {"event": {**do["event"], "command": same[0]}} if same else do
        before = _items(reference)
        steps.append(VectorStep(do, expected(doer.do(do))))
        born = [one for one in _items(reference) if one not in before]
        names.update(zip(meant.born, born, strict=False))
    return tuple(steps)


_MOST: Final = 3_000
"""How many shorter stories are tried."""


def shortened(
    subject: Implementation, vector: Vector, fault: Deviation, variation: Variation | None
) -> tuple[Vector, Deviation]:
    """The vector without as many steps as possible, of which the same law is still broken."""

    def played(story: list[LinkedStep]) -> tuple[Vector, Deviation | None]:
        shorter = evolve(vector, steps=replay(vector.at, vector.config, story))
        return shorter, judge(subject, shorter, variation)

    def fails(story: list[LinkedStep]) -> bool:
        _, found = played(story)
        return found is not None and found.law == fault.law

    steps = (step.do for step in vector.steps[: fault.step + 1])
    shorter, found = played(shrink(list(linked_steps(vector.at, vector.config, steps)), fails, _MOST))
    return (vector, fault) if found is None or found.law != fault.law else (shorter, found)


def without_missing_features(vector: Vector, features: frozenset[str] | None) -> Vector:
    """The story without what needs a feature that is not there."""
    if features is None or features >= VECTOR_FEATURES or vector.requires <= features:
        return vector
    config = dict(vector.config)
    if "v1" not in features:
        config.pop("api", None)
    if "receipts" not in features:
        config["receipts"] = False
    lacking = vector.requires - features
    kept = [step.do for step in vector.steps if not evolve(vector, config={}, steps=(step,)).requires & lacking]
    story = linked_steps(vector.at, vector.config, kept)
    return evolve(vector, config=config, steps=replay(vector.at, config, story))

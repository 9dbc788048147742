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
from .doer import Doer
from .implementation import Implementation, Object
from .judge import Fault, judge
from .names import renamed
from .shrinking import shrink
from .variations import Variation
from .vectors import FEATURES, Step, Vector, expected

__all__ = ["Meant", "meaning", "playable", "shortened", "told_again"]


@frozen
class Meant:
    """A step, and what it meant where it stood. `answers`: the kind of call; `born`: message ids."""

    do: Object
    answers: str = ""
    born: tuple[str, ...] = ()


def _kinds(reference: JsonSession) -> dict[int, str]:
    return {command.id: str(encode_command(command)["type"]) for command in outbox(reference.session)}


def _items(reference: JsonSession) -> list[str]:
    return [item.id for item in reference.session.items]


def meaning(at: int, config: Object, doings: Iterable[Object]) -> Iterator[Meant]:
    """Each step of a story with what it means there."""
    reference = JsonSession()
    doer = Doer(reference, config)
    reference.begin(at, config)
    for do in doings:
        before, kinds = _items(reference), _kinds(reference)
        answers = kinds.get(do["event"]["command"], "") if "event" in do and "command" in do["event"] else ""
        doer.do(do)
        yield Meant(do, answers, tuple(one for one in _items(reference) if one not in before))


def told_again(at: int, config: Object, story: Iterable[Meant]) -> tuple[Step, ...]:
    """The steps of a story, aimed anew, with what the reference shows for each."""
    reference = JsonSession()
    doer = Doer(reference, config)
    reference.begin(at, config)
    names: dict[int | str, int | str] = {}
    steps: list[Step] = []
    for meant in story:
        do = cast(Object, renamed(meant.do, names))
        if meant.answers:
            same = [number for number, kind in _kinds(reference).items() if kind == meant.answers]
            do = {"event": {**do["event"], "command": same[0]}} if same else do
        before = _items(reference)
        steps.append(Step(do, expected(doer.do(do))))
        born = [one for one in _items(reference) if one not in before]
        names.update(zip(meant.born, born, strict=False))
    return tuple(steps)


_MOST: Final = 3_000
"""How many shorter stories are tried."""


def shortened(
    subject: Implementation, vector: Vector, fault: Fault, variation: Variation | None
) -> tuple[Vector, Fault]:
    """The vector without as many steps as possible, of which the same law is still broken."""

    def played(story: list[Meant]) -> tuple[Vector, Fault | None]:
        shorter = evolve(vector, steps=told_again(vector.at, vector.config, story))
        return shorter, judge(subject, shorter, variation)

    def fails(story: list[Meant]) -> bool:
        _, found = played(story)
        return found is not None and found.law == fault.law

    steps = (step.do for step in vector.steps[: fault.step + 1])
    shorter, found = played(shrink(list(meaning(vector.at, vector.config, steps)), fails, _MOST))
    return (vector, fault) if found is None or found.law != fault.law else (shorter, found)


def playable(vector: Vector, features: frozenset[str] | None) -> Vector:
    """The story without what needs a feature that is not there."""
    if features is None or features >= FEATURES or vector.requires <= features:
        return vector
    config = dict(vector.config)
    if "v1" not in features:
        config.pop("api", None)
    if "receipts" not in features:
        config["receipts"] = False
    lacking = vector.requires - features
    kept = [step.do for step in vector.steps if not evolve(vector, config={}, steps=(step,)).requires & lacking]
    story = meaning(vector.at, vector.config, kept)
    return evolve(vector, config=config, steps=told_again(vector.at, config, story))

"""Shorten a failing vector while it still fails.

A vector without some of its steps has other ids. So each step is linked to what it refers to: an answer to the kind of
its call, an intent to the message ids that it created. Later steps then still mention the right ids.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Final, cast

from attrs import evolve, frozen

from statemachine.codec.records import encode_command
from statemachine.engine.session import JsonObject, JsonSession

from ..core import outbox
from .ids import with_replaced_texts
from .implementation import Implementation
from .judge import EVERYTHING, Deviation, judge
from .shrinking import shrink
from .variations import Variation
from .vector_runner import VectorRunner
from .vectors import VECTOR_FEATURES, Vector, VectorStep, expected

_MOST: Final = 3_000
"""How many shorter vectors are tried."""


@frozen
class LinkedStep:
    """A step and its links. `answers`: the kind of the call that it answers; `created`: message ids."""

    do: JsonObject
    answers: str = ""
    created: tuple[str, ...] = ()


class _Reference:
    """The reference engine, which runs the steps."""

    def __init__(self, at: int, config: JsonObject) -> None:
        self.engine = JsonSession()
        self.runner = VectorRunner(self.engine, config)
        self.engine.begin(at, config)

    def kinds(self) -> dict[int, str]:
        """Id of each owed command -> its kind."""
        return {command.id: str(encode_command(command)["type"]) for command in outbox(self.engine.session)}

    def run(self, do: JsonObject) -> tuple[JsonObject, tuple[str, ...]]:
        """The observation of a step, and the message ids that it created."""
        before = {item.id for item in self.engine.session.items}
        shown = self.runner.run(do)
        return shown, tuple(item.id for item in self.engine.session.items if item.id not in before)


def linked_steps(at: int, config: JsonObject, dos: Iterable[JsonObject]) -> Iterator[LinkedStep]:
    """Each step with its links."""
    reference = _Reference(at, config)
    for do in dos:
        command = do.get("event", {}).get("command")
        answers = "" if command is None else reference.kinds().get(command, "")
        _, created = reference.run(do)
        yield LinkedStep(do, answers, created)


def replay(at: int, config: JsonObject, steps: Iterable[LinkedStep]) -> tuple[VectorStep, ...]:
    """The steps with ids that fit this sequence, and with the reference's observations."""
    reference = _Reference(at, config)
    ids: dict[int | str, int | str] = {}
    made: list[VectorStep] = []
    for step in steps:
        do = cast(JsonObject, with_replaced_texts(step.do, ids))
        if step.answers:
            same = [number for number, kind in reference.kinds().items() if kind == step.answers]
            do = {"event": {**do["event"], "command": same[0]}} if same else do
        shown, created = reference.run(do)
        made.append(VectorStep(do, expected(shown)))
        ids.update(zip(step.created, created, strict=False))
    return tuple(made)


def shortened(
    subject: Implementation,
    vector: Vector,
    deviation: Deviation,
    variation: Variation | None,
    enforced: Container[str] = EVERYTHING,
) -> tuple[Vector, Deviation]:
    """The shortest vector found that breaks the same law at the same level, and its deviation."""

    def judged(steps: list[LinkedStep]) -> tuple[Vector, Deviation | None]:
        shorter = evolve(vector, steps=replay(vector.at, vector.config, steps))
        return shorter, judge(subject, shorter, variation, enforced)

    def fails(steps: list[LinkedStep]) -> bool:
        _, found = judged(steps)
        return found is not None and (found.law, found.level) == (deviation.law, deviation.level)

    dos = (step.do for step in vector.steps[: deviation.step + 1])
    shorter, found = judged(shrink(list(linked_steps(vector.at, vector.config, dos)), fails, _MOST))
    return (vector, deviation) if found is None or found.law != deviation.law else (shorter, found)


def without_missing_features(vector: Vector, features: frozenset[str] | None) -> Vector:
    """The vector without the steps that need a feature which is not in `features`."""
    if features is None or features >= VECTOR_FEATURES or vector.requires <= features:
        return vector
    config = dict(vector.config)
    if "v1" not in features:
        config.pop("api", None)
    if "receipts" not in features:
        config["receipts"] = False
    lacking = vector.requires - features
    kept = [step.do for step in vector.steps if not evolve(vector, config={}, steps=(step,)).requires & lacking]
    steps = linked_steps(vector.at, vector.config, kept)
    return evolve(vector, config=config, steps=replay(vector.at, config, steps))

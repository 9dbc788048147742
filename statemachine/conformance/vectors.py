"""Vectors: sequences of steps with their expected observations, as JSON (schema/engine.schema.json).

The kit runs nothing but vectors. The committed ones were made from the tables and from found faults
(tests/conformance/making.py). Random traces become vectors too (`vector_of`), so that every failing case has one form.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final

from attrs import evolve, field, frozen

from statemachine.codec.body import is_array, is_object
from statemachine.codec.records import encode_event, to_json
from statemachine.engine.session import JsonObject, observation

from ..core import Reattach, RequestChat, outbox
from ..core.session import Config
from . import laws
from .random_walk import Follow
from .results import Level
from .traces import RandomTrace

FOLDER: Final = files("statemachine.conformance") / "vectors"


class BadVector(Exception):
    """Not a vector; the text says why."""


@frozen
class VectorStep:
    """One step: `{"event": …}`, `{"reload": true}` or `{"follow": at}`, and its expected observation.

    Reload: snapshot and restore. Follow: a new session begins that follows this one.

    Attributes:
        expect: The observation without `owed` and without empty members.
        should: The members of the observation that rest on an inference, and so are no MUST.
    """

    do: JsonObject
    expect: JsonObject
    should: tuple[str, ...] = ()


@frozen
class Vector:
    """A sequence of steps. `at`: when its session begins."""

    id: str
    at: int
    steps: tuple[VectorStep, ...]
    level: Level = "must"
    why: str = ""
    source: str = ""
    covers: tuple[str, ...] = ()
    config: JsonObject = field(factory=dict[str, Any])

    @cached_property
    def requires(self) -> frozenset[str]:
        """The features without which it is skipped."""
        needed = {_BY_KEY[key] for step in self.steps for key in step.do if key in _BY_KEY}
        for step in self.steps:
            needed |= {_BY_TYPE[kind] for kind in _types([step.do, step.expect.get("commands")]) if kind in _BY_TYPE}
        return frozenset(needed | ({"v1"} if self.config.get("api") == "v1" else set()))


_BY_KEY: Final = {"reload": "snapshot", "follow": "follow"}
_BY_TYPE: Final = {
    "answer_form": "forms",
    "answer_secure_form": "secure_forms",
    "background": "background",
    "cancel_form": "forms",
    "find_chat": "reattach",
    "foreground": "background",
    "mark_delivered": "receipts",
    "mark_read": "receipts",
    "message_delivered": "receipts",
    "message_read": "receipts",
    "push_received": "push",
    "reattach": "reattach",
    "send_entry": "entries",
    "send_file": "files",
    "start_typing": "typing",
    "stop_typing": "typing",
    "upload": "files",
}


VECTOR_FEATURES: Final = frozenset({*_BY_KEY.values(), *_BY_TYPE.values(), "v1"})
"""All features that a vector may require."""


def _types(value: Any) -> Iterator[str]:
    if is_object(value):
        kind = value.get("type")
        if isinstance(kind, str):
            yield kind
        value = list(value.values())
    if is_array(value):
        for item in value:
            yield from _types(item)


# --- making vectors -------------------------------------------------------------------------------------------------


def expected(observation: JsonObject) -> JsonObject:
    """An observation in the form of `VectorStep.expect`."""
    return {key: item for key, item in observation.items() if key != "owed" and item not in ([], None)}


def vector_of(trace: RandomTrace, name: str = "generated") -> Vector:
    """A random trace as a vector."""
    steps: list[VectorStep] = []
    session = trace.start
    for made, taken in zip(trace.inputs, trace.results, strict=True):
        if taken is None:
            steps.append(VectorStep({"reload": True}, expected(observation(session, session, outbox(session)))))
            continue
        if isinstance(made, Follow):
            new = taken.before
            steps.append(VectorStep({"follow": made.at}, expected(observation(new, new, ()))))
        steps.append(_step(taken))
        session = taken.after
    return Vector(name, trace.start.now, tuple(steps), config=to_json(trace.start.config, Config))


def _step(taken: laws.StepResult) -> VectorStep:
    """A step of the engine; `after` is not part of its event, because the step before it says so."""
    event = evolve(taken.event, after=None) if isinstance(taken.event, RequestChat | Reattach) else taken.event
    shown = {"refused": taken.refused} if taken.refused else observation(taken.before, taken.after, taken.out)
    return VectorStep({"event": encode_event(event)}, expected(shown))


# --- files ----------------------------------------------------------------------------------------------------------


def vector_data(vector: Vector) -> JsonObject:
    """A vector as JSON values."""
    said: JsonObject = {"id": vector.id, "level": vector.level, "why": vector.why, "source": vector.source}
    if vector.covers:
        said["covers"] = list(vector.covers)
    if vector.requires:
        said["requires"] = sorted(vector.requires)
    said["at"] = vector.at
    if vector.config:
        said["config"] = vector.config
    said["steps"] = [_written_step(step) for step in vector.steps]
    return said


def _written_step(step: VectorStep) -> JsonObject:
    should: JsonObject = {"should": list(step.should)} if step.should else {}
    return {**step.do, **should, "expect": step.expect}


def read_vector(said: Any) -> Vector:
    """Read a vector from JSON values. Raises BadVector."""
    try:
        return Vector(
            said["id"],
            said["at"],
            tuple(_read_step(one) for one in said["steps"]),
            said.get("level", "must"),
            said.get("why", ""),
            said.get("source", ""),
            tuple(said.get("covers", ())),
            said.get("config", {}),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadVector(f"not a vector of the engine: {type(error).__name__} {error}") from None


def _read_step(said: JsonObject) -> VectorStep:
    do: JsonObject = {key: said[key] for key in ("event", "reload", "follow") if key in said}
    if len(do) != 1:
        raise BadVector("each step holds one of event, reload, follow")
    return VectorStep(do, said["expect"], tuple(said.get("should", ())))


@cache
def engine_vectors() -> tuple[Vector, ...]:
    """The committed vectors of the engine, in the order of their files; read once in a process."""
    return tuple(map(read_vector, _committed("engine")))


def codec_vectors() -> tuple[JsonObject, ...]:
    """The committed vectors of the codec: id, level, why, op, ask, answer."""
    return tuple(_committed("codec"))


def _committed(folder: str) -> Iterator[JsonObject]:
    for entry in sorted((FOLDER / folder).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".json"):
            yield from json.loads(entry.read_text("utf-8"))

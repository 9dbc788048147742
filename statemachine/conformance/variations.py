"""Laws seen from outside: the same story, told in another way, must look the same.

Each says what to do, in order, and what must be seen; it knows all of it beforehand from the vector and from what the
implementation showed when that was played plainly (first at the beginning, then at each step). No ids need translating:
an implementation that numbers the same story otherwise the second time breaks L10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

from attrs import frozen

from .implementation import Object
from .results import CheckFailed
from .vectors import Vector, VectorStep

__all__ = ["VARIATIONS", "Variation", "VariedStep", "same"]


@frozen
class VariedStep:
    """One thing to do. `at`: the step of the vector that it belongs to; `look`: raises Wrong at what must not be."""

    at: int
    do: Object
    look: Callable[[Object], object]


Variation: TypeAlias = Callable[[Vector, Sequence[Object]], Iterator[VariedStep]]

_FAR: Final = 10**9
"""Milliseconds; beyond every deadline that a session without one might have forgotten to name."""
_EARLIER: Final = 60_000


# --- what must be seen ----------------------------------------------------------------------------------------------


def same(law: str, plain: Object, how: str, said: Object) -> None:
    """What was shown before must be shown again. Raises Wrong."""
    if said != plain:
        names = [name for name in sorted({*said, *plain}) if said.get(name) != plain.get(name)]
        raise CheckFailed(law, f"{how}, it shows otherwise: {', '.join(names)}")


def _nothing(law: str, how: str, said: Object) -> None:
    if any(said.get(name) for name in ("refused", "commands", "updates", "changes")):
        raise CheckFailed(law, f"{how} did something")


def _anything(said: Object) -> None:
    """No more than that it is answered."""


def _together(ticked: list[Object], plain: Object, said: Object) -> None:
    if "refused" in said:
        raise CheckFailed("L2", "a tick before it decides whether the intent is legal")
    same("L2", _merged({}, plain), "with a tick of its own before it", _merged(ticked.pop(), said))


def _merged(tick: Object, said: Object) -> Object:
    """What both show together."""
    commands, updates = ([*tick.get(name, ()), *said.get(name, ())] for name in ("commands", "updates"))
    return {
        **{name: said.get(name) for name in ("phase", "outcome", "deadline", "owed")},
        "commands": [one for one in commands if one["id"] in said.get("owed", ())],
        "updates": [one for one in updates if one["type"] != "anomaly"],
        "anomalies": [one for one in updates if one["type"] == "anomaly"],
    }


# --- what is done ---------------------------------------------------------------------------------------------------


def _shown(vector: Vector, plain: Sequence[Object]) -> Iterator[tuple[int, tuple[VectorStep, Object]]]:
    """Each step, and what it showed, with its number."""
    return enumerate(zip(vector.steps, plain[1:], strict=True))


def _tick(at: int) -> Object:
    return {"event": {"type": "tick", "at": at}}


def _time(do: Object, before: int) -> int:
    event = do.get("event", {"type": "reload", "at": do.get("follow", before)})
    at: int = event["at"]
    return at if event["type"] == "restarted" else max(before, at)


def second_tick(vector: Vector, plain: Sequence[Object]) -> Iterator[VariedStep]:
    """L1: after each step a tick at the same time changes nothing."""
    now = vector.at
    for at, (step, shown) in _shown(vector, plain):
        yield VariedStep(at, step.do, partial(same, "L1", shown, "ticked in between"))
        if "refused" not in shown:  # what was due when an intent was refused is still due
            now = _time(step.do, now)
            yield VariedStep(at, _tick(now), partial(_nothing, "L1", "a second equal tick"))


def due_first(vector: Vector, plain: Sequence[Object]) -> Iterator[VariedStep]:
    """L2: before each event a tick at its time; only commands withdrawn again may be missing."""
    ticked: list[Object] = []
    for at, (step, shown) in _shown(vector, plain):
        event = step.do.get("event", {"type": "restarted"})
        if event["type"] == "restarted" or "refused" in shown:
            yield VariedStep(at, step.do, partial(same, "L2", shown, "ticked in between"))
        else:
            yield VariedStep(at, _tick(event["at"]), ticked.append)
            yield VariedStep(at, step.do, partial(_together, ticked, shown))


def early_tick(vector: Vector, plain: Sequence[Object]) -> Iterator[VariedStep]:
    """L3: after each step a tick just before the next deadline changes nothing."""
    now = vector.at
    for at, (step, shown) in _shown(vector, plain):
        yield VariedStep(at, step.do, partial(same, "L3", shown, "ticked too early"))
        now = _time(step.do, now)
        if "refused" not in shown:
            due = shown.get("deadline")
            early = now + _FAR if due is None else due - 1
            yield VariedStep(at, _tick(early), partial(_nothing, "L3", "an early tick"))


def reloaded(vector: Vector, plain: Sequence[Object]) -> Iterator[VariedStep]:
    """L5: before each step it is written down and read again."""
    for at, (step, shown) in _shown(vector, plain):
        yield VariedStep(at, {"reload": True}, _anything)
        yield VariedStep(at, step.do, partial(same, "L5", shown, "written down and read again"))


def once_more(vector: Vector, plain: Sequence[Object]) -> Iterator[VariedStep]:
    """L10: the same events, the same answers, whatever was played before."""
    for at, (step, shown) in _shown(vector, plain):
        yield VariedStep(at, step.do, partial(same, "L10", shown, "played once more"))


def older_clock(vector: Vector, plain: Sequence[Object]) -> Iterator[VariedStep]:
    """L11: an event that is not later than the last that changed something happens at that one's time."""
    last = None
    for at, (step, shown) in _shown(vector, plain):
        do, event = step.do, step.do.get("event")
        if event is not None and event["type"] != "restarted" and event["at"] == last:
            do = {"event": {**event, "at": event["at"] - _EARLIER}}
        yield VariedStep(at, do, partial(same, "L11", shown, "with an older clock"))
        moved = event is not None and (shown.get("commands") or shown.get("updates"))
        last = event["at"] if moved and event is not None else None


VARIATIONS: Final[dict[str, Variation]] = {
    "L1": second_tick,
    "L2": due_first,
    "L3": early_tick,
    "L5": reloaded,
    "L10": once_more,
    "L11": older_clock,
}

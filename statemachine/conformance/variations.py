"""Laws that compare two runs: the same vector in a varied form must give the same observations.

Each variation lists the steps, and checks each observation. It knows them in advance from the vector and from the
observations of the plain run (the beginning, then each step). No ids need translating: an implementation that uses
other ids in the second run breaks L10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

from attrs import frozen

from statemachine.engine.session import JsonObject

from .results import CheckFailed, short
from .vectors import Vector, VectorStep

SETS_THE_CLOCK: Final = ("restarted", "clock_changed")
"""Events after which the session's time is `at`, even where that is earlier."""


@frozen
class VariedStep:
    """A step of the varied run. `at`: its step in the vector; `check`: raises CheckFailed for a wrong observation."""

    at: int
    do: JsonObject
    check: Callable[[JsonObject], object]


Variation: TypeAlias = Callable[[Vector, Sequence[JsonObject]], Iterator[VariedStep]]

_FAR: Final = 10**9
"""Milliseconds; later than any deadline that an implementation may have failed to report."""
_EARLIER: Final = 60_000


_SHOWN: Final = ("commands", "updates", "changes")


# --- checks ---------------------------------------------------------------------------------------------------------


def same(law: str, plain: JsonObject, how: str, said: JsonObject) -> None:
    """The observation must equal the one of the plain run. Raises CheckFailed."""
    if said != plain:
        names = [name for name in sorted({*said, *plain}) if said.get(name) != plain.get(name)]
        contents = (f"{name}: {short(said.get(name))}, and {short(plain.get(name))} without" for name in names)
        raise CheckFailed(law, f"{how}, the observation differs in {'; '.join(contents)}")


def _nothing(law: str, how: str, said: JsonObject) -> None:
    if "refused" in said or any(said.get(name) for name in _SHOWN):
        raise CheckFailed(law, f"{how} did something")


def _anything(said: JsonObject) -> None:
    """Accept any answer."""


def _together(ticked: list[JsonObject], plain: JsonObject, said: JsonObject) -> None:
    if "refused" in said:
        raise CheckFailed("L2", "a tick before the intent decides whether it is legal")
    same("L2", _merged({}, plain), "with a separate tick before the event", _merged(ticked.pop(), said))


def _merged(tick: JsonObject, said: JsonObject) -> JsonObject:
    """Both observations as one."""
    commands, updates = ([*tick.get(name, ()), *said.get(name, ())] for name in ("commands", "updates"))
    return {
        **{name: said.get(name) for name in ("phase", "outcome", "deadline", "owed")},
        "commands": [one for one in commands if one["id"] in said.get("owed", ())],
        "updates": [one for one in updates if one["type"] != "anomaly"],
        "anomalies": [one for one in updates if one["type"] == "anomaly"],
    }


# --- variations -----------------------------------------------------------------------------------------------------


def _shown(vector: Vector, plain: Sequence[JsonObject]) -> Iterator[tuple[int, tuple[VectorStep, JsonObject]]]:
    """The number, the step and the plain observation of each."""
    return enumerate(zip(vector.steps, plain[1:], strict=True))


def _tick(at: int) -> JsonObject:
    return {"event": {"type": "tick", "at": at}}


def time_of(before: int, do: JsonObject) -> int:
    """The time of the session after a step that changes something, in milliseconds since the epoch."""
    event = do.get("event", {"type": "follow", "at": do.get("follow", before)})
    at: int = event["at"]
    return at if event["type"] in ("follow", *SETS_THE_CLOCK) else max(before, at)


def time_after(before: int, do: JsonObject, shown: JsonObject) -> int:
    """The earliest time that the session may have after a step, in milliseconds since the epoch.

    An event that shows nothing may have been ignored, and then the session's time is what it was.
    """
    after = time_of(before, do)
    return after if "follow" in do or any(shown.get(name) for name in _SHOWN) else min(before, after)


def second_tick(vector: Vector, plain: Sequence[JsonObject]) -> Iterator[VariedStep]:
    """L1: after each step a tick at the same time changes nothing."""
    now = vector.at
    for at, (step, shown) in _shown(vector, plain):
        yield VariedStep(at, step.do, partial(same, "L1", shown, "with ticks in between"))
        if "refused" not in shown:  # after a refused intent, due deadlines are still due
            now = time_after(now, step.do, shown)
            yield VariedStep(at, _tick(now), partial(_nothing, "L1", "a second equal tick"))


def due_first(vector: Vector, plain: Sequence[JsonObject]) -> Iterator[VariedStep]:
    """L2: before each event a tick at its time; only commands withdrawn again may be missing."""
    ticked: list[JsonObject] = []
    for at, (step, shown) in _shown(vector, plain):
        event = step.do.get("event", {"type": "restarted"})
        if event["type"] in SETS_THE_CLOCK or "refused" in shown:
            yield VariedStep(at, step.do, partial(same, "L2", shown, "with ticks in between"))
        else:
            yield VariedStep(at, _tick(event["at"]), ticked.append)
            yield VariedStep(at, step.do, partial(_together, ticked, shown))


def early_tick(vector: Vector, plain: Sequence[JsonObject]) -> Iterator[VariedStep]:
    """L3: after each step a tick just before the next deadline changes nothing."""
    now = vector.at
    for at, (step, shown) in _shown(vector, plain):
        yield VariedStep(at, step.do, partial(same, "L3", shown, "with early ticks"))
        now = time_after(now, step.do, shown)
        if "refused" not in shown:
            due = shown.get("deadline")
            early = now + _FAR if due is None else due - 1
            yield VariedStep(at, _tick(early), partial(_nothing, "L3", "an early tick"))


def reloaded(vector: Vector, plain: Sequence[JsonObject]) -> Iterator[VariedStep]:
    """L5: before each step, snapshot and restore."""
    for at, (step, shown) in _shown(vector, plain):
        yield VariedStep(at, {"reload": True}, _anything)
        yield VariedStep(at, step.do, partial(same, "L5", shown, "after snapshot and restore"))


def once_more(vector: Vector, plain: Sequence[JsonObject]) -> Iterator[VariedStep]:
    """L10: the same events give the same observations."""
    for at, (step, shown) in _shown(vector, plain):
        yield VariedStep(at, step.do, partial(same, "L10", shown, "in a second run"))


def older_clock(vector: Vector, plain: Sequence[JsonObject]) -> Iterator[VariedStep]:
    """L11: an event that is not later than the last that changed something happens at that one's time."""
    last = None
    for at, (step, shown) in _shown(vector, plain):
        do, event = step.do, step.do.get("event")
        if event is not None and event["type"] not in SETS_THE_CLOCK and event["at"] == last:
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

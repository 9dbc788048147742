"""Laws seen from outside: the same story, told in another way, must look the same.

Each takes the player, the vector, and what the implementation showed when the vector was played plainly (first at the
beginning, then at each step), and plays it once more. No ids need translating: an implementation that numbers the same
story otherwise the second time breaks L10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from .implementation import Object
from .judge import Player, Wrong
from .vectors import Vector

__all__ = ["VARIATIONS", "Variation"]

Variation: TypeAlias = Callable[[Player, Vector, list[Object]], None]

_FAR: Final = 10**9
"""Milliseconds; beyond every deadline that a session without one might have forgotten to name."""
_EARLIER: Final = 60_000


def _same(law: str, said: Object, plain: Object, how: str) -> None:
    if said != plain:
        names = [name for name in sorted({*said, *plain}) if said.get(name) != plain.get(name)]
        raise Wrong(law, f"{how}, it shows otherwise: {', '.join(names)}")


def _quiet(player: Player, law: str, at: int, how: str) -> None:
    said = player.do({"event": {"type": "tick", "at": at}})
    if any(said.get(name) for name in ("refused", "commands", "news", "changes")):
        raise Wrong(law, f"{how} did something")


def _time(do: Object, before: int) -> int:
    event = do.get("event", {"type": "reload", "at": do.get("follow", before)})
    at: int = event["at"]
    return at if event["type"] == "restarted" else max(before, at)


def second_tick(player: Player, vector: Vector, plain: list[Object]) -> None:
    """L1: after each step a tick at the same time changes nothing."""
    now = vector.at
    player.begin(now)
    for player.at, step in enumerate(vector.steps):
        said = player.do(step.do)
        _same("L1", said, plain[player.at + 1], "ticked in between")
        if "refused" not in said:  # what was due when an intent was refused is still due
            now = _time(step.do, now)
            _quiet(player, "L1", now, "a second equal tick")


def due_first(player: Player, vector: Vector, plain: list[Object]) -> None:
    """L2: before each event a tick at its time; only commands withdrawn again may be missing."""
    player.begin(vector.at)
    for player.at, step in enumerate(vector.steps):
        expect = plain[player.at + 1]
        event = step.do.get("event", {"type": "restarted"})
        if event["type"] == "restarted" or "refused" in expect:
            _same("L2", player.do(step.do), expect, "ticked in between")
            continue
        tick = player.do({"event": {"type": "tick", "at": event["at"]}})
        said = player.do(step.do)
        if "refused" in said:
            raise Wrong("L2", "a tick before it decides whether the intent is legal")
        _same("L2", _merged(tick, said), _merged({}, expect), "with a tick of its own before it")


def _merged(tick: Object, said: Object) -> Object:
    """What both show together."""
    commands, news = ([*tick.get(name, ()), *said.get(name, ())] for name in ("commands", "news"))
    return {
        **{name: said.get(name) for name in ("phase", "outcome", "deadline", "owed")},
        "commands": [one for one in commands if one["id"] in said.get("owed", ())],
        "news": [one for one in news if one["type"] != "anomaly"],
        "anomalies": [one for one in news if one["type"] == "anomaly"],
    }


def early_tick(player: Player, vector: Vector, plain: list[Object]) -> None:
    """L3: after each step a tick just before the next deadline changes nothing."""
    player.begin(vector.at)
    now = vector.at
    for player.at, step in enumerate(vector.steps):
        said = player.do(step.do)
        _same("L3", said, plain[player.at + 1], "ticked too early")
        now = _time(step.do, now)
        if "refused" not in said:
            due = said.get("deadline")
            _quiet(player, "L3", now + _FAR if due is None else due - 1, "an early tick")


def reloaded(player: Player, vector: Vector, plain: list[Object]) -> None:
    """L5: before each step it is written down and read again."""
    player.begin(vector.at)
    for player.at, step in enumerate(vector.steps):
        player.do({"reload": True})
        _same("L5", player.do(step.do), plain[player.at + 1], "written down and read again")


def once_more(player: Player, vector: Vector, plain: list[Object]) -> None:
    """L10: the same events, the same answers, whatever was played before."""
    said = player.begin(vector.at)
    _same("L10", said, plain[0], "begun once more")
    for player.at, step in enumerate(vector.steps):
        _same("L10", player.do(step.do), plain[player.at + 1], "played once more")


def older_clock(player: Player, vector: Vector, plain: list[Object]) -> None:
    """L11: an event that is not later than the last that changed something happens at that one's time."""
    player.begin(vector.at)
    last = None
    for player.at, step in enumerate(vector.steps):
        do, event = step.do, step.do.get("event")
        if event is not None and event["type"] != "restarted" and event["at"] == last:
            do = {"event": {**event, "at": event["at"] - _EARLIER}}
        said = player.do(do)
        _same("L11", said, plain[player.at + 1], "with an older clock")
        moved = event is not None and (said.get("commands") or said.get("news"))
        last = event["at"] if moved and event is not None else None


VARIATIONS: Final[dict[str, Variation]] = {
    "L1": second_tick,
    "L2": due_first,
    "L3": early_tick,
    "L5": reloaded,
    "L10": once_more,
    "L11": older_clock,
}

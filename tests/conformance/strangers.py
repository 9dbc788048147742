"""Implementations for the kit to judge: ours in another dress, and ours with something wrong."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from statemachine.conformance.implementation import Implementation, NoAnswer
from statemachine.engine.session import JsonObject, JsonSession

SHIFT = 1_000


class Renaming:
    """Right in everything, but numbers commands and names messages in its own way, and writes defaults out."""

    features = JsonSession.features

    def __init__(self) -> None:
        self.inner = JsonSession()

    def begin(self, at: int, config: JsonObject | None = None) -> JsonObject:
        return self._out(self.inner.begin(at, config))

    def step(self, event: JsonObject) -> JsonObject:
        return self._out(self.inner.step(self._in(event)))

    def snapshot(self) -> object:
        return self.inner.snapshot()

    def restore(self, data: object) -> JsonObject:
        return self._out(self.inner.restore(data))

    def _in(self, event: JsonObject) -> JsonObject:
        said: JsonObject = _each(event, lambda text: text.replace("msg~", ":") if "msg~" in text else text)
        if "command" in said:
            said["command"] -= SHIFT
        if "after" in event:
            said["after"] = event["after"]
        return said

    def _out(self, shown: JsonObject) -> JsonObject:
        if "refused" in shown:
            return {"refused": "no"}
        said: JsonObject = _each(
            shown, lambda text: text.replace(":", "msg~") if text.startswith(("o:", "o7:")) else text
        )
        said["owed"] = [one + SHIFT for one in shown["owed"]]
        for command in said["commands"]:
            command["id"] += SHIFT
        for updates in said["updates"]:
            if updates["type"] == "received":
                updates.setdefault("own", False)
        return said


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _each(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_each(item, change) for item in value]
    return change(value) if isinstance(value, str) else value


def speak(subject: Implementation, many: bool = False, delay: float = 0) -> None:
    """A harness's main loop: `subject` answers what comes on standard input, `delay` seconds after each line."""
    features = sorted(JsonSession.features)
    operations: dict[str, Callable[[JsonObject], Any]] = {
        "hello": lambda asked: {"protocol": 1, "name": "stranger", "features": features, "many": many},
        "many": lambda asked: {"answers": [answer(one) for one in asked["requests"]]},
        "begin": lambda asked: subject.begin(asked["at"], asked["config"]),
        "step": lambda asked: subject.step(asked["event"]),
        "snapshot": lambda asked: {"snapshot": subject.snapshot()},
        "restore": lambda asked: subject.restore(asked["snapshot"]),
    }

    def answer(asked: JsonObject) -> JsonObject:
        return {**operations[asked["op"]](asked), "seq": asked["seq"]}

    for line in sys.stdin:
        asked = json.loads(line)
        assert many or asked["op"] != "many"
        time.sleep(delay)
        print(json.dumps(answer(asked)), flush=True)


def dying(subject: Any, steps: int) -> Any:
    """The same, but it does not survive its so manieth step since it began."""
    begin, step, taken = subject.begin, subject.step, 0

    def newborn(at: int, config: JsonObject | None = None) -> object:
        nonlocal taken
        taken = 0
        return begin(at, config)

    def mortal(event: JsonObject) -> object:
        nonlocal taken
        taken += 1
        if taken == steps:
            sys.exit(f"this was step {steps}")
        return step(event)

    subject.begin, subject.step = newborn, mortal
    return subject


class Spoilt(JsonSession):
    """Ours, with each observation changed on its way out."""

    def __init__(self, spoil: Callable[[JsonObject], JsonObject | None]) -> None:
        super().__init__()
        self.spoil = spoil

    def step(self, event: JsonObject) -> JsonObject:
        shown = super().step(event)
        return self.spoil(shown) or shown


class Modest(JsonSession):
    """Has the core alone, and neither files nor snapshots."""

    features = frozenset[str]()  # type: ignore[assignment]

    def snapshot(self) -> object:
        raise NoAnswer("it has no snapshots")

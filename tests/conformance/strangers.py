"""Implementations for the kit to judge: ours in another dress, and ours with something wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from statemachine import Event, Session, reduce
from statemachine.conformance.implementation import Broken, Object
from statemachine.engine.session import JsonSession

SHIFT = 1_000


class Renaming:
    """Right in everything, but numbers commands and names messages in its own way, and writes defaults out."""

    features = JsonSession.features

    def __init__(self) -> None:
        self.inner = JsonSession()

    def begin(self, at: int, config: Object | None = None) -> Object:
        return self._out(self.inner.begin(at, config))

    def step(self, event: Object) -> Object:
        return self._out(self.inner.step(self._in(event)))

    def snapshot(self) -> object:
        return self.inner.snapshot()

    def restore(self, data: object) -> Object:
        return self._out(self.inner.restore(data))

    def _in(self, event: Object) -> Object:
        said: Object = _each(event, lambda text: text.replace("msg~", ":") if "msg~" in text else text)
        if "command" in said:
            said["command"] -= SHIFT
        if "after" in event:
            said["after"] = event["after"]
        return said

    def _out(self, shown: Object) -> Object:
        if "refused" in shown:
            return {"refused": "no"}
        said: Object = _each(shown, lambda text: text.replace(":", "msg~") if text.startswith(("o:", "o7:")) else text)
        said["owed"] = [one + SHIFT for one in shown["owed"]]
        for command in said["commands"]:
            command["id"] += SHIFT
        for news in said["news"]:
            if news["type"] == "received":
                news.setdefault("own", False)
        return said


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _each(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_each(item, change) for item in value]
    return change(value) if isinstance(value, str) else value


class Spoilt(JsonSession):
    """Ours, with each observation changed on its way out."""

    def __init__(self, spoil: Callable[[Object], Object | None]) -> None:
        super().__init__()
        self.spoil = spoil

    def step(self, event: Object) -> Object:
        shown = super().step(event)
        return self.spoil(shown) or shown


class Modest(JsonSession):
    """Has the core alone, and neither files nor snapshots."""

    features = frozenset[str]()  # type: ignore[assignment]

    def snapshot(self) -> object:
        raise Broken("it has no snapshots")


def forgetful(session: Session, event: Event) -> tuple[Session, Any]:
    """Forgets the link's failures whenever the link is in trouble: after a restore, and before it."""
    after, out = reduce(session, event)
    return after, out


def restless(session: Session, event: Event) -> tuple[Session, Any]:
    """Every tick counts as something."""
    after, out = reduce(session, event)
    return (evolve(after, now=event.at), out) if after is session else (after, out)

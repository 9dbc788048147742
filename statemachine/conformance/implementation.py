"""The implementation under test: four methods, JSON in and JSON out. `process.py` is one behind a pipe."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from statemachine.codec.body import is_object
from statemachine.engine.session import JsonObject

T = TypeVar("T")
PendingAnswer: TypeAlias = Callable[[], T]
"""Waits for the answer to an earlier request. Raises NoAnswer."""


class Implementation(Protocol):
    """One session at a time, seen from outside. MESSAGES.md describes events and observations.

    An optional attribute `features` names its optional features; without it, it has all of them.
    """

    def begin(self, at: int, config: JsonObject | None = None) -> JsonObject:
        """Drop the session and begin a new one."""
        ...

    def step(self, event: JsonObject) -> JsonObject:
        """The observation after this event, or `{"refused": reason}`."""
        ...

    def snapshot(self) -> object:
        """The session as JSON values, which only `restore` reads."""
        ...

    def restore(self, data: object) -> JsonObject:
        """Drop the session and restore this one; the observation's commands are all owed ones."""
        ...


@runtime_checkable
class WithCodec(Protocol):
    """An implementation that also reads and writes the wire."""

    def codec(self, operation: str, asked: JsonObject) -> JsonObject:
        """`decode`, `encode`, `request` or `reply`, as MESSAGES.md describes them."""
        ...


class PipelinedMethods(Protocol):
    """The methods of an implementation whose answers are read later: sending ahead is faster than waiting each time."""

    @property
    def ahead(self) -> int:
        """How many requests are sent before the answer to the first is read."""
        ...

    def begin(self, at: int, config: JsonObject | None = None) -> PendingAnswer[JsonObject]: ...
    def step(self, event: JsonObject) -> PendingAnswer[JsonObject]: ...
    def snapshot(self) -> PendingAnswer[object]: ...
    def restore(self, data: object) -> PendingAnswer[JsonObject]: ...


@runtime_checkable
class WithPipelining(Protocol):
    """An implementation that accepts further requests before its answers are read."""

    @property
    def pipelined(self) -> PipelinedMethods:
        """Its methods without waiting."""
        ...


class NoAnswer(Exception):
    """The implementation gave no readable answer: it crashed, hung, or answered `error`."""


class NoAnswers(Exception):
    """It gave no readable answer to several requests that were sent as one. From now on, it gets each by itself."""


class Unusable(Exception):
    """Nothing can be judged, because the harness itself does not work. The text says what to do."""


class Guarded:
    """An implementation in this process; its exceptions and wrong results become NoAnswer, as behind a pipe."""

    def __init__(self, subject: Implementation) -> None:
        self._subject: Any = subject

    def __getattr__(self, name: str) -> Any:
        own = getattr(self._subject, name)
        return partial(self._answer, name) if name == "codec" else own

    def begin(self, at: int, config: JsonObject | None = None) -> JsonObject:
        """`Implementation.begin`."""
        return self._answer("begin", at, config or {})

    def step(self, event: JsonObject) -> JsonObject:
        """`Implementation.step`."""
        return self._answer("step", event)

    def snapshot(self) -> object:
        """`Implementation.snapshot`."""
        return self._call("snapshot")

    def restore(self, data: object) -> JsonObject:
        """`Implementation.restore`."""
        return self._answer("restore", data)

    def _answer(self, method: str, *args: object) -> JsonObject:
        answer = self._call(method, *args)
        if not is_object(answer):
            raise NoAnswer(f"{method} returned {type(answer).__name__}, and not a dict")
        return answer

    def _call(self, method: str, *args: object) -> object:
        try:
            return getattr(self._subject, method)(*args)
        except NoAnswer:
            raise
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            words = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
            raise NoAnswer(f"{method} raised {words}") from error


def declared_features(implementation: Implementation) -> frozenset[str] | None:
    """The features that it declares; None stands for all."""
    declared = getattr(implementation, "features", None)
    return None if declared is None else frozenset(declared)

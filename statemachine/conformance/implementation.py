"""What is put to the test: four methods, JSON in and JSON out. `process.py` is one over a pipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

__all__ = [
    "Implementation",
    "NoAnswer",
    "Object",
    "PendingAnswer",
    "PipelinedMethods",
    "Unusable",
    "WithCodec",
    "WithPipelining",
    "declared_features",
]

T = TypeVar("T")
Object: TypeAlias = dict[str, Any]
PendingAnswer: TypeAlias = Callable[[], T]
"""Waits for the answer to what was asked. Raises Broken."""


class Implementation(Protocol):
    """One session at a time, seen from outside. MESSAGES.md says what goes in and what comes out.

    It may have an attribute `features`, the names of what it can beyond the core; without it, it can all.
    """

    def begin(self, at: int, config: Object | None = None) -> Object:
        """Forget the session before and begin a new one."""
        ...

    def step(self, event: Object) -> Object:
        """What this event does, or `{"refused": reason}`."""
        ...

    def snapshot(self) -> object:
        """The session written down, as JSON values that nobody but `restore` reads."""
        ...

    def restore(self, data: object) -> Object:
        """Forget the session before and take this one up; the answer's commands are all that it owes."""
        ...


@runtime_checkable
class WithCodec(Protocol):
    """An implementation that also reads and writes the wire."""

    def codec(self, operation: str, asked: Object) -> Object:
        """`decode`, `encode`, `request` or `reply`, as MESSAGES.md says."""
        ...


class PipelinedMethods(Protocol):
    """An implementation that is asked now and answers later: asking costs less than waiting for each answer.

    An implementation that has one gives it as its attribute `ahead`.
    """

    def begin(self, at: int, config: Object | None = None) -> PendingAnswer[Object]: ...
    def step(self, event: Object) -> PendingAnswer[Object]: ...
    def snapshot(self) -> PendingAnswer[object]: ...
    def restore(self, data: object) -> PendingAnswer[Object]: ...


@runtime_checkable
class WithPipelining(Protocol):
    """An implementation that can be asked ahead."""

    @property
    def ahead(self) -> PipelinedMethods:
        """What to ask."""
        ...


class NoAnswer(Exception):
    """The implementation gave no answer, or none that can be read: it crashed, hung, or said `error`."""


class Unusable(Exception):
    """There is nothing to judge: the harness itself does not work. The text says what to do."""


def declared_features(implementation: Implementation) -> frozenset[str] | None:
    """What it says that it can; None for everything."""
    said = getattr(implementation, "features", None)
    return None if said is None else frozenset(said)

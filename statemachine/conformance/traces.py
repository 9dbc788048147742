"""Random traces: walks whose choices are recorded, some bytes a step, with the steps of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from ..core import Session
from .entries import Choose
from .laws import StepResult
from .random_walk import TraceInput, Walk

WORD: Final = 10
"""Bytes for the choices of one step."""


@frozen
class RandomTrace:
    """The first session, the inputs, and the result of each; a reload has none."""

    start: Session
    inputs: tuple[TraceInput, ...]
    results: tuple[StepResult | None, ...]

    @property
    def end(self) -> Session:
        """The session at the end."""
        return next((result.after for result in reversed(self.results) if result), self.start)

    def __repr__(self) -> str:
        """Lines that can be pasted into a test."""
        lines = "".join(f"    {one!r},\n" for one in self.inputs)
        return f"RandomTrace(\n  config={self.start.config!r},\n  inputs=(\n{lines}))"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """For hypothesis, which would print every field."""
        printer.text(repr(self))


def chooser(word: bytes) -> Choose:
    """Choices read from bytes, as the digits of one number; after the last digit every choice is 0."""
    left = int.from_bytes(word, "big")

    def choose(n: int) -> int:
        nonlocal left
        left, chosen = divmod(left, n)
        return chosen

    return choose


def trace_of(words: Sequence[bytes]) -> RandomTrace:
    """The trace of these choices; the first word chooses the configuration."""
    first, *others = words or [b""]
    walk = Walk(chooser(first))
    start = walk.session
    inputs: list[TraceInput] = []
    results: list[StepResult | None] = []
    for word in others:
        walk.choose = chooser(word)
        inputs.append(walk.step())
        results.append(walk.take(inputs[-1]))
    return RandomTrace(start, tuple(inputs), tuple(results))

"""Lives: walks whose choices are written down, a word of bytes a step, and the steps that the engine took in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from ..core import Session
from .entries import Choose
from .laws import StepResult
from .random_walk import TraceInput, Walk

__all__ = ["WORD", "Trace", "chooser", "trace_of"]

WORD: Final = 10
"""Bytes of a word: enough for every choice of a step."""


@frozen
class Trace:
    """A life: where it began, what happened, and the step that each happening was; a reload is none."""

    start: Session
    happenings: tuple[TraceInput, ...]
    steps: tuple[StepResult | None, ...]

    @property
    def end(self) -> Session:
        """Where it came to."""
        return next((step.after for step in reversed(self.steps) if step), self.start)

    def __repr__(self) -> str:
        """As lines that can be read, and pasted."""
        lines = "".join(f"    {happening!r},\n" for happening in self.happenings)
        return f"Trace(\n  config={self.start.config!r},\n  happenings=(\n{lines}))"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """For hypothesis, which would write out every field of it."""
        printer.text(repr(self))


def chooser(word: bytes) -> Choose:
    """Choices read off a word of bytes, as the digits of one number; when it is used up, every choice is 0."""
    left = int.from_bytes(word, "big")

    def choose(n: int) -> int:
        nonlocal left
        left, chosen = divmod(left, n)
        return chosen

    return choose


def trace_of(words: Sequence[bytes]) -> Trace:
    """The life that these words tell; the first chooses the configuration."""
    first, *others = words or [b""]
    walk = Walk(chooser(first))
    start = walk.session
    happenings: list[TraceInput] = []
    steps: list[StepResult | None] = []
    for word in others:
        walk.choose = chooser(word)
        happening = walk.step()
        happenings.append(happening)
        steps.append(walk.take(happening))
    return Trace(start, tuple(happenings), tuple(steps))

"""Random traces: walks whose choices are recorded, some bytes a step, with the steps of the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any, Final

from attrs import fields, frozen

from ..core import Answered, Session, reduce
from ..core.derived import awaited
from ..core.tables.reactions import classify
from .entries import Choose
from .laws import Engine, StepResult
from .random_walk import TraceInput, Walk

WORD: Final = 10
"""Bytes for the choices of one step."""
_TRIES: Final = 8
"""How many words are tried for a step, at most."""
_SELDOM: Final = 6
"""A step is taken at once if it does something that was done no more often."""
_FIELDS: Final = tuple(one.name for one in fields(Session) if one.name not in ("now", "ids", "seq"))


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


@frozen
class _Tried:
    """A step that may come next: the walk after it, and what it did."""

    word: bytes
    walk: Walk
    made: TraceInput
    result: StepResult | None
    done: list[object]


class Explorer:
    """Random traces that do what the traces before have seldom done.

    For each step a few words are tried, until a step does something that was seldom done so far: a row taken with these
    changes, or an answer of this class. Where none does, the rarest is taken.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._done = Counter[object]()

    def trace(self, length: int) -> tuple[list[bytes], RandomTrace]:
        """One more trace of this many steps, and its words: `trace_of` makes the same trace from them."""
        words = [self._random.randbytes(WORD)]
        walk = Walk(chooser(words[0]))
        start = walk.session
        inputs: list[TraceInput] = []
        results: list[StepResult | None] = []
        for _ in range(length):
            step = self._next(walk)
            walk = step.walk
            words.append(step.word)
            inputs.append(step.made)
            results.append(step.result)
            self._done.update(step.done)
        return words, RandomTrace(start, tuple(inputs), tuple(results))

    def _next(self, walk: Walk) -> _Tried:
        tried: list[_Tried] = []
        while len(tried) < _TRIES:
            tried.append(self._try(walk))
            if self._count(tried[-1]) <= _SELDOM:
                return tried[-1]
        return min(tried, key=self._count)

    def _try(self, walk: Walk) -> _Tried:
        word = self._random.randbytes(WORD)
        other = walk.fork(chooser(word))
        made, log = other.step(), list[Any]()
        result = other.take(made, Engine(reduce=partial(reduce, log=log)))
        return _Tried(word, other, made, result, _done(walk.session, made, other.session, log))

    def _count(self, tried: _Tried) -> int:
        """How often the rarest of what a step does was done before."""
        return min((self._done[one] for one in tried.done), default=1_000)


def _done(before: Session, made: TraceInput, after: Session, log: Sequence[Any]) -> list[object]:
    """The rows that a step took, each with all that the step changed; and the class of an answer, in this state."""
    changed = tuple(name for name in _FIELDS if getattr(before, name) is not getattr(after, name))
    done: list[object] = [(state, id(row), changed) for _, state, _, row in log]
    if isinstance(made, Answered) and (owed := awaited(before, made.command)) is not None:
        done.append((type(before.lifecycle), owed[1], classify(owed[1], made.reply)))
    return done

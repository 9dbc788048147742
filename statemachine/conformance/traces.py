"""Random traces: walks whose choices are recorded, some bytes a step, with the steps of the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
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
_TRIES: Final = 4
"""How many words are tried for a step."""
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


class Explorer:
    """Random traces that do what the traces before have seldom done.

    For each step a few words are tried. The word is kept whose step did something that was done least often so far: a
    row taken with these changes, or an answer of this class.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._done = Counter[object]()

    def words(self, length: int) -> list[bytes]:
        """The words of one more trace, for `trace_of`: the configuration, and this many steps."""
        words = [self._random.randbytes(WORD)]
        walk = Walk(chooser(words[0]))
        for _ in range(length):
            word, walk, done = min(self._tried(walk), key=lambda tried: self._rarity(tried[2]))
            words.append(word)
            self._done.update(done)
        return words

    def _tried(self, walk: Walk) -> Iterator[tuple[bytes, Walk, list[object]]]:
        for _ in range(_TRIES):
            word = self._random.randbytes(WORD)
            other = walk.fork(chooser(word))
            made, log = other.step(), list[Any]()
            other.take(made, Engine(reduce=partial(reduce, log=log)))
            yield word, other, _done(walk.session, made, other.session, log)

    def _rarity(self, done: Sequence[object]) -> int:
        return min((self._done[one] for one in done), default=1_000)


def _done(before: Session, made: TraceInput, after: Session, log: Sequence[Any]) -> list[object]:
    """The rows that a step took, each with all that the step changed; and the class of an answer, in this state."""
    changed = tuple(name for name in _FIELDS if getattr(before, name) is not getattr(after, name))
    done: list[object] = [(state, id(row), changed) for _, state, _, row in log]
    if isinstance(made, Answered) and (owed := awaited(before, made.command)) is not None:
        done.append((type(before.lifecycle), owed[1], classify(owed[1], made.reply)))
    return done

"""Hypothesis strategies over walks: `traces()` for whole lives, `sessions()` for states that events can reach.

One draw a step, all of its choices in one word of bytes, so that a failing trace shrinks by losing steps, and each step
towards the boring one.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen
from hypothesis import strategies as st

from statemachine import Session

from .entries import Choose
from .walk import Follow, Happening, Reload, Walk

WORD: Final = 10
LONGEST: Final = 80


@frozen
class Trace:
    """A life: where it began, what happened, and the session before each happening and after the last."""

    start: Session
    happenings: tuple[Happening, ...]

    def __repr__(self) -> str:
        """As lines that can be read, and pasted."""
        lines = "".join(f"    {happening!r},\n" for happening in self.happenings)
        return f"Trace(\n  config={self.start.config!r},\n  happenings=(\n{lines}))"


def chooser(word: bytes) -> Choose:
    """Choices read off a word of bytes, as the digits of one number; when it is used up, every choice is 0."""
    left = int.from_bytes(word, "big")

    def choose(n: int) -> int:
        nonlocal left
        left, chosen = divmod(left, n)
        return chosen

    return choose


def walked(words: list[bytes]) -> Trace:
    """The trace that these words tell; the first chooses the configuration."""
    first, *steps = words or [b""]
    walk = Walk(chooser(first))
    start = walk.session
    happenings: list[Happening] = []
    for word in steps:
        walk.choose = chooser(word)
        happening = walk.step()
        happenings.append(happening)
        walk.take(happening)
    return Trace(start, tuple(happenings))


@st.composite
def _words(draw: st.DrawFn, longest: int) -> list[bytes]:
    length = draw(st.integers(0, longest))
    return [draw(st.binary(min_size=WORD, max_size=WORD)) for _ in range(length + 1)]


def traces(longest: int = LONGEST) -> st.SearchStrategy[Trace]:
    """Random lives of up to so many happenings, half as many on average."""
    return _words(longest).map(walked)


def _last(words: list[bytes]) -> Session:
    walk = Walk(chooser(words[0]))
    for word in words[1:]:
        walk.choose = chooser(word)
        walk.take(walk.step())
    return walk.session


def sessions(longest: int = LONGEST) -> st.SearchStrategy[Session]:
    """Sessions at the end of random lives."""
    return _words(longest).map(_last)


__all__ = ["Follow", "Happening", "Reload", "Trace", "chooser", "sessions", "traces", "walked"]

"""Hypothesis strategies over walks: `traces()` for whole lives, `sessions()` for states that events can reach.

One draw a step, all of its choices in one word of bytes, so that a failing trace shrinks by losing steps, and each step
towards the boring one.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from ..core import Session
from .traces import WORD, Trace, trace_of

__all__ = ["MAX_STEPS", "sessions", "traces"]

MAX_STEPS: Final = 80


@st.composite
def _words(draw: st.DrawFn, longest: int) -> list[bytes]:
    length = draw(st.integers(0, longest))
    return [draw(st.binary(min_size=WORD, max_size=WORD)) for _ in range(length + 1)]


def traces(longest: int = MAX_STEPS) -> st.SearchStrategy[Trace]:
    """Random lives of up to so many happenings, half as many on average."""
    return _words(longest).map(trace_of)


def sessions(longest: int = MAX_STEPS) -> st.SearchStrategy[Session]:
    """Sessions at the end of random lives."""
    return traces(longest).map(lambda life: life.end)

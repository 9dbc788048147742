"""Hypothesis strategies: `traces()` for random traces, `sessions()` for the sessions at their ends.

All choices of a step are one draw, so that a failing trace shrinks by losing steps and by simpler choices.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from ..core import Session
from .traces import WORD, RandomTrace, trace_of

MAX_STEPS: Final = 80


@st.composite
def _words(draw: st.DrawFn, longest: int) -> list[bytes]:
    length = draw(st.integers(0, longest))
    return [draw(st.binary(min_size=WORD, max_size=WORD)) for _ in range(length + 1)]


def traces(longest: int = MAX_STEPS) -> st.SearchStrategy[RandomTrace]:
    """Random traces of at most so many steps."""
    return _words(longest).map(trace_of)


def sessions(longest: int = MAX_STEPS) -> st.SearchStrategy[Session]:
    """The sessions at the ends of random traces."""
    return traces(longest).map(lambda trace: trace.end)

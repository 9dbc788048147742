"""Deadlines in words: how far ahead they are, and which numbers of the configuration say so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, Final

from statemachine.diagrams.durations import DURATIONS, Doubling, Span

from ..core import Session
from ..core.session import Config
from .levels import session_before
from .parallel import REFERENCE
from .variations import time_of
from .vectors import Vector

_FAILURES: Final = 16
"""After so many in a row, every back-off has reached its cap."""
_NAMES: Final = sorted(
    {name for some in DURATIONS.values() for one in some if isinstance(one, Span) for name in one.names}
)


def deadline_words(vector: Vector, number: int, instant: int | None) -> str:
    """A deadline of a vector's step, as in `+13985 ms (request_timeout + answer_margin after step 3)`.

    The numbers are those by which `table.json` says how long a deadline is, of the records that have one at this step.

    Args:
        number: The index of the step.
        instant: The deadline, in milliseconds since the epoch.
    """
    if instant is None:
        return "none"
    times = list(accumulate((step.do for step in vector.steps[: number + 1]), time_of, initial=vector.at))
    with REFERENCE:
        session = session_before(vector, number + 1)
    durations = list(_durations(session, session.config))
    for at in range(len(times) - 1, -1, -1):
        for words, length in durations:
            if times[at] + length == instant:
                return f"{instant - times[-1]:+} ms ({words}{'' if at == len(times) - 1 else f' after step {at}'})"
    return f"{instant - times[-1]:+} ms"


def _durations(session: Session, config: Config) -> Iterator[tuple[str, int]]:
    """How long the deadlines that run may be, in words and in milliseconds; then single numbers, for a wrong one."""
    kinds: list[type[Any]] = [type(record) for record in _running(session)]
    for span in (one for kind in kinds for one in DURATIONS.get(kind, ())):
        if isinstance(span, Span):
            yield " + ".join(span.names), sum(_numbers(config, span.names))
        else:
            yield from _doublings(config, span)
    equal: dict[int, list[str]] = {}
    for name in _NAMES:
        equal.setdefault(getattr(config, name), []).append(name)
    yield from ((" or ".join(names), length) for length, names in equal.items())


def _doublings(config: Config, one: Doubling) -> Iterator[tuple[str, int]]:
    start, cap = _numbers(config, (one.start, one.cap))
    yield one.start, start
    yield from ((f"{one.start} · {2**n}", start * 2**n) for n in range(1, _FAILURES) if start * 2**n < cap)
    yield one.cap, cap


def _numbers(config: Config, names: Iterable[str]) -> Iterator[int]:
    return (getattr(config, name) for name in names)


def _running(session: Session) -> Iterator[Any]:
    """The records of a session that have a deadline."""
    s = session
    machines = (s.lifecycle, s.opening, s.connection, s.history, s.presence, s.ephemeral, s.ephemeral_queue)
    for record in (*machines, *(item.state for item in s.items), *s.participants.typists):
        if record.due is not None:
            yield record

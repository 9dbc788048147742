"""Several copies of an implementation at work at once: most of the time of a slow one is waiting for its answers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import RLock
from typing import Final, TypeVar

from .implementation import Implementation

T = TypeVar("T")
R = TypeVar("R")

REFERENCE: Final = RLock()
"""Held while the reference engine runs: to soften a difference, it runs without some rows for a moment."""


def each(subjects: Sequence[Implementation], do: Callable[[Implementation, T], R], items: Iterable[T]) -> Generator[R]:
    """`do(subject, item)` for each item, in this order; as many at once as there are subjects."""
    if len(subjects) == 1:
        for item in items:
            yield do(subjects[0], item)
        return
    free = SimpleQueue[Implementation]()
    for subject in subjects:
        free.put(subject)

    def borrowed(item: T) -> R:
        subject = free.get()
        try:
            return do(subject, item)
        finally:
            free.put(subject)

    pool = ThreadPoolExecutor(len(subjects))
    try:
        yield from pool.map(borrowed, items)
    finally:
        pool.shutdown(cancel_futures=True)

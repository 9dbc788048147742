"""Growth: whether the time that a function takes is proportional to the size of its input."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

_ATTEMPTS = 4


def grows_linearly(make: Callable[[int], Any], run: Callable[[Any], object], size: int) -> bool:
    """Whether twice the input takes at most 2.3 times as long, by the best of several runs.

    Processor time is measured, but a busy machine disturbs even that: a few attempts are made before the answer is no.
    A quadratic loop takes four times as long in every attempt.
    """
    small, large = make(size), make(2 * size)
    return any(_best(run, large) <= 2.3 * _best(run, small) + 0.002 for _ in range(_ATTEMPTS))


def _best(run: Callable[[Any], object], value: Any) -> float:
    def once() -> float:
        start = time.process_time()
        run(value)
        return time.process_time() - start

    gc.disable()  # a collection visits what all other tests have left
    try:
        return min(once() for _ in range(3))
    finally:
        gc.enable()

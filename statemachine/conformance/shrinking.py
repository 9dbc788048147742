"""From a failing sequence to a short one that still fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(items: Sequence[T], fails: Callable[[list[T]], bool], tries: int) -> list[T]:
    """Drop as many items as possible while `fails` holds (Zeller's delta debugging).

    Args:
        fails: Whether a shorter sequence still fails. It holds for `items`.
        tries: How often `fails` is called at most.
    """
    left, parts = list(items), 2
    while left and tries > 0:
        size = max(1, len(left) // parts)
        for at in range(0, len(left), size):
            fewer = left[:at] + left[at + size :]
            tries -= 1
            if tries >= 0 and fails(fewer):
                left, parts = fewer, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(parts * 2, len(left))
    return left

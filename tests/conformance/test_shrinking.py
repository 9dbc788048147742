"""Shrinking: the shortest sequence that still fails, within a limited number of tries."""

from __future__ import annotations

from statemachine.conformance.shrinking import shrink


def test_the_needed_items_are_kept() -> None:
    assert shrink(range(100), lambda left: {3, 41, 97} <= set(left), 1_000) == [3, 41, 97]
    assert shrink([1, 2, 3], lambda left: True, 100) == []
    assert shrink([1], lambda left: True, 1) == []
    assert shrink([], lambda left: True, 100) == []


def test_the_number_of_tries_is_limited() -> None:
    tried: list[list[int]] = []

    def fails(left: list[int]) -> bool:
        tried.append(left)
        return 3 in left

    shorter = shrink(range(100), fails, 5)
    assert len(tried) == 5
    assert 3 in shorter
    assert len(shorter) < 100
    assert shrink(range(100), fails, 0) == list(range(100))

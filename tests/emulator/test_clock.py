"""The centre's clock, with a real time that the test moves."""

from __future__ import annotations

import pytest

from statemachine.emulator.clock import Clock


class Steady:
    def __init__(self) -> None:
        self.ns = 5_000_000_000

    def __call__(self) -> int:
        return self.ns

    def pass_ms(self, ms: float) -> None:
        self.ns += int(ms * 1_000_000)


def test_it_goes_as_fast_as_it_is_told() -> None:
    steady = Steady()
    clock = Clock(60, steady)
    start = clock.now()
    steady.pass_ms(1_000)
    assert clock.now() - start == 60_000
    clock.scale = 0
    steady.pass_ms(1_000)
    assert clock.now() - start == 60_000
    clock.scale = 1
    steady.pass_ms(1_000)
    assert clock.now() - start == 61_000


def test_it_is_moved_forward_and_never_back() -> None:
    steady = Steady()
    clock = Clock(1, steady)
    start = clock.now()
    clock.advance_to(start + 600_000)
    assert clock.now() == start + 600_000
    clock.advance_to(start)
    assert clock.now() == start + 600_000


def test_how_long_one_has_to_wait() -> None:
    steady = Steady()
    clock = Clock(10, steady)
    due = clock.now() + 5_000
    delay = clock.real_s(due)
    assert delay is not None
    steady.pass_ms(delay * 1_000)
    assert abs(clock.now() - due) <= 1
    assert clock.real_s(due - 100) == 0
    clock.scale = 0
    assert clock.real_s(due + 100) is None


@pytest.mark.parametrize("scale", [-1, 1e9, float("nan")])
def test_a_senseless_speed_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="a clock runs"):
        Clock(scale)
    clock = Clock()
    with pytest.raises(ValueError, match="a clock runs"):
        clock.scale = scale
    assert clock.scale == 1

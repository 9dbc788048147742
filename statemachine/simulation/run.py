"""Many worlds, one after the other or in many processes, and the figures they leave."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from logging import CRITICAL
from typing import Final

import structlog
from attrs import define, field

from .oracle import Violation
from .reach import Place, Reach
from .world import World

__all__ = ["Figures", "quiet", "run_jobs", "run_seeds"]

_CHUNK: Final = 50


@define
class Figures:
    """What a number of worlds amounted to."""

    seeds: int = 0
    steps: int = 0
    events: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(factory=Counter[str])
    phases: Counter[str] = field(factory=Counter[str])
    outcomes: Counter[str] = field(factory=Counter[str])
    reached: Counter[Place] = field(factory=Counter[Place])
    violations: list[Violation] = field(factory=list[Violation])

    def add(self, other: Figures) -> None:
        """Take in what others have found; their time ran beside ours."""
        self.seeds += other.seeds
        self.steps += other.steps
        self.events += other.events
        self.faults.update(other.faults)
        self.phases.update(other.phases)
        self.outcomes.update(other.outcomes)
        self.reached.update(other.reached)
        self.violations += other.violations

    def take(self, world: World) -> None:
        """Take in one world that has run."""
        self.seeds += 1
        self.steps += world.step
        self.events += world.oracle.events
        self.faults.update(world.faults.injected + world.faults.lived)
        self.phases.update(world.oracle.phases)
        self.outcomes[world.session.outcome or "live"] += 1
        if world.violation is not None:
            self.violations.append(world.violation)


@contextmanager
def quiet() -> Generator[None]:
    """No log lines: a driver warns of every anomaly, and here they are made on purpose."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def run_seeds(seeds: Sequence[int], steps: int, only: Sequence[str] | None = None) -> Figures:
    """Run these seeds here, each with its own swarm of faults, or with `only` these."""
    figures = Figures()
    began = time.perf_counter()
    reach = Reach()
    with quiet():
        for seed in seeds:
            world = World(seed, steps, only=only, reach=reach)
            world.run()
            figures.take(world)
    reach.strikes(figures.faults)
    figures.reached.update(reach.counts)
    figures.seconds = time.perf_counter() - began
    return figures


def run_jobs(
    first: int,
    count: int,
    steps: int,
    jobs: int,
    only: Sequence[str] | None = None,
    heard: Callable[[Figures], object] = lambda figures: None,
) -> Figures:
    """Run `count` seeds from `first` in so many processes. `heard`: told of all figures so far, now and then."""
    seeds = range(first, first + count)
    began = time.perf_counter()
    if jobs == 1:
        return run_seeds(seeds, steps, only)
    figures = Figures()
    with ProcessPoolExecutor(jobs) as pool:
        chunks = [pool.submit(run_seeds, seeds[at : at + _CHUNK], steps, only) for at in range(0, count, _CHUNK)]
        for chunk in as_completed(chunks):
            figures.add(chunk.result())
            heard(figures)
    figures.seconds = time.perf_counter() - began
    figures.violations.sort(key=lambda violation: violation.seed)
    return figures

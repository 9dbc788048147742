"""Many runs, one after the other or in many processes, and their figures."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Final

from attrs import define, field

from ..logs import silenced
from .coverage import Coverage, Point
from .oracle import LawViolation
from .simulator import Simulator

__all__ = ["Figures", "run_jobs", "run_seeds"]

_CHUNK: Final = 50


@define
class Figures:
    """The figures of a number of runs."""

    seeds: int = 0
    steps: int = 0
    events: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(factory=Counter[str])
    phases: Counter[str] = field(factory=Counter[str])
    outcomes: Counter[str] = field(factory=Counter[str])
    reached: Counter[Point] = field(factory=Counter[Point])
    violations: list[LawViolation] = field(factory=list[LawViolation])

    def add(self, other: Figures) -> None:
        """Add figures of a run beside this one; the time is not added."""
        self.seeds += other.seeds
        self.steps += other.steps
        self.events += other.events
        self.faults.update(other.faults)
        self.phases.update(other.phases)
        self.outcomes.update(other.outcomes)
        self.reached.update(other.reached)
        self.violations += other.violations


def run_seeds(seeds: Sequence[int], steps: int, only: Sequence[str] | None = None) -> Figures:
    """Run these seeds in this process, each with its own selection of faults, or with `only` these."""
    figures, coverage = Figures(), Coverage()
    began = time.perf_counter()
    with silenced():
        for seed in seeds:
            run = Simulator(seed, steps, only=only, coverage=coverage)
            run.run()
            faults, oracle = run.environment.faults, run.oracle
            outcome = Counter[str]([run.client.session.outcome or "live"])
            violations = [] if run.violation is None else [run.violation]
            step = run.environment.schedule.step
            injected = faults.injected + faults.used
            figures.add(Figures(1, step, oracle.events, 0.0, injected, oracle.phases, outcome, violations=violations))
    coverage.record_faults(figures.faults)
    figures.reached.update(coverage.counts)
    figures.seconds = time.perf_counter() - began
    return figures


def run_jobs(
    first: int,
    count: int,
    steps: int,
    jobs: int,
    only: Sequence[str] | None = None,
    on_progress: Callable[[Figures], object] = lambda figures: None,
) -> Figures:
    """Run `count` seeds from `first` in so many processes. `on_progress` is called with all figures so far."""
    seeds = range(first, first + count)
    if jobs == 1:
        return run_seeds(seeds, steps, only)
    began, figures = time.perf_counter(), Figures()
    with ProcessPoolExecutor(jobs) as pool:
        chunks = [pool.submit(run_seeds, seeds[at : at + _CHUNK], steps, only) for at in range(0, count, _CHUNK)]
        for chunk in as_completed(chunks):
            figures.add(chunk.result())
            on_progress(figures)
    figures.seconds = time.perf_counter() - began
    figures.violations.sort(key=lambda violation: violation.seed)
    return figures

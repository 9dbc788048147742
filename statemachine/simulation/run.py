"""Many runs, one after the other or in many processes, and their figures."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children
from typing import Final

from attrs import define, field

from ..logs import silenced
from .coverage import Coverage, Point
from .oracle import LawViolation
from .simulator import Simulator

_CHUNK: Final = 100
"""Seeds that share one coverage: the longer it is kept, the fewer steps are explained again."""


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
    chunks = [seeds[at : at + _CHUNK] for at in range(0, count, _CHUNK)]
    began, figures = time.perf_counter(), Figures()
    on_progress(figures)
    for found in _results(chunks, steps, min(jobs, len(chunks)), only):
        figures.add(found)
        on_progress(figures)
    figures.seconds = time.perf_counter() - began
    figures.violations.sort(key=lambda violation: violation.seed)
    return figures


def _results(chunks: Sequence[range], steps: int, jobs: int, only: Sequence[str] | None) -> Iterator[Figures]:
    """The figures of each of these chunks. A caller that stops early, as Ctrl-C does, leaves no process behind."""
    if jobs <= 1:
        yield from (run_seeds(chunk, steps, only) for chunk in chunks)
        return
    others = set(active_children())
    pool = ProcessPoolExecutor(jobs, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    try:
        for future in as_completed([pool.submit(run_seeds, chunk, steps, only) for chunk in chunks]):
            yield future.result()
    except BaseException:
        for worker in set(active_children()) - others:
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)

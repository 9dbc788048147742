"""The figures of a sweep and of an exploration, as JSON values and as lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import asdict

from statemachine.core.session import PHASES

from .coverage import never, summary
from .explore import Exploration
from .faults import REPORTED
from .oracle import LawViolation
from .run import Figures

_WIDTH: Final = 100
_NEVER: Final = 12
"""How many points are named; a short run misses many."""


def as_json(figures: Figures) -> dict[str, object]:
    """All figures; only the times differ between two equal sweeps."""
    return {
        "seeds": figures.seeds,
        "steps": figures.steps,
        "events": figures.events,
        "seconds": round(figures.seconds, 1),
        "seeds_per_second": round(figures.seeds / figures.seconds, 1) if figures.seconds else None,
        "faults": {label: figures.faults[label] for label in REPORTED if figures.faults[label]},
        "phases": dict(sorted(figures.phases.items())),
        "outcomes": dict(sorted(figures.outcomes.items())),
        "reached": {domain: {"reached": reached, "of": of} for domain, reached, of in summary(figures.reached)},
        "never": [f"{domain}: {name}" for domain, name in never(figures.reached)],
    }


def lines(figures: Figures) -> Iterator[str]:
    """The same as lines of text."""
    rate = figures.seeds / figures.seconds if figures.seconds else 0
    yield (
        f"{figures.seeds:,} seeds, {figures.steps:,} steps, {figures.events:,} events in {figures.seconds:.1f} s "
        f"({rate:.0f} seeds a second)"
    )
    yield from _counts("faults", figures.faults)
    missing = [phase for phase in PHASES if not figures.phases[phase]]
    yield from _counts("events by phase", figures.phases)
    if missing:
        yield f"  never: {', '.join(missing)}"
    yield from _counts("outcomes", figures.outcomes)
    table = ", ".join(f"{domain} {reached} of {of}" for domain, reached, of in summary(figures.reached))
    yield f"reached: {table}"
    missed = never(figures.reached)
    for domain, name in missed[:_NEVER]:
        yield f"  never: {domain} {name}"
    if len(missed) > _NEVER:
        yield f"  and {len(missed) - _NEVER} more: run more seeds, or see --json"


def _counts(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    yield f"{title}: {sum(counts.values()):,}"
    line = " "
    for name, count in Counter(counts).most_common():
        if not count:
            continue
        piece = f" {name} {count:,};"
        if len(line) + len(piece) > _WIDTH:
            yield line
            line = " "
        line += piece
    if line.strip():
        yield line.rstrip(";")


def exploration_lines(found: Exploration, asked: int) -> Iterator[str]:
    """An exploration as lines of text."""
    yield f"explored to depth {found.depth}: {found.states:,} states, {found.edges:,} edges in {found.seconds:.1f} s"
    if found.broken is None and found.depth < asked:
        yield f"  the time limit ended it before depth {asked}"
    yield from _counts("states by phase", found.phases)


def violation_json(violation: LawViolation, file: str, replay: str) -> dict[str, object]:
    """One violation, with the file and the command that reproduce it."""
    return {**asdict(violation), "file": file, "replay": replay}

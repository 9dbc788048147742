"""Every mutant of the tables against the kit: `python -m tests.mutants`.

A mutant must be rejected by a vector, or be listed in `equivalent.py`, with the reason why no observer can tell it from
the engine. It must also be rejected by one of 2,000 random traces, or be listed in `seldom.py`, with the reason why
they seldom show it. Exit status 1 where one survives, or is listed wrongly.
"""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from random import Random
from typing import Final

import click
from attrs import frozen

from statemachine.conformance.vectors import engine_vectors

from .cases import Cases
from .equivalent import reason
from .judge import judged
from .seldom import seldom
from .tables import ALL, Mutant

ENOUGH: Final = 2_000
"""With so many random traces, only mutants of `seldom.py` may survive them."""


@frozen
class Verdict:
    """`vector`, `trace`: the name of the case that rejects the mutant, or None."""

    name: str
    vector: str | None
    trace: str | None

    def fault(self, traces: int) -> str | None:
        """What is wrong with the mutant, its case or the lists, where so many traces were tried."""
        case = self.vector or self.trace
        if reason(self.name) is not None:
            return case and f"listed as no other engine, but {case} rejects it"
        if self.vector is None:
            return "survives the vectors"
        if traces >= ENOUGH and self.trace is None and seldom(self.name) is None:
            return f"survives {traces} random traces"
        return None


def part_of(part: str) -> list[Mutant]:
    """One of several parts, `3/16`: mutants of all kinds, chosen by a seed."""
    number, _, parts = part.partition("/")
    mutants = list(ALL)
    Random(1).shuffle(mutants)
    return mutants[int(number) % int(parts) :: int(parts)]


def verdicts(mutants: list[Mutant], cases: Cases, jobs: int) -> list[Verdict]:
    """The verdict on each mutant, found by some processes that share the cases."""

    def judge_one(number: int) -> Verdict:
        mutant = mutants[number]
        return Verdict(mutant.name, judged(mutant, cases, "vector"), judged(mutant, cases, "trace"))

    global _judge
    _judge = judge_one  # the processes are forked, so they need not be sent it
    with get_context("fork").Pool(jobs) as pool:
        return pool.map(_judged, range(len(mutants)), chunksize=20)


_judge: Callable[[int], Verdict]


def _judged(number: int) -> Verdict:
    return _judge(number)


@click.command(help=__doc__)
@click.option("--part", default="0/1", metavar="K/N", help="Only one of N parts; K may be any number.")
@click.option("--traces", default=ENOUGH, help="The number of random traces.")
@click.option("--jobs", default=2, help="The number of processes.")
def main(part: str, traces: int, jobs: int) -> None:
    cases = Cases()
    cases.add_vectors(engine_vectors())
    cases.add_traces(traces)
    mutants = part_of(part)
    found = verdicts(mutants, cases, jobs)
    by_vector, by_trace = (sum(getattr(one, source) is not None for one in found) for source in ("vector", "trace"))
    click.echo(f"{len(found)} mutants: {by_vector} rejected by a vector, {by_trace} by one of {traces} random traces")
    click.echo(f"{sum(reason(one.name) is not None for one in found)} listed as no other engine")
    click.echo(f"{sum(seldom(one.name) is not None for one in found)} listed as seldom shown by random traces")
    faults = {one.name: fault for one in found if (fault := one.fault(traces))}
    for name, fault in faults.items():
        click.echo(f"{fault}: {name}")
    if faults:
        raise SystemExit(1)
    click.echo("nothing else survives")


if __name__ == "__main__":
    main()

"""Every mutant of the tables against the kit: `python -m tests.mutants`.

A mutant must be rejected by a vector, or be listed in `equivalent.py`, with the reason why no observer can tell it from
the engine. It is also tried on random traces. Exit status 1 where one survives, or is listed wrongly.
"""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from random import Random

import click
from attrs import frozen

from statemachine.conformance.vectors import engine_vectors

from .cases import Cases
from .equivalent import reason
from .judge import judged
from .tables import ALL, Mutant


@frozen
class Verdict:
    """`vector`, `trace`: the name of the case that rejects the mutant, or None."""

    name: str
    vector: str | None
    trace: str | None

    @property
    def is_wrong(self) -> bool:
        """It survives without being listed; or it is listed as no other engine, and is one."""
        if reason(self.name) is not None:
            return self.vector is not None or self.trace is not None
        return self.vector is None


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
@click.option("--traces", default=2_000, help="The number of random traces.")
@click.option("--jobs", default=2, help="The number of processes.")
@click.option("--seldom", is_flag=True, help="List what only vectors reject.")
def main(part: str, traces: int, jobs: int, seldom: bool) -> None:
    cases = Cases()
    cases.add_vectors(engine_vectors())
    cases.add_traces(traces)
    mutants = part_of(part)
    found = verdicts(mutants, cases, jobs)
    by_vector, by_trace = (sum(getattr(one, source) is not None for one in found) for source in ("vector", "trace"))
    click.echo(f"{len(found)} mutants: {by_vector} rejected by a vector, {by_trace} by one of {traces} random traces")
    click.echo(f"{sum(reason(one.name) is not None for one in found)} listed as no other engine")
    for one in found:
        if one.is_wrong:
            by = one.vector or one.trace
            click.echo(f"listed as no other engine, but {by} rejects it: {one.name}" if by else f"survives: {one.name}")
        elif seldom and one.vector and not one.trace:
            click.echo(f"by vectors only: {one.name}")
    if any(one.is_wrong for one in found):
        raise SystemExit(1)
    click.echo("nothing else survives")


if __name__ == "__main__":
    main()

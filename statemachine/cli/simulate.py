"""`statemachine simulate`."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Final

import click

from statemachine.simulation.coverage import Coverage, never
from statemachine.simulation.explore import Exploration, explore
from statemachine.simulation.faults import DOMAINS, labels_of
from statemachine.simulation.minimise import BadCase, Case, minimise, read_case, replay, write_case
from statemachine.simulation.oracle import LawViolation
from statemachine.simulation.report import as_json, exploration_lines, lines, violation_json
from statemachine.simulation.run import Figures, run_jobs
from statemachine.simulation.simulator import Simulator

from ..files import private_folder
from ..logs import silenced
from .app import in_trouble
from .files import FILE, FOLDER, writing
from .screen import progress

_MINIMISED: Final = 3
"""How many violations are minimised; the others are named with their seed."""
_EXPLORING: Final = 3_600.0


@click.command(name="simulate")
@click.option("--seeds", default=200, show_default=True, type=click.IntRange(0), help="How many simulations.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed of the first run.")
@click.option("--steps", default=200, show_default=True, type=click.IntRange(1), help="Steps with faults in each run.")
@click.option("--jobs", default=None, type=click.IntRange(1), help="Number of processes.  [default: one per core]")
@click.option(
    "--only", multiple=True, metavar="NAME", help=f"Only this fault, or domain of faults ({', '.join(DOMAINS)})."
)
@click.option("--complete", is_flag=True, help="Fail where something was never reached, and list it.")
@click.option("--explore", "depth", default=0, type=click.IntRange(0), help="Also try every history up to this depth.")
@click.option("--replay", "file", type=FILE, help="Only replay this violation.")
@click.option("--out", type=FOLDER, default=Path(), show_default=True, help="Folder for violations.")
@click.option("--json", "as_json_", is_flag=True, help="Print one JSON object.")
def command(
    seeds: int,
    seed: int,
    steps: int,
    jobs: int | None,
    only: tuple[str, ...],
    complete: bool,
    depth: int,
    file: Path | None,
    out: Path,
    as_json_: bool,
) -> int:
    """Simulate client and server with faults, many times.

    In each simulation, the real driver talks to the emulator's model under a virtual clock. Requests and responses are
    lost, delayed, repeated and refused, processes die between two steps, clocks are changed. Then the faults stop, and
    the session must become quiescent. Every law is checked after every step. The same seed gives the same simulation,
    on every machine.

    Each simulation enables some faults, chosen by its seed; --only enables these instead. The coverage of all
    simulations is counted: cells and couplings of the tables, commands, deadlines, reactions, faults.

    A violation is minimised and written to violation-SEED.jsonl, with the command that replays it.

    Exit status: 0 no law was broken (and with --complete, everything was reached); 1 otherwise; 2 it could not be
    executed.
    """
    if file is not None:
        return _replay(file, as_json_)
    exploration = None
    coverage = Coverage()
    if depth:
        with silenced():
            progress(f"exploring every history of up to {depth} events")
            exploration = explore(depth, _EXPLORING, coverage)
    figures = run_jobs(seed, seeds, steps, jobs or os.cpu_count() or 1, _labels(only), partial(_progress, seeds))
    figures.reached.update(coverage.counts)
    found = [_case(violation, steps, only, out) for violation in figures.violations[:_MINIMISED]]
    progress("")
    if as_json_:
        click.echo(json.dumps(_report(figures, exploration, found)))
    else:
        _show(figures, exploration, depth, steps, found)
    missed = complete and bool(never(figures.reached))
    return 1 if missed or figures.violations or (exploration is not None and exploration.broken is not None) else 0


def _progress(seeds: int, figures: Figures) -> None:
    done = f"{figures.seeds:,} of {seeds:,} seeds, {len(figures.violations):,} violations"
    progress(done if figures.seeds < seeds else "")


def _labels(only: tuple[str, ...]) -> tuple[str, ...] | None:
    try:
        return labels_of(only) if only else None
    except ValueError as error:
        raise click.UsageError(f"--only: {error}.") from None


def _case(violation: LawViolation, steps: int, only: tuple[str, ...], out: Path) -> tuple[Case, str]:
    progress(f"minimising the violation of {violation.law} in seed {violation.seed}", always=True)
    run = Simulator(violation.seed, steps, only=_labels(only))
    with silenced():
        run.run()
        case = minimise(run)
    path = out / f"violation-{violation.seed}.jsonl"
    with writing(path):
        private_folder(out)
        write_case(case, path)
    return case, str(path)


def _report(figures: Figures, exploration: Exploration | None, found: list[tuple[Case, str]]) -> dict[str, object]:
    cases = [violation_json(case.violation, path, f"statemachine simulate --replay {path}") for case, path in found]
    report = as_json(figures)
    report["violations"] = cases
    report["violated_seeds"] = [violation.seed for violation in figures.violations]
    report["exploration"] = None
    if exploration is not None:
        broken = exploration.broken
        report["exploration"] = {
            "depth": exploration.depth,
            "states": exploration.states,
            "edges": exploration.edges,
            "seconds": round(exploration.seconds, 1),
            "violation": None if broken is None else {"law": broken[0], "path": [repr(e) for e in broken[1]]},
        }
    return report


def _show(
    figures: Figures, exploration: Exploration | None, depth: int, steps: int, found: list[tuple[Case, str]]
) -> None:
    if exploration is not None:
        click.echo("\n".join(exploration_lines(exploration, depth)))
        if exploration.broken is not None:
            law, path = exploration.broken
            click.echo(f"VIOLATION {law}, after:")
            click.echo("\n".join(f"  {event!r}" for event in path))
    click.echo("\n".join(lines(figures)))
    for case, file in found:
        kind = "choices and events" if case.tape is not None else "events"
        click.echo(f"VIOLATION {case.violation.law} in seed {case.violation.seed}: {case.violation.detail}")
        click.echo(f"  minimised to {len(case.events)} {kind}: statemachine simulate --replay {file}")
        click.echo(f"  as it was: statemachine simulate --seed {case.violation.seed} --seeds 1 --steps {steps}")
    more = [violation.seed for violation in figures.violations[_MINIMISED:]]
    if more:
        click.echo(f"and in {len(more)} more seeds: {', '.join(map(str, more[:20]))}{'…' if len(more) > 20 else ''}")
    click.echo(f"violations: {len(figures.violations)}")


def _replay(file: Path, as_json_: bool) -> int:
    with in_trouble(BadCase):
        case = read_case(file)
    with silenced():
        violation = replay(case)
    if as_json_:
        again = (
            None
            if violation is None
            else violation_json(violation, str(file), f"statemachine simulate --replay {file}")
        )
        click.echo(json.dumps({"violation": again}))
    else:
        for event in case.events:
            click.echo(f"  {event!r}")
        click.echo(
            "no law is broken any more" if violation is None else f"VIOLATION {violation.law}: {violation.detail}"
        )
    return 1 if violation is not None else 0

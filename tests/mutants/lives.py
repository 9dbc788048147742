"""Whole vectors and traces of the kit, for mutants that are not of one row."""

from __future__ import annotations

from random import Random
from typing import Final, TypeAlias

import pytest

from statemachine.conformance import laws
from statemachine.conformance.laws import DEFAULT_ENGINE, Engine
from statemachine.conformance.traces import Explorer
from statemachine.conformance.vectors import engine_vectors

from .cases import LENGTH, Case, Seen, trace_steps, vector_steps
from .hand import HandMade
from .judge import differs, end_what_never_ends

TRACES: Final = 60
ALL_STEPS: Final = 1_000
LAWS: Final = tuple(law for law in laws.STEP_LAWS if law is not laws.law_12_rows)
"""L12 compares what happens with the table, which mutants change."""
Lives: TypeAlias = tuple[tuple[Case, list[Seen]], ...]


def lives() -> Lives:
    """All of them, with what the right engine shows; to be made before anything is mutated."""
    explorer = Explorer(Random(1))
    cases = [
        *(Case(one.id, vector_steps(one), most=ALL_STEPS) for one in engine_vectors()),
        *(Case(f"trace {n}", trace_steps(explorer.trace(LENGTH)[1]), most=ALL_STEPS) for n in range(TRACES)),
    ]
    return tuple((case, list(case.play())) for case in cases if case.steps)


def rejected_by(mutant: HandMade, all_lives: Lives) -> str | None:
    """The case that the mutant answers otherwise, else the law that it breaks; None where it survives.

    What shows in an answer is looked for first: it is found in a hundredth of the time that the laws take.
    """
    with pytest.MonkeyPatch.context() as patch:
        end_what_never_ends(patch)
        engine = mutant.plant(patch) or DEFAULT_ENGINE
        for case, shown in all_lives:
            if differs(case, shown, engine.reduce):
                return case.name
        return next((law for case, _ in all_lives if (law := _broken_law(case, engine))), None)


def _broken_law(case: Case, engine: Engine) -> str | None:
    session = case.steps[0].before
    ledger = laws.Ledger(session.ids, session.seq, window=session.config.window)
    for step in case.steps:
        if step.follows:
            return None
        try:
            taken = laws.take_step(session, step.event, engine)
            for law in LAWS:
                law(taken, engine)
            for life_law in laws.LIFE_LAWS:
                life_law(taken, ledger)
        except laws.BrokenLaw as broken:
            return broken.law
        session = taken.after
    return None

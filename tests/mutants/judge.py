"""Is this mutant rejected, and by which name: of a law, or of a vector?"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import islice, zip_longest
from typing import Final

import pytest

from statemachine.conformance import laws
from statemachine.core.draft import Draft

from .cases import Case, Cases, look
from .tables import Mutant

reduce_module = import_module("statemachine.core.reduce")  # the package exports a function of this name

_PORTIONS: Final = (2, 8, 30, 80, 800)
"""How many cases are tried, and then how many more, before a mutant counts as one that survives."""
_ROUNDS: Final = 500
LAWS: Final = tuple(law for law in laws.STEP_LAWS if law is not laws.law_12_rows)
"""L12 compares what happens with the table, which is the very thing that is mutated."""


def rejected_by(mutant: Mutant, cases: Cases) -> str | None:
    """The law that the mutant breaks, else the vector that it answers otherwise, else None."""
    chosen = _chosen(mutant, cases)
    for most in _PORTIONS:  # most mutants fall at once, and vectors cost as much as the cases themselves
        portion = list(islice(chosen, most))
        vectors = [cases.vector(case) for case in portion]
        with pytest.MonkeyPatch.context() as patch:
            end_what_never_ends(patch)
            mutant.plant(patch)
            for case, vector in zip(portion, vectors, strict=True):
                found = _differs(case, vector)
                if found is not None:
                    return found
    return None


class Endless(Exception):
    """A step that goes round and round."""


def end_what_never_ends(patch: pytest.MonkeyPatch) -> None:
    """A deadline that stands where it stood is due again, for ever. Each round ends with `_conclude`."""
    right = reduce_module._conclude
    latest: list[Draft] = []
    rounds = 0

    def conclude(d: Draft) -> None:
        nonlocal rounds
        rounds = rounds + 1 if latest and latest[0] is d else 0
        latest[:] = [d]
        if rounds > _ROUNDS:
            raise Endless
        right(d)

    patch.setattr(reduce_module, "_conclude", conclude)


def _chosen(mutant: Mutant, cases: Cases) -> Iterator[Case]:
    """Cases in turn from each place of each cell, so that no kind of them is left out."""
    if mutant.reaction is not None:
        yield from cases.of_reaction[mutant.reaction]
        return
    columns = [found for cell in mutant.cells if cell in cases.of_cell for found in cases.of_cell[cell].values()]
    for row in zip_longest(*columns):
        yield from (case for case in row if case is not None)


def _differs(case: Case, vector: list[tuple[object, ...]]) -> str | None:
    session = case.before
    for event, right in zip(case.events, vector, strict=True):
        try:
            step, seen = look(session, event)
        except Exception:
            return "totality"
        if seen != right:
            return law_broken(step) or f"vector {case.name}"
        session = step.after
    return None


def law_broken(step: laws.StepResult) -> str | None:
    """The first law that this step breaks."""
    for law in LAWS:
        try:
            law(step)
        except laws.BrokenLaw as broken:
            return broken.law
        except Exception:
            return "totality"
    return None

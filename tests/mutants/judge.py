"""Is this mutant rejected by a vector of the kit, and by one of its random traces?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from typing import Final

import pytest

from statemachine.conformance.laws import DEFAULT_ENGINE, Reduce
from statemachine.core.draft import Draft

from .cases import Case, Cases, Seen, Source
from .tables import Mutant

reduce_module = import_module("statemachine.core.reduce")  # the package exports a function of this name

_PORTIONS: Final = (2, 8, 30, 80, 800, 10_000)
"""How many cases are tried, and then how many more, before a mutant counts as one that survives."""
_ROUNDS: Final = 200


def judged(mutant: Mutant, cases: Cases, source: Source) -> str | None:
    """The name of the vector or trace that rejects the mutant; None where it survives."""
    found = differing(mutant, cases.of(source, mutant.places), cases)
    return None if found is None else found.name


def differing(mutant: Mutant, chosen: Iterator[Case], cases: Cases) -> Case | None:
    """The first of these cases on which the mutant shows something else."""
    for most in _PORTIONS:  # most mutants fall at once, and to play the right engine costs as much as the mutant
        portion = [(case, cases.shown(case)) for case in islice(chosen, most)]
        with planted(mutant):
            for case, shown in portion:
                if differs(case, shown):
                    return case
    return None


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The engine with this fault."""
    with pytest.MonkeyPatch.context() as patch:
        end_what_never_ends(patch)
        mutant.plant(patch)
        yield


def differs(case: Case, shown: Iterable[Seen], engine: Reduce = DEFAULT_ENGINE.reduce) -> bool:
    """Whether the engine as it is at this moment shows something else."""
    try:
        return any(one != other for one, other in zip(case.play(engine), shown, strict=True))
    except Exception:  # an engine with something wrong may do anything
        return True


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

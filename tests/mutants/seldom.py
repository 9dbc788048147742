"""Mutants that random traces seldom show, each with the reason. A vector rejects each of them.

A pattern matches a mutant's whole name.
"""

from __future__ import annotations

from typing import Final

from .equivalent import Groups, patterns, reason_in

_GROUPS: Final[Groups] = ()

SELDOM: Final = patterns(_GROUPS)


def seldom(name: str) -> str | None:
    """Why 2,000 random traces may not show this mutant, or None."""
    return reason_in(SELDOM, name)

"""Nothing is left over: every function, signal, event, command, update and reason that is defined is also used.

`table_checks.py` checks each machine and the couplings between them. This checks their parts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, get_args

from statemachine.core import events, session, signals, updates, wire
from statemachine.core.actions import MODULES
from statemachine.core.commands import COMMANDS
from statemachine.core.table import Machine, Row
from statemachine.core.tables import COUPLINGS, MACHINES, PAGES
from tests.core.table_checks import EXTERNAL_SIGNALS


def core_modules() -> list[ModuleType]:
    """The modules of the core that are loaded."""
    return [module for name, module in sys.modules.items() if name.startswith("statemachine.core.")]


def functions_of(module: ModuleType) -> dict[str, FunctionType]:
    """The functions that a module defines itself."""
    return {
        name: one
        for name, one in vars(module).items()
        if isinstance(one, FunctionType) and one.__module__ == module.__name__
    }


def mentioned(code: CodeType) -> set[str]:
    """The names and the texts in a piece of code, with all that is nested in it."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= mentioned(constant)
        elif isinstance(constant, str):
            found.add(constant)
    return found


def _code(module: ModuleType) -> Iterator[CodeType]:
    """The code of a module's functions, and of the methods of its classes."""
    classes = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    for holder in (functions_of(module), *map(vars, classes)):
        yield from (one.__code__ for one in holder.values() if isinstance(one, FunctionType))


def mentioned_in(modules: Iterable[ModuleType]) -> set[str]:
    """The names and the texts in the code of these modules."""
    return {name for module in modules for code in _code(module) for name in mentioned(code)}


def unused_functions(modules: Iterable[ModuleType], rows: Iterable[Row], by_name: set[str]) -> list[str]:
    """Functions that no row uses, that make no guard of a row, and that no coupling and no other code mentions."""
    used = {f for r in rows for f in (r.when, r.make, *r.do) if f} | {c.select for c in COUPLINGS if c.select}
    in_rows = {(one.__module__, name) for one in used for name in (one.__name__, one.__qualname__.partition(".")[0])}
    return [
        f"{module.__name__}: {name} is never used"
        for module in modules
        for name in functions_of(module)
        if not name.startswith("_") and (module.__name__, name) not in in_rows and name not in by_name
    ]


def unhandled(machines: Iterable[Machine]) -> list[str]:
    """Signals, intents and entries that are in no alphabet. A status is handled as one signal for each value."""
    handled = {on for machine in machines for on in machine.alphabet}
    own = [one for one in vars(signals).values() if isinstance(one, type) and issubclass(one, signals.Signal)]
    known: set[Any] = {*own, *EXTERNAL_SIGNALS, *events.INTENTS, *get_args(wire.Entry)} - {signals.Signal, wire.Status}
    return [f"{one.__name__} is handled by no machine" for one in known - handled]


def unproduced(names: set[str]) -> list[str]:
    """Commands, updates, outcomes and reasons that no code produces."""
    classes: tuple[type[Any], ...] = (*COMMANDS, *get_args(updates.Notification), *get_args(updates.StatusUpdate))
    outcomes = {*get_args(updates.Outcome)} - {state().outcome for state in session.TERMINAL}
    wanted = (
        *(one.__name__ for one in classes),
        *outcomes,
        *get_args(updates.Reason),
        *get_args(updates.Progression),
    )
    return [f"{one} is never produced" for one in wanted if one not in names]


def unused_reasons(modules: Iterable[ModuleType], rows: Iterable[Row]) -> list[str]:
    """Reasons with a name of their own that no row gives."""
    given = {r.why for r in rows}
    return [
        f"{module.__name__}.{name}: this reason is never given"
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, str) and name.strip("_").isupper() and value not in given
    ]


def everything_unused() -> list[str]:
    """Everything that is left over."""
    rows = [r for machine in MACHINES.values() for r in machine.rows]
    names = mentioned_in(core_modules())
    return [
        *unused_functions(MODULES, rows, names),
        *unhandled(MACHINES.values()),
        *unproduced(names),
        *unused_reasons(PAGES, rows),
    ]

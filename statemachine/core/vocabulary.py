"""Nothing is left over: every function, signal, event, command, news and reason that is defined is also used.

`table.py` checks one machine, `tables/` what connects them; this checks what they are made of. Run once, at import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final, get_args

from . import derived, draft, events, fold, signals, tables, updates, wire
from .actions import timing
from .commands import COMMANDS
from .table import BadTable, Machine, Row
from .tables import (
    ACTION_MODULES,
    COUPLINGS,
    EXTERNAL_SIGNALS,
    MACHINES,
    attention,
    connection,
    couplings,
    ephemeral,
    history,
    item,
    reactions,
)
from .tables.lifecycle import acting, conversation, ends, groups, stages, starting

SEEN_BY_NAME: Final[tuple[ModuleType, ...]] = (
    *ACTION_MODULES,
    timing,
    draft,
    derived,
    fold,
    tables,
    couplings,
    reactions,
)
"""The modules whose code may use a function, a command or a piece of news by its name."""
TABLES: Final = (acting, conversation, ends, groups, stages, starting, attention, connection, ephemeral, history, item)


def functions_of(module: ModuleType) -> dict[str, FunctionType]:
    """The functions that a module defines itself."""
    return {
        name: one
        for name, one in vars(module).items()
        if isinstance(one, FunctionType) and one.__module__ == module.__name__
    }


def mentioned(code: CodeType) -> set[str]:
    """The names, and the texts, that a piece of code mentions, with all that is nested in it."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= mentioned(constant)
        elif isinstance(constant, str):
            found.add(constant)
    return found


def mentioned_in(modules: Iterable[ModuleType]) -> set[str]:
    """What the functions of these modules, and the methods of their classes, mention."""
    found: set[str] = set()
    for module in modules:
        for one in functions_of(module).values():
            found |= mentioned(one.__code__)
        for cls in vars(module).values():
            if isinstance(cls, type) and cls.__module__ == module.__name__:
                for one in vars(cls).values():
                    if isinstance(one, FunctionType):
                        found |= mentioned(one.__code__)
    return found


def unused_functions(modules: Iterable[ModuleType], rows: Iterable[Row], by_name: set[str]) -> list[str]:
    """Functions that no row uses, no coupling selects with, and no other code mentions."""
    in_rows = {f for r in rows for f in (r.when, r.make, *r.do)} | {c.select for c in COUPLINGS}
    return [
        f"{module.__name__}: {name} is never used"
        for module in modules
        for name, one in functions_of(module).items()
        if not name.startswith("_") and one not in in_rows and name not in by_name
    ]


def unheard(machines: Iterable[Machine]) -> list[str]:
    """Signals, intents and entries that are in no alphabet. A status is heard as one signal for each value."""
    heard = {on for machine in machines for on in machine.alphabet}
    own = [s for s in vars(signals).values() if isinstance(s, type) and issubclass(s, signals.Signal)]
    known: tuple[Any, ...] = (*own, *events.INTENTS, *get_args(wire.Entry))
    faults = [
        f"{one.__name__} is heard by no machine"
        for one in known
        if one not in heard and one not in (signals.Signal, wire.Status)
    ]
    outside: set[Any] = {*EXTERNAL_SIGNALS} - heard
    return faults + [f"{one.__name__} is raised from outside, but heard by no machine" for one in outside]


def unproduced(names: set[str]) -> list[str]:
    """Commands, news, outcomes and reasons that no code produces."""
    classes: tuple[type[Any], ...] = (*COMMANDS, *get_args(updates.Notification), *get_args(updates.StatusUpdate))
    literals = (*get_args(updates.Outcome), *get_args(updates.Reason), *get_args(updates.Progression))
    wanted = (*(one.__name__ for one in classes), *literals)
    return [f"{one} is never produced" for one in wanted if one not in names]


def unused_reasons(modules: Iterable[ModuleType], rows: Iterable[Row]) -> list[str]:
    """Reasons with a name of their own that no row gives."""
    given = {r.why for r in rows}
    named: Mapping[str, str] = {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, str) and name.strip("_").isupper()
    }
    return [f"{name}: this reason is never given" for name, value in named.items() if value not in given]


def check_vocabulary(step: ModuleType) -> None:
    """Raises `BadTable`, naming everything that is left over. `step`: the module of `reduce`."""
    rows = [r for machine in MACHINES.values() for r in machine.rows]
    names = mentioned_in((*SEEN_BY_NAME, step))
    faults = [
        *unused_functions((*ACTION_MODULES, timing), rows, names),
        *unheard(MACHINES.values()),
        *unproduced(names),
        *unused_reasons(TABLES, rows),
    ]
    if faults:
        raise BadTable("\n".join(faults))

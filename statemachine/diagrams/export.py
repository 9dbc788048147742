"""The tables as data, for other languages: `table.json`, described by `table.schema.json`.

Everything that decides *what may happen when* is in it, row by row in the order of trying, and the shapes of everything
that goes in, stands in a session and comes out; of the named functions (*how*) the names, which hold within
one machine, and their meaning in words. Types are written as TypeScript writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import resources
from inspect import cleandoc
from typing import Any, Final, TypeAlias, cast, get_args

from .. import core
from ..core import COMMANDS, Failure, session, signals, wire
from ..core.fold import STATUS
from ..core.table import Machine, Row
from ..core.tables import COUPLINGS, MACHINES, REACTIONS, lifecycle
from ..core.tables.reactions import CLASSES, CODES, KINDS, SUCCESS, Kind, classify
from .durations import DURATIONS, Doubling, Span
from .layout import holds_no_object, laid_out
from .names import CLOCK, name, owing
from .types import constants, fields, mentioned

Object: TypeAlias = dict[str, Any]
States: TypeAlias = tuple[type[Any], ...]

FORMAT: Final = 2
"""Raised when a reader of the old form would misread the new one."""
SCHEMA: Final = "table.schema.json"


def table() -> Object:
    """All tables as plain JSON data."""
    events, updates = get_args(core.Event), (*get_args(core.Notification), *get_args(core.StatusUpdate))
    known = mentioned((session.Session, *events, *COMMANDS, *updates))
    apart = {core.Config, *events, *get_args(wire.Entry), *COMMANDS, *updates, *_states()}
    return {
        "$schema": SCHEMA,
        "format": FORMAT,
        "machines": [_machine(machine) for machine in MACHINES.values()],
        "couplings": [_coupling(one) for one in COUPLINGS],
        "reactions": _reactions(),
        "phases": list(session.PHASES),
        "view": _view(),
        "outcomes": list(get_args(core.Outcome)),
        "statuses": {**{state: name(signal) for state, signal in STATUS.items()}, "*": name(signals.StatusOther)},
        "selectors": _named(one.select for one in COUPLINGS),
        "config": [{**one, "doc": _sentences(core.Config)[one["name"]]} for one in fields(core.Config)],
        "events": [{**_shape(one), "intent": one in core.INTENTS} for one in events],
        "entries": [_entry(one) for one in get_args(wire.Entry)],
        "signals": [_signal(one) for one in vars(signals).values() if _is_signal(one)],
        "commands": [{**_shape(one), "read": one in core.READS} for one in COMMANDS],
        "updates": [_shape(one) for one in updates],
        "records": [_shape(one) for one in known.values() if isinstance(one, type) and one not in apart],
        "unions": {alias: _members(one) for alias, one in known.items() if not isinstance(one, type)},
    }


def text() -> str:
    """`table.json`: a line for each row, so that a change shows as the lines that changed."""
    return laid_out(table(), holds_no_object) + "\n"


def schema() -> str:
    """`table.schema.json`: what `table.json` may look like, as JSON Schema."""
    return resources.files("statemachine.diagrams").joinpath("static", SCHEMA).read_text("utf-8")


def _states() -> Iterator[type[Any]]:
    return (state for machine in MACHINES.values() for state in machine.states)


def _view() -> Object:
    """The public phase is the lifecycle's state, but where this state of another machine hides it."""
    hidden = [state for state in session.LIFECYCLE if _phase_while_warned(state) != state.name]
    return {"machine": "attention", "state": session.Warned.name, "hides": _names(hidden)}


def _phase_while_warned(state: type[Any]) -> str:
    blank: Any = object.__new__(state)
    return session.phase_of(blank, session.Warned())


# --- machines -------------------------------------------------------------------------------------------------------


def _machine(machine: Machine) -> Object:
    return {
        "name": machine.name,
        "initial": name(machine.initial),
        "terminal": _names(machine.terminal),
        "rejects": machine.rejects,
        "states": [_state(machine, state) for state in machine.states],
        "groups": {title: _names(states) for title, states in group_names(machine).items()},
        "alphabet": _names(machine.alphabet),
        "guards": _named(row.when for row in machine.rows),
        "effects": _named(effect for row in machine.rows for effect in row.do),
        "makers": _named(row.make for row in machine.rows),
        "rows": [_row(row) for row in machine.rows],
    }


def _state(machine: Machine, state: type[Any]) -> Object:
    signal = machine.deadlines.get(state)
    return {
        "name": name(state),
        "record": state.__name__,
        "doc": _doc(state),
        "fields": fields(state),
        "constants": constants(state),
        "deadline": None if signal is None else name(signal),
        "durations": [_duration(one) for one in DURATIONS.get(state, ())],
        "owes": owing(state),
    }


def _duration(one: Span | Doubling) -> Object:
    if isinstance(one, Span):
        return {"sum": list(one.names)}
    return {"doubling": one.start, "cap": one.cap, "retry_after_cap": one.retry_after_cap}


def group_names(machine: Machine) -> dict[str, States]:
    """Sets of states that have a name where the rows are written."""
    named: dict[str, Any] = {**vars(session), **vars(lifecycle)}
    return {
        title: value
        for title, value in named.items()
        if title.isupper() and isinstance(value, tuple) and value and set(cast(States, value)) < set(machine.states)
    }


def _row(row: Row) -> Object:
    return {
        "source": _names(row.source),
        "on": name(row.on),
        "guard": row.when and name(row.when),
        "verdict": row.verdict,
        "target": row.to and name(row.to),
        "effects": _names(row.do),
        "make": row.make and name(row.make),
        "raises": _names(row.raises),
        "why": row.why,
        "ref": row.ref,
    }


def _coupling(one: Any) -> Object:
    return {
        "signal": name(one.signal),
        "source": one.source,
        "target": one.target,
        "select": one.select and name(one.select),
        "why": one.why,
    }


def _named(functions: Iterable[Callable[..., Any] | None]) -> list[Object]:
    """Each function once, under its name."""
    found = {name(one): one for one in functions if one is not None}
    return [{"name": title, "doc": _doc(one)} for title, one in found.items()]


# --- reactions ------------------------------------------------------------------------------------------------------


def _reactions() -> Object:
    return {
        "classes": list(CLASSES),
        "calls": [{"kind": kind, "success": name(SUCCESS[kind]), "column": column(kind)} for kind in KINDS],
        "classify": classification(),
        "reactions": [
            {
                "kind": kind,
                "class": outcome,
                "signals": [{"machine": machine, "signal": name(signal)} for machine, signal in reaction.signals],
                "why": reaction.why,
            }
            for kind, outcomes in REACTIONS.items()
            for outcome, reaction in outcomes.items()
        ],
    }


def column(kind: Kind) -> str:
    """`post`, where a lost answer leaves a doubt; else `read`."""
    return "post" if classify(kind, Failure("cut")) == "doubt" else "read"


def classification() -> Object:
    """`classify` as data: the outcome class of every failure, for reads and for posts.

    In the order of the tests: the reply that is the call's success is `ok`; another kind of reply counts as
    `unreadable`; a failure that is not `http` is classified by its kind, one with a known code by its code, every
    other by its status.
    """
    return {
        "kinds": [{"kind": kind, **_classes(Failure(kind))} for kind in get_args(core.FailureKind) if kind != "http"],
        "codes": [{"code": code, "name": one.name, "read": one.read, "post": one.post} for code, one in CODES.items()],
        "statuses": list(_statuses()),
    }


def _classes(failure: Failure) -> Object:
    return {"read": classify("poll", failure), "post": classify("post", failure)}


def _statuses(highest: int = 999) -> Iterator[Object]:
    """Ranges of statuses that are answered alike; a missing status counts as 0, a higher one as the last."""
    start = 0
    for status in range(1, highest + 2):
        before = _classes(Failure("http", status - 1))
        if status > highest or _classes(Failure("http", status)) != before:
            yield {"from": start, "to": status - 1, **before}
            start = status


# --- shapes ---------------------------------------------------------------------------------------------------------


def _shape(cls: type[Any]) -> Object:
    return {"name": cls.__name__, "doc": _doc(cls), "fields": fields(cls)}


def _entry(cls: type[Any]) -> Object:
    declared: wire.Wire = cls.wire
    return {
        **_shape(cls),
        "wire": [name for name, one in wire.WIRE_NAMES.items() if one is cls],
        "direction": declared.direction and declared.direction.value,
        "effect": declared.effect,
        "key": list(declared.key),
        "in_doubt": declared.in_doubt,
        "resets_idle_timer": declared.resets_idle_timer,
    }


def _is_signal(one: Any) -> bool:
    return isinstance(one, type) and issubclass(one, signals.Signal) and one is not signals.Signal


def _signal(one: type[Any]) -> Object:
    return {"name": name(one), "doc": _doc(one), "deadline": one in CLOCK}


def _members(union: Any) -> list[str]:
    return [one.__name__ if isinstance(one, type) else f'"{one}"' for one in get_args(union)]


def _names(things: Sequence[Any]) -> list[str]:
    return [name(one) for one in things]


def _doc(thing: Any) -> str | None:
    """The docstring of its own, with its lines joined to paragraphs."""
    own = thing.__doc__ if not isinstance(thing, type) else vars(thing).get("__doc__")
    if not own:
        return None
    return "\n".join(" ".join(part.split()) for part in own.strip().split("\n\n"))


def _sentences(cls: type[Any]) -> dict[str, str]:
    """Field -> its meaning, from the `Fields:` of the docstring."""
    section = cleandoc(cls.__doc__ or "").partition("Fields:\n")[2]
    found = re.findall(r"^ {4}(\w+): (.+(?:\n {5,}.+)*)", section, re.MULTILINE)
    return {field: " ".join(text.split()) for field, text in found}

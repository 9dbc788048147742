"""The machines as XState JSON (version 5): of one machine, and of all of them as one with parallel regions.

Each row is a transition, in the order of trying, with its reason as description. Its actions are the effects, the
maker and the signals of the row: strings are the table's own functions, `raise` names the signal and the machines that
receive it. Ignored rows are forbidden transitions, rejected ones have the action `reject`; `meta` has the row's number.
Durations are in the states' `meta`: the sender of the events is the clock.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from ..core.table import Machine, Row
from ..core.tables import COUPLINGS, MACHINES
from .complete import state_lines
from .layout import holds_no_object, laid_out
from .names import name, number

Object: TypeAlias = dict[str, Any]


def config(machine: Machine) -> Object:
    """One machine as the argument of `createMachine`."""
    return {"id": machine.name, "initial": name(machine.initial), "states": _states(machine)}


def whole() -> Object:
    """All machines as one, each in a region of its own. Events are named `machine.Event`: each goes to one machine."""
    regions = {
        machine.name: {"initial": name(machine.initial), "states": _states(machine, f"{machine.name}.")}
        for machine in MACHINES.values()
    }
    return {"id": "session", "type": "parallel", "states": regions}


def text(found: Object) -> str:
    """As it is written into a file."""
    return laid_out(found, lambda value: holds_no_object(value) or "description" in value) + "\n"


def _states(machine: Machine, prefix: str = "") -> Object:
    return {
        name(state): {
            "meta": {"says": list(state_lines(machine, state)), "terminal": state in machine.terminal},
            "on": {
                f"{prefix}{name(on)}": [_transition(machine, row, state, prefix) for row in machine.cell(state, on)]
                for on in machine.alphabet
            },
        }
        for state in machine.states
    }


def _transition(machine: Machine, row: Row, state: type[Any], prefix: str) -> Object:
    """One row, leaving out what it has not."""
    actions: list[Any] = [f"{prefix}{name(one)}" for one in row.do]
    if row.make is not None:
        actions.append({"type": "make", "params": {"maker": f"{prefix}{name(row.make)}"}})
    actions += [_raising(machine, signal) for signal in row.raises]
    if row.verdict == "rejected":
        actions.append({"type": "reject", "params": {"why": row.why}})
    found: Object = {
        "target": row.to and name(row.to),
        "reenter": row.to is state,
        "guard": row.when and f"{prefix}{name(row.when)}",
        "actions": actions,
    }
    told = {"row": number(machine, row), "verdict": row.verdict, "ref": row.ref}
    return {**{key: value for key, value in found.items() if value}, "description": row.why, "meta": told}


def _raising(machine: Machine, signal: type[Any]) -> Object:
    ears = [one.target for one in COUPLINGS if one.source == machine.name and one.signal is signal]
    return {"type": "raise", "params": {"signal": name(signal), "to": ears}}

"""Reads scenarios. All problems are reported at once, each with its line and a correction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from statemachine.emulator import actions
from statemachine.emulator.actions import ACTIONS, Action
from statemachine.emulator.knobs import Fault, Knobs, from_settings
from statemachine.emulator.script import grammar
from statemachine.emulator.script.grammar import Field, Kind
from statemachine.emulator.script.places import Path
from statemachine.emulator.script.source import Source
from statemachine.emulator.script.values import did_you_mean, read_table, read_texts
from statemachine.emulator.steps import Await, Condition, Pause, Repeat, Scenario, Step

Parts = Mapping[str, tuple[Step, ...]]
"""Lists of steps by name, for ``include``."""

_Table = Mapping[str, Any]
_ENDS: Final = (actions.EndChat, actions.Fail, actions.Complete, actions.Conclude, actions.TimeOut)
_DEEPEST: Final = 20


def read_scenario(text: str, name: str, parts: Parts | None = None, file: str = "") -> Scenario:
    """The scenario that this TOML describes. ``parts``: may be included beside its own parts.

    Raises ScriptError.
    """
    source = Source.of(text, file)
    reader = _Reader(source, dict(parts or {}))
    values = reader.fields((), source.data, grammar.SCENARIO)
    source.check()
    return Scenario(name, **values)


def read_parts(text: str, file: str = "") -> Parts:
    """The lists of steps of a file that holds nothing else. Raises ScriptError."""
    source = Source.of(text, file)
    reader = _Reader(source, {})
    reader.parts((), source.data)
    source.check()
    return reader.known


def read_action(data: Mapping[str, object]) -> Action:
    """An action as JSON has it: ``{"action": "say", "text": "Hello"}``; null is as if left out. Raises ValueError."""
    source = Source("", data, {(): 1})
    name = data.get("action")
    found = _Reader(source, {}).action((), {key: value for key, value in data.items() if value is not None})
    if found is None:
        raise ValueError("; ".join(f"{name!s:.40}: {problem.message}" for problem in source.problems))
    return found


class _Reader:
    """One pass over one file. ``known``: the parts so far."""

    def __init__(self, source: Source, known: dict[str, tuple[Step, ...]]) -> None:
        self._source = source
        self.known: Final = known
        self._depth = 0

    # --- tables -------------------------------------------------------------------------------------------------------

    def fields(self, path: Path, table: _Table, declared: Mapping[str, Field]) -> dict[str, Any]:
        """The values of a table as this grammar has them; wrong ones are noted and left out."""
        for key in table.keys() - declared.keys():
            self._source.wrong((*path, key), f"there is no {key!r} here{did_you_mean(key, declared)}")
        for key, wanted in declared.items():
            if wanted.required and key not in table:
                self._source.wrong(path, f"{key!r} is missing{wanted.about and ': '}{wanted.about}")
        # Parts first, wherever they are in the file: the scripts include them.
        order = sorted(table.keys() & declared.keys(), key=lambda key: declared[key].kind != "parts")
        values = {key: self._value((*path, key), table[key], declared[key].kind) for key in order}
        return {key: value for key, value in values.items() if value is not None and declared[key].kind != "parts"}

    def parts(self, path: Path, table: object) -> None:
        """Lists of steps by name; each may include those above it."""
        if not isinstance(table, dict):
            self._source.wrong(path, "a table of lists of steps is needed")
            return
        for name, steps in cast("dict[str, Any]", table).items():
            self.known[name] = self._steps((*path, name), steps)

    # --- values -------------------------------------------------------------------------------------------------------

    def _value(self, path: Path, value: Any, kind: Kind) -> Any:
        read, _ = grammar.KINDS[kind]
        try:
            return read(value) if read is not None else getattr(self, f"_{kind}")(path, value)
        except ValueError as error:
            self._source.wrong(path, f"{path[-1]}: {error}")
            return None

    def _events(self, path: Path, value: Any) -> tuple[str, ...]:
        found = read_texts(value)
        for name in found:
            if name not in grammar.EVENTS:
                raise ValueError(f"a client sends no {name!r}{did_you_mean(name, grammar.EVENTS)}")
        return tuple(grammar.EVENTS[name] for name in found)

    def _knobs(self, path: Path, value: Any) -> _Table:
        for name, one in read_table(value).items():
            try:
                from_settings({name: one})
            except ValueError as error:
                known = attrs.fields_dict(Knobs)
                self._source.wrong((*path, name), f"{error}{'' if name in known else did_you_mean(name, known)}")
        return cast(_Table, value)

    def _condition(self, path: Path, value: Any) -> Condition:
        fields = self.fields(path, read_table(value), grammar.CONDITION)
        if not value:
            raise ValueError(f"an empty condition always holds: ask for {', '.join(grammar.CONDITION)}")
        if "knobs" in fields:
            fields["knobs"] = _compared(fields["knobs"])
        return Condition(**fields)

    def _fault(self, path: Path, value: Any) -> Fault:
        return Fault(**self.fields(path, read_table(value), grammar.record_fields(Fault)))

    def _parts(self, path: Path, value: Any) -> None:
        self.parts(path, value)

    # --- steps --------------------------------------------------------------------------------------------------------

    def _steps(self, path: Path, value: Any) -> tuple[Step, ...]:
        if not isinstance(value, list):
            self._source.wrong(path, "a list of steps is needed")
            return ()
        self._depth += 1
        if self._depth > _DEEPEST:
            self._source.wrong(path, f"steps in steps are nested more than {_DEEPEST} deep")
            value = []
        found: list[Step] = []
        for index, one in enumerate(cast("list[Any]", value)):
            if found and isinstance(found[-1], _ENDS):
                self._source.wrong((*path, index), "this is never reached: the step above ends the chat")
                break
            found += self._step((*path, index), one)
        self._depth -= 1
        return tuple(found)

    def _step(self, path: Path, value: Any) -> tuple[Step, ...]:
        if isinstance(value, str):
            value = {"action": value} if value in ACTIONS else {value: True}
        if not isinstance(value, dict) or not value:
            self._source.wrong(path, f"a step is a name or a table, not {value!r:.60}")
            return ()
        table = cast("dict[str, Any]", value)
        if "action" in table:
            action = self.action(path, table)
            return () if action is None else (action,)
        name = next((key for key in table if key in grammar.STEPS), None)
        if name is None:
            odd = next(iter(table))
            self._source.wrong(path, f"there is no step {odd!r}{did_you_mean(odd, grammar.STEPS)}")
            return ()
        fields = self._correct_fields(path, table, grammar.STEPS[name])
        if fields is None:
            return ()
        if name == "include":
            return self._include(path, fields["include"])
        named = {key: grammar.STEPS[name][key].attribute for key in fields}
        step = grammar.STEP_TYPES[name](**{named[key] or key: fields[key] for key in fields if named[key] is not None})
        self._check(path, step)
        return (step,)

    def action(self, path: Path, table: _Table) -> Action | None:
        """The action that a table names under ``action``, beside its fields; None where something is wrong."""
        name = table.get("action")
        if not isinstance(name, str) or name not in ACTIONS:
            self._source.wrong(path, f"there is no action {name!r:.60}{did_you_mean(str(name), ACTIONS)}")
            return None
        values = {key: value for key, value in table.items() if key != "action"}
        fields = self._correct_fields(path, values, grammar.record_fields(ACTIONS[name]))
        return None if fields is None else ACTIONS[name](**fields)

    def _correct_fields(self, path: Path, table: _Table, declared: Mapping[str, Field]) -> dict[str, Any] | None:
        """As `fields`, or None if something is wrong with them."""
        before = len(self._source.problems)
        fields = self.fields(path, table, declared)
        return fields if len(self._source.problems) == before else None

    def _check(self, path: Path, step: Step) -> None:
        if isinstance(step, Await) and step.otherwise and step.timeout_ms is None:
            self._source.wrong(path, "'otherwise' needs 'within': how long to wait")
        if isinstance(step, Repeat) and step.times is None and not _takes_time(step.steps):
            self._source.wrong(path, "this goes on for ever at once: give 'times', or a pause or wait_for in it")

    def _include(self, path: Path, name: str) -> tuple[Step, ...]:
        if name not in self.known:
            self._source.wrong(path, f"there are no parts {name!r} above this{did_you_mean(name, self.known)}")
        return self.known.get(name, ())


def _compared(settings: _Table) -> dict[str, object]:
    """Knobs to compare with: their values as the centre has them. Wrong ones are left out; they are reported."""
    try:
        knobs = from_settings(settings)
    except ValueError:
        return {}
    return {name: getattr(knobs, name) for name in settings}


def _takes_time(steps: tuple[Step, ...]) -> bool:
    return any(
        isinstance(step, Pause | Await) or (isinstance(step, Repeat) and _takes_time(step.steps)) for step in steps
    )

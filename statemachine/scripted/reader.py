"""Reads scripts. All problems are reported at once, each with its line and a correction.

A step is one of its names alone (``"end"``), or a table whose one name carries the main value beside its options:
``{ wait_for = { says = "parcel" }, within = "5s" }``. So are the emulator's scenarios, the other side of the same chat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, cast, get_args

from attrs import evolve

from statemachine.durations import format_duration
from statemachine.emulator.script import values
from statemachine.emulator.script.places import Path as Place
from statemachine.emulator.script.source import Source
from statemachine.emulator.script.values import did_you_mean, require_known
from statemachine.scripted import script
from statemachine.scripted.script import OCCURRENCES, Script, ScriptStep

from ..core import Outcome
from ..core.session import PHASES

_Table: TypeAlias = Mapping[str, Any]
_WITHIN_MS: Final = 30_000
_RESTART: Final = "restart"
_METHODS: Final[tuple[str, ...]] = get_args(script.MethodName)
_ALONE: Final = ("start", _RESTART, *_METHODS)
_EXPECTED: Final = ("phase", "outcome", "agents", "forms")
_MESSAGE: Final = ("sent", "delivered", "read", "failed")
_DEEPEST: Final = 20


def _start(value: object) -> _Table:
    return {"text": "" if value is True else values.read_any_text(value)}


def _wait_for(value: object) -> _Table:
    condition: _Table = {"phase": value} if isinstance(value, str | list) else values.read_table(value)
    if len(condition) != 1 or next(iter(condition)) not in OCCURRENCES:
        odd = next((key for key in condition if key not in OCCURRENCES), "")
        raise ValueError(f"one thing is needed, of {', '.join(OCCURRENCES)}{did_you_mean(odd, OCCURRENCES)}")
    ((kind, wanted),) = condition.items()
    expected = ("",) if wanted is True else _any_texts(wanted)
    if kind in ("phase", "message"):
        require_known(expected, PHASES if kind == "phase" else _MESSAGE)
    return {"occurrence": kind, "values": expected}


def _expect(value: object) -> _Table:
    wanted = values.read_table(value)
    require_known(wanted or ("",), _EXPECTED)
    expected = {key: _any_texts(wanted[key]) for key in _EXPECTED if key in wanted}
    require_known(expected.get("phase", ()), PHASES)
    require_known(expected.get("outcome", ()), get_args(Outcome))
    return expected


def _location(value: object) -> _Table:
    degrees = values.read_list(value)
    if len(degrees) != 2 or any(type(one) not in (int, float) for one in degrees):
        raise ValueError("two numbers are needed: [latitude, longitude]")
    return {"latitude": float(degrees[0]), "longitude": float(degrees[1])}


def _receipts(value: object) -> str:
    require_known((text := values.read_text(value),), get_args(script.Receipts))
    return text


def _any_texts(value: object) -> tuple[str, ...]:
    return tuple(map(values.read_any_text, values.read_list(value)))


_TOP: Final[dict[str, Callable[[object], Any]]] = {
    "about": values.read_any_text,
    "app_id": values.read_any_text,
    "parameters": values.read_table,
    "receipts": _receipts,
    "within": values.read_duration,
}
"""The keys of a script beside ``script``."""
_OPTIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "within": values.read_duration,
    "form": values.read_any_text,
    "content": lambda value: values.read_any_text(value).encode(),
    "url": values.read_any_text,
    "times": values.read_whole_number,
}
_STEPS: Final[dict[str, tuple[type[ScriptStep], Callable[[Any], _Table], tuple[str, ...]]]] = {
    "start": (script.StartStep, _start, ()),
    "say": (script.SayStep, lambda value: {"text": values.read_any_text(value)}, ()),
    "pause": (script.PauseStep, lambda value: {"ms": values.read_duration(value)}, ()),
    "wait_for": (script.WaitStep, _wait_for, ("within", "otherwise")),
    "expect": (script.ExpectStep, _expect, ("within",)),
    "answer_form": (script.AnswerFormStep, lambda value: {"data": values.read_table(value)}, ("form", "within")),
    "cancel_form": (script.CancelFormStep, lambda value: {"form": values.read_any_text(value)}, ("within",)),
    "send_file": (script.FileStep, lambda value: {"name": values.read_any_text(value)}, ("content",)),
    "send_location": (script.LocationStep, _location, ("url",)),
    "repeat": (script.RepeatStep, lambda value: {"steps": value}, ("times",)),
}
"""The steps that carry a value: their class, the reader of the value, and what may stand beside it."""
_NAMES: Final = (*_STEPS, _RESTART, *_METHODS)


def read_script(text: str, name: str, folder: Path, file: str = "") -> Script:
    """The script that this TOML holds. Files to be sent lie in ``folder``, or below it. Raises ScriptError."""
    source = Source.of(text, file)
    read = _Reader(source, folder).script(name, source.data)
    source.check()
    return read


class _Reader:
    """One pass over one file."""

    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._within = _WITHIN_MS

    def script(self, name: str, table: _Table) -> Script:
        known = (*_TOP, "script")
        for key in table.keys() - set(known):
            self._source.wrong((key,), f"there is no {key!r} here{did_you_mean(key, known)}")
        if "script" not in table:
            self._source.wrong((), "'script' is missing: the list of the customer's steps")
        fields = {key: self._read((key,), table[key], read) for key, read in _TOP.items() if key in table}
        self._within = fields.pop("within", self._within)
        steps = self._steps(("script",), table.get("script", []))
        if not steps or not isinstance(steps[0], script.StartStep):
            steps = (script.StartStep(words="start"), *steps)
        return Script(name=name, steps=steps, **fields)

    def _read(self, place: Place, value: object, read: Callable[[object], Any]) -> Any:
        try:
            return read(value)
        except ValueError as error:
            self._source.wrong(place, str(error))
            return None

    # --- steps --------------------------------------------------------------------------------------------------------

    def _steps(self, place: Place, value: object) -> tuple[ScriptStep, ...]:
        if not isinstance(value, list):
            self._source.wrong(place, "a list of steps is needed")
            return ()
        if len(place) > 3 * _DEEPEST:
            self._source.wrong(place, "this is nested too deeply")
            return ()
        several = [self._step((*place, index), one) for index, one in enumerate(cast("list[object]", value))]
        return tuple(step for step in several if step is not None)

    def _step(self, place: Place, value: object) -> ScriptStep | None:
        if isinstance(value, str):
            value = {value: True} if value in _ALONE else {value: ""}
        if not isinstance(value, dict):
            self._source.wrong(place, "a step is a name or a table")
            return None
        table = cast("dict[str, Any]", value)
        names = [key for key in table if key in _NAMES]
        if len(names) != 1:
            several = f"either {names[0]} or {names[1]}, not both" if names else ""
            odd = next(iter(table), "")
            self._source.wrong(place, several or f"there is no step {odd!r}{did_you_mean(odd, _NAMES)}")
            return None
        (name,) = names
        try:
            step = self._with_value(place, name, table) if name in _STEPS else self._alone(place, name, table)
        except ValueError as error:
            self._source.wrong((*place, name), f"{name}: {error}")
            return None
        return evolve(step, line=self._source.line(place), words=f"{name} {_detail(step)}".rstrip())

    def _alone(self, place: Place, name: str, table: _Table) -> ScriptStep:
        self._check_options(place, name, table, ())
        if table[name] is not True:
            raise ValueError(f'it takes nothing: write "{name}"')
        if name != _RESTART:
            return script.CallStep(cast(script.MethodName, name))
        if len(place) != 2:
            raise ValueError("it is possible in the list 'script' only, not within other steps")
        return script.RestartStep()

    def _with_value(self, place: Place, name: str, table: _Table) -> ScriptStep:
        kind, read, options = _STEPS[name]
        self._check_options(place, name, table, options)
        fields = dict(read(table[name]))
        fields |= {key: _OPTIONS[key](table[key]) for key in options if key in table and key in _OPTIONS}
        if "within" in options:
            fields.setdefault("within", self._within)
        if "otherwise" in table:
            fields["otherwise"] = self._steps((*place, "otherwise"), table["otherwise"])
        if name == "repeat":
            if "times" not in table:
                raise ValueError("times is missing: a whole number from 1 on")
            fields["steps"] = self._steps((*place, name), fields["steps"])
        if name == "send_file" and "content" not in table:
            fields |= self._file(fields["name"])
        return kind(**fields)

    def _check_options(self, place: Place, name: str, table: _Table, options: tuple[str, ...]) -> None:
        for key in table.keys() - {name, *options}:
            self._source.wrong((*place, key), f"{name} has no {key!r}{did_you_mean(key, options)}")

    def _file(self, name: str) -> _Table:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder.resolve()):
            raise ValueError(f"{name!r} lies outside the script's folder")
        if not path.is_file():
            raise ValueError(f"there is no file {name!r} beside the script, and no content")
        return {"name": path.name, "path": path}


def _detail(step: ScriptStep) -> str:
    """The words for a step beside its name in a report: never the data of a form."""
    match step:
        case script.SayStep(text=text):
            return f'"{text:.40}"'
        case script.PauseStep(ms=ms):
            return format_duration(ms)
        case script.WaitStep(occurrence=kind, values=expected):
            return f"{kind} {' or '.join(expected):.40}"
        case script.ExpectStep():
            required = {key: getattr(step, key) for key in _EXPECTED}
            return ", ".join(f"{key} {' or '.join(one)}" for key, one in required.items() if one is not None)[:53]
        case script.AnswerFormStep(form=str(form)):
            return form
        case script.FileStep(name=name):
            return name[:40]
        case _:
            return ""

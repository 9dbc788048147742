"""Reads scripts. All problems are reported at once, each with its line and a correction.

A step is one of its names alone (``"end"``), or a table whose one name carries the main value beside its options:
``{ wait_for = { says = "parcel" }, within = "5s" }``. So are the emulator's scenarios, the other side of the same chat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast, get_args

from statemachine.durations import format_duration, parse_duration
from statemachine.emulator.script.places import Path as Place
from statemachine.emulator.script.source import Source
from statemachine.emulator.script.values import (
    did_you_mean,
    read_any_text,
    read_duration,
    read_list,
    read_table,
    read_text,
    read_whole_number,
    require_known,
)
from statemachine.scripted.script import (
    OCCURRENCES,
    AnswerFormStep,
    CallStep,
    CancelFormStep,
    ExpectStep,
    FileStep,
    LocationStep,
    MethodName,
    Occurrence,
    PauseStep,
    RepeatStep,
    RestartStep,
    SayStep,
    Script,
    ScriptStep,
    StartStep,
    WaitStep,
)

from ..core.session import PHASES

_WITHIN: Final = "30s"
_TOP: Final = ("about", "app_id", "parameters", "receipts", "within", "script")
_OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "start": (),
    "say": (),
    "pause": (),
    "wait_for": ("within", "otherwise"),
    "expect": ("within",),
    "answer_form": ("form", "within"),
    "cancel_form": ("within",),
    "send_file": ("content",),
    "send_location": ("url",),
    "repeat": ("times",),
}
"""The steps that carry a value, and what may stand beside it."""
_METHODS: Final[tuple[str, ...]] = get_args(MethodName)
_RESTART: Final = "restart"
_ALONE: Final = ("start", _RESTART, *_METHODS)
_RECEIPTS: Final = ("auto", "on_ack", "off")
_STEPS: Final = (*_OPTIONS, _RESTART, *_METHODS)
_EXPECTED: Final = ("phase", "outcome", "agents", "forms")
_MESSAGE: Final = ("sent", "delivered", "read", "failed")
_OUTCOMES: Final = ("ended", "completed", "failed", "refused", "gave_up", "timed_out", "gone")
_DEEPEST: Final = 20

_Table = Mapping[str, Any]


def read_script(text: str, name: str, folder: Path, file: str = "") -> Script:
    """The script that this TOML holds. Files to be sent lie in ``folder``, or below it. Raises ScriptError."""
    source = Source.of(text, file)
    reader = _Reader(source, folder)
    script = reader.script(name, source.data)
    source.check()
    return script


class _Reader:
    """One pass over one file."""

    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._within = parse_duration(_WITHIN)

    def script(self, name: str, table: _Table) -> Script:
        for key in table.keys() - set(_TOP):
            self._source.wrong((key,), f"there is no {key!r} here{did_you_mean(key, _TOP)}")
        if "script" not in table:
            self._source.wrong((), "'script' is missing: the list of what the customer does")
        if "within" in table:
            self._within = self._read(("within",), table["within"], read_duration, self._within)
        steps = self._steps(("script",), table.get("script", []))
        if not steps or not isinstance(steps[0], StartStep):
            steps = (StartStep(words="start"), *steps)
        return Script(
            name,
            self._read(("about",), table.get("about", ""), read_any_text, ""),
            steps,
            self._read(("app_id",), table["app_id"], read_any_text, None) if "app_id" in table else None,
            self._read(("parameters",), table.get("parameters", {}), read_table, {}),
            self._read(("receipts",), table["receipts"], _receipts, None) if "receipts" in table else None,
        )

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
        names = [key for key in table if key in _STEPS]
        if len(names) != 1:
            several = f"either {names[0]} or {names[1]}, not both" if names else ""
            odd = next(iter(table), "")
            self._source.wrong(place, several or f"there is no step {odd!r}{did_you_mean(odd, _STEPS)}")
            return None
        (name,) = names
        for key in table.keys() - {name, *_OPTIONS.get(name, ())}:
            self._source.wrong((*place, key), f"{name} has no {key!r}{did_you_mean(key, _OPTIONS.get(name, ()))}")
        try:
            make = getattr(self, f"_{name}", self._call)
            return make(place, table, {"line": self._line(place), "words": name})
        except ValueError as error:
            self._source.wrong((*place, name), f"{name}: {error}")
            return None

    def _line(self, place: Place) -> int:
        while place not in self._source.lines:
            place = place[:-1]
        return self._source.lines[place]

    def _call(self, place: Place, table: _Table, about: dict[str, Any]) -> ScriptStep:
        name = about["words"]
        if table[name] is not True:
            raise ValueError(f'it takes nothing: write "{name}"')
        return CallStep(name, **about)

    def _restart(self, place: Place, table: _Table, about: dict[str, Any]) -> ScriptStep:
        if table[_RESTART] is not True:
            raise ValueError('it takes nothing: write "restart"')
        if len(place) != 2:
            raise ValueError("it is possible in the list 'script' only, not within other steps")
        return RestartStep(**about)

    def _start(self, place: Place, table: _Table, about: dict[str, Any]) -> ScriptStep:
        text = "" if table["start"] is True else read_any_text(table["start"])
        return StartStep(text, **about)

    def _say(self, place: Place, table: _Table, about: dict[str, Any]) -> ScriptStep:
        text = read_any_text(table["say"])
        return SayStep(text, **_called(about, f'say "{text:.40}"'))

    def _pause(self, place: Place, table: _Table, about: dict[str, Any]) -> ScriptStep:
        ms = read_duration(table["pause"])
        return PauseStep(ms, **_called(about, f"pause {format_duration(ms)}"))

    def _wait_for(self, place: Place, table: _Table, about: dict[str, Any]) -> ScriptStep:
        wanted = table["wait_for"]
        condition: _Table = {"phase": wanted} if isinstance(wanted, str | list) else read_table(wanted)
        if len(condition) != 1 or next(iter(condition)) not in OCCURRENCES:
            odd = next((key for key in condition if key not in OCCURRENCES), "")
            raise ValueError(f"one thing is needed, of {', '.join(OCCURRENCES)}{did_you_mean(odd, OCCURRENCES)}")
        ((kind, value),) = condition.items()
        values = ("",) if value is True else _any_texts(value)
        if kind in ("phase", "message"):
            require_known(values, PHASES if kind == "phase" else _MESSAGE)
        otherwise = self._steps((*place, "otherwise"), table["otherwise"]) if "otherwise" in table else None
        words = f"wait_for {kind} {' or '.join(values):.40}".rstrip()
        within = self._time(table)
        return WaitStep(cast(Occurrence, kind), values, within, otherwise, **_called(about, words))

    def _expect(self, place: Place, table: _Table, about: dict[str, Any]) -> ScriptStep:
        wanted = read_table(table["expect"])
        require_known(wanted or ("",), _EXPECTED)
        values = {key: _any_texts(value) for key, value in wanted.items()}
        require_known(values.get("phase", ()), PHASES)
        require_known(values.get("outcome", ()), _OUTCOMES)
        words = "expect " + ", ".join(f"{key} {' or '.join(value)}" for key, value in values.items())
        phase, outcome, agents, forms = map(values.get, _EXPECTED)
        within = self._time(table)
        return ExpectStep(phase, outcome, agents, forms, within=within, **_called(about, words[:60]))

    def _answer_form(self, place: Place, table: _Table, about: dict[str, Any]) -> ScriptStep:
        data = read_table(table["answer_form"])
        form = read_any_text(table["form"]) if "form" in table else None
        words = f"answer_form {form or ''}".rstrip()
        return AnswerFormStep(data, form, self._time(table), **_called(about, words))

    def _cancel_form(self, place: Place, table: _Table, about: dict[str, Any]) -> ScriptStep:
        return CancelFormStep(read_any_text(table["cancel_form"]), self._time(table), **about)

    def _send_file(self, place: Place, table: _Table, about: dict[str, Any]) -> ScriptStep:
        name = read_any_text(table["send_file"])
        about = _called(about, f"send_file {name:.40}")
        if "content" in table:
            return FileStep(name, None, read_any_text(table["content"]).encode(), **about)
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder.resolve()):
            raise ValueError(f"{name!r} lies outside the script's folder")
        if not path.is_file():
            raise ValueError(f"there is no file {name!r} beside the script, and no content")
        return FileStep(path.name, path, **about)

    def _send_location(self, place: Place, table: _Table, about: dict[str, Any]) -> ScriptStep:
        value = table["send_location"]
        degrees = read_list(value)
        if len(degrees) != 2 or any(type(one) not in (int, float) for one in degrees):
            raise ValueError("two numbers are needed: [latitude, longitude]")
        url = read_any_text(table["url"]) if "url" in table else ""
        return LocationStep(float(degrees[0]), float(degrees[1]), url, **about)

    def _repeat(self, place: Place, table: _Table, about: dict[str, Any]) -> ScriptStep:
        if "times" not in table:
            raise ValueError("times is missing: a whole number from 1 on")
        times = read_whole_number(table["times"])
        return RepeatStep(self._steps((*place, "repeat"), table["repeat"]), times, **about)

    # --- values -------------------------------------------------------------------------------------------------------

    def _time(self, table: _Table) -> int:
        return read_duration(table["within"]) if "within" in table else self._within

    def _read(self, place: Place, value: object, read: Callable[[object], Any], instead: Any) -> Any:
        try:
            return read(value)
        except ValueError as error:
            self._source.wrong(place, str(error))
            return instead


def _called(about: dict[str, Any], words: str) -> dict[str, Any]:
    return {**about, "words": words}


def _receipts(value: object) -> str:
    require_known((text := read_text(value),), _RECEIPTS)
    return text


def _any_texts(value: object) -> tuple[str, ...]:
    return tuple(map(read_any_text, read_list(value)))

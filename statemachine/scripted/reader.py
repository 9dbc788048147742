"""Reads scripts. All that is wrong is told at once, each with its line and what would be right.

A step is one of its names alone (``"end"``), or a table whose one name carries the main value beside its options:
``{ wait_for = { says = "parcel" }, within = "5s" }``. So are the emulator's scenarios, the other side of the same chat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast, get_args

from statemachine.emulator.durations import milliseconds, written
from statemachine.emulator.script.places import Path as Place
from statemachine.emulator.script.source import Source
from statemachine.scripted.script import (
    HAPPENINGS,
    AnswerForm,
    CancelForm,
    Deed,
    DeedName,
    Expect,
    Happening,
    Pause,
    Repeat,
    Say,
    Script,
    SendFile,
    SendLocation,
    Start,
    Stats,
    Step,
    WaitFor,
)

from ..core.session import PHASES

__all__ = ["read_script"]

_WITHIN: Final = "30s"
_TOP: Final = ("about", "app_id", "parameters", "within", "script")
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
_DEEDS: Final[tuple[str, ...]] = get_args(DeedName)
_ALONE: Final = ("start", *_DEEDS)
_STANDING: Final = ("phase", "outcome", "agents", "forms")
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
        self._within = milliseconds(_WITHIN)

    def script(self, name: str, table: _Table) -> Script:
        for key in table.keys() - set(_TOP):
            self._source.wrong((key,), f"there is no {key!r} here{_meant(key, _TOP)}")
        if "script" not in table:
            self._source.wrong((), "'script' is missing: the list of what the customer does")
        if "within" in table:
            self._within = self._read(("within",), table["within"], self._duration, self._within)
        steps = self._steps(("script",), table.get("script", []))
        if not steps or not isinstance(steps[0], Start):
            steps = (Start(words="start"), *steps)
        return Script(
            name,
            self._read(("about",), table.get("about", ""), _text, ""),
            steps,
            self._read(("app_id",), table["app_id"], _text, None) if "app_id" in table else None,
            self._read(("parameters",), table.get("parameters", {}), _table, {}),
        )

    # --- steps --------------------------------------------------------------------------------------------------------

    def _steps(self, place: Place, value: object) -> tuple[Step, ...]:
        if not isinstance(value, list):
            self._source.wrong(place, "a list of steps is needed")
            return ()
        if len(place) > 3 * _DEEPEST:
            self._source.wrong(place, "this is nested too deeply")
            return ()
        several = [self._step((*place, index), one) for index, one in enumerate(cast("list[object]", value))]
        return tuple(step for step in several if step is not None)

    def _step(self, place: Place, value: object) -> Step | None:
        if isinstance(value, str):
            value = {value: True} if value in _ALONE else {value: ""}
        if not isinstance(value, dict):
            self._source.wrong(place, "a step is a name or a table")
            return None
        table = cast("dict[str, Any]", value)
        names = [key for key in table if key in _OPTIONS or key in _DEEDS]
        if len(names) != 1:
            several = f"either {names[0]} or {names[1]}, not both" if names else ""
            odd = next(iter(table), "")
            self._source.wrong(place, several or f"there is no step {odd!r}{_meant(odd, (*_OPTIONS, *_DEEDS))}")
            return None
        (name,) = names
        for key in table.keys() - {name, *_OPTIONS.get(name, ())}:
            self._source.wrong((*place, key), f"{name} has no {key!r}{_meant(key, _OPTIONS.get(name, ()))}")
        try:
            make = getattr(self, f"_{name}", self._deed)
            return make(place, table, {"line": self._line(place), "words": name})
        except ValueError as error:
            self._source.wrong((*place, name), f"{name}: {error}")
            return None

    def _line(self, place: Place) -> int:
        while place not in self._source.lines:
            place = place[:-1]
        return self._source.lines[place]

    def _deed(self, place: Place, table: _Table, about: dict[str, Any]) -> Step:
        name = about["words"]
        if table[name] is not True:
            raise ValueError(f'it takes nothing: write "{name}"')
        return Deed(name, **about)

    def _start(self, place: Place, table: _Table, about: dict[str, Any]) -> Step:
        text = "" if table["start"] is True else _text(table["start"])
        return Start(text, **about)

    def _say(self, place: Place, table: _Table, about: dict[str, Any]) -> Step:
        text = _text(table["say"])
        return Say(text, **_called(about, f'say "{text:.40}"'))

    def _pause(self, place: Place, table: _Table, about: dict[str, Any]) -> Step:
        ms = self._duration(table["pause"])
        return Pause(ms, **_called(about, f"pause {written(ms)}"))

    def _wait_for(self, place: Place, table: _Table, about: dict[str, Any]) -> Step:
        wanted = table["wait_for"]
        condition: _Table = {"phase": wanted} if isinstance(wanted, str | list) else _table(wanted)
        if len(condition) != 1 or next(iter(condition)) not in HAPPENINGS:
            odd = next((key for key in condition if key not in HAPPENINGS), "")
            raise ValueError(f"one thing is needed, of {', '.join(HAPPENINGS)}{_meant(odd, HAPPENINGS)}")
        ((kind, value),) = condition.items()
        values = ("",) if value is True else _texts(value)
        if kind in ("phase", "message"):
            _among(values, PHASES if kind == "phase" else _MESSAGE)
        otherwise = self._steps((*place, "otherwise"), table["otherwise"]) if "otherwise" in table else None
        words = f"wait_for {kind} {' or '.join(values):.40}".rstrip()
        within = self._time(table)
        return WaitFor(cast(Happening, kind), values, within, otherwise, **_called(about, words))

    def _expect(self, place: Place, table: _Table, about: dict[str, Any]) -> Step:
        wanted = _table(table["expect"])
        odd = next((key for key in wanted if key not in _STANDING), None)
        if odd is not None or not wanted:
            raise ValueError(f"there is no {odd!r}; there are {', '.join(_STANDING)}")
        values = {key: _texts(value) for key, value in wanted.items()}
        _among(values.get("phase", ()), PHASES)
        _among(values.get("outcome", ()), _OUTCOMES)
        words = "expect " + ", ".join(f"{key} {' or '.join(value)}" for key, value in values.items())
        return Expect(Stats(**values), self._time(table), **_called(about, words[:60]))

    def _answer_form(self, place: Place, table: _Table, about: dict[str, Any]) -> Step:
        data = _table(table["answer_form"])
        form = _text(table["form"]) if "form" in table else None
        words = f"answer_form {form or ''}".rstrip()
        return AnswerForm(data, form, self._time(table), **_called(about, words))

    def _cancel_form(self, place: Place, table: _Table, about: dict[str, Any]) -> Step:
        return CancelForm(_text(table["cancel_form"]), self._time(table), **about)

    def _send_file(self, place: Place, table: _Table, about: dict[str, Any]) -> Step:
        name = _text(table["send_file"])
        about = _called(about, f"send_file {name:.40}")
        if "content" in table:
            return SendFile(name, None, _text(table["content"]).encode(), **about)
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder.resolve()):
            raise ValueError(f"{name!r} lies outside the script's folder")
        if not path.is_file():
            raise ValueError(f"there is no file {name!r} beside the script, and no content")
        return SendFile(path.name, path, **about)

    def _send_location(self, place: Place, table: _Table, about: dict[str, Any]) -> Step:
        value = table["send_location"]
        degrees = _list(value)
        if len(degrees) != 2 or any(type(one) not in (int, float) for one in degrees):
            raise ValueError("two numbers are needed: [latitude, longitude]")
        url = _text(table["url"]) if "url" in table else ""
        return SendLocation(float(degrees[0]), float(degrees[1]), url, **about)

    def _repeat(self, place: Place, table: _Table, about: dict[str, Any]) -> Step:
        times = table.get("times")
        if type(times) is not int or not 0 < times <= 100_000:
            raise ValueError("times is missing: a whole number from 1 on")
        return Repeat(self._steps((*place, "repeat"), table["repeat"]), times, **about)

    # --- values -------------------------------------------------------------------------------------------------------

    def _time(self, table: _Table) -> int:
        return self._duration(table["within"]) if "within" in table else self._within

    def _duration(self, value: object) -> int:
        return milliseconds(_text(value))

    def _read(self, place: Place, value: object, read: Callable[[object], Any], instead: Any) -> Any:
        try:
            return read(value)
        except ValueError as error:
            self._source.wrong(place, str(error))
            return instead


def _called(about: dict[str, Any], words: str) -> dict[str, Any]:
    return {**about, "words": words}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text is needed, not {value!r:.60}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(_text, _list(value)))


def _list(value: object) -> list[Any]:
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _table(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"a table is needed, not {value!r:.60}")
    return cast("dict[str, Any]", value)


def _among(values: tuple[str, ...], known: tuple[str, ...]) -> None:
    for value in values:
        if value not in known:
            raise ValueError(f"there is no {value!r}{_meant(value, known)}")


def _meant(word: str, known: Mapping[Any, Any] | tuple[str, ...]) -> str:
    close = get_close_matches(word, list(known), 1)
    return f": {close[0]!r} is meant?" if close else f"; there are {', '.join(known)}" if known else ""

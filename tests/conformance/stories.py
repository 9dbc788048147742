"""Where stories come from: the tests of the core, an answer of each class to each kind of call, random lives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from statemachine.codec.records import encode_event, to_json
from statemachine.conformance.shorten import linked_steps
from statemachine.records import Config
from tests.conformance.telling import Story
from tests.core import play

TOLD = ("faults", "found", "sending", "link", "presence", "opening", "room", "stage_conflicts", "fold", "ports")
"""The tests of the core that tell stories."""
FOUND = Path(play.__file__).parent / "test_found.py"
PORTS = FOUND.with_name("test_ports.py")
LONGEST = 100
"""Steps of a find that is told as a vector; those of ports are all told."""
LIVES = 600
STEPS = 50


class Recorder:
    """Listens to the stories of the core's tests, as they are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Any]] = []
        self._test: tuple[str, str] = ("", "")

    @pytest.hookimpl
    def pytest_runtest_call(self, item: Any) -> None:
        self._test = item.name, " ".join((item.function.__doc__ or "").partition("\n\n")[0].split())

    def listen(self) -> None:
        recorder, begin, feed, follow = self, play.Play.__init__, play.Play.feed, play.Play.follow

        def init(self: Any, config: Any = None, session: Any = None) -> None:
            begin(self, config, session)
            self.story = [] if session is None else None
            if self.story is not None:
                recorder.told.append((*recorder._test, self))

        def fed(self: Any, event: Any) -> Any:
            if self.story is not None:
                self.story.append(event)
            return feed(self, event)

        def followed(self: Any, *args: Any, **kwargs: Any) -> None:
            if self.story is not None:
                self.story.append({"follow": self.now})
            follow(self, *args, **kwargs)

        play.Play.__init__, play.Play.feed, play.Play.follow = init, fed, followed  # type: ignore[method-assign]


def stories() -> list[Story]:
    """What the tests of the core tell, as stories: their names and their docstrings are those of the tests."""
    recorder = Recorder()
    recorder.listen()
    here = Path(play.__file__).parent
    status = pytest.main(
        [
            "-q",
            "-n0",
            "-p",
            "no:cacheprovider",
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
            *(str(here / f"test_{name}.py") for name in TOLD),
        ],
        [recorder],
    )
    assert status == 0, "the stories do not hold"
    found: list[Story] = []
    for name, why, one in recorder.told:
        if one.story:
            found.append(_story(one, name, why))
    return found


def faults(told: list[Story]) -> Iterator[Story]:
    """The stories about faults, each once. One that begins another is left out."""
    named = [one for one in told if re.match(r"test_f\d\d", one.id)]
    keys = [json.dumps([act.do for act in one.acts]) for one in named]
    seen: dict[str, int] = {}
    for one, key in zip(named, keys, strict=True):
        if any(other != key and other.startswith(key[:-1] + ",") for other in keys) or key in keys[: keys.index(key)]:
            continue
        words = one.id.removeprefix("test_").partition("[")[0]
        codes = tuple(f"F{int(code)}" for code in re.findall(r"f(\d\d)", words))
        name = f"fault/{'-'.join(codes)}/{re.sub(r'^(f[0-9][0-9]_)+', '', words).replace('_', '-')}"
        seen[name] = seen.get(name, 0) + 1
        number = f"/{seen[name]}" if seen[name] > 1 else ""
        why = one.why or words.partition("_")[2].replace("_", " ")
        yield evolve(one, id=name + number, why=why, source=f"protocol.md 8 {', '.join(codes)}", covers=codes)


def finds(told: list[Story]) -> Iterator[Story]:
    """What simulation, walks, reviews and ports have found in an engine, each once; not what `faults` has."""
    ports = _tests_in(PORTS)
    named = [(one.id.partition("[")[0], one) for one in reversed(told)]
    known = {name: one for name, one in named if name in ports or len(one.acts) <= LONGEST}
    for name in [*_tests_in(FOUND), *ports]:
        if name in known:
            words = name.removeprefix("test_")
            why, id_ = known[name].why or words.replace("_", " "), f"found/{words.replace('_', '-')}"
            yield evolve(known[name], id=id_, why=why, source="found by simulation", covers=(id_,))


def _tests_in(path: Path) -> list[str]:
    return re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)


def _story(one: Any, name: str, why: str = "", config: dict[str, Any] | None = None) -> Story:
    config = to_json(one.session.config, Config) | (config or {})
    doings = [told if isinstance(told, dict) else {"event": encode_event(_alone(told))} for told in one.story]
    return Story(name, play.NOW, config, tuple(linked_steps(play.NOW, config, doings)), why)


def _alone(event: Any) -> Any:
    """An opening after another session says so by the step before it."""
    return evolve(event, after=None) if getattr(event, "after", None) is not None else event

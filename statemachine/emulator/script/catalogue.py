"""The scenarios that come with the emulator: one TOML file each, in ``statemachine/emulator/scenarios``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from statemachine.emulator.script.reader import Parts, read_parts, read_scenario
from statemachine.emulator.script.values import did_you_mean
from statemachine.emulator.steps import Scenario

_FOLDER: Final = files("statemachine.emulator") / "scenarios"
_PARTS: Final = "parts.toml"
_FIRST: Final = ("plain", "demo")


@cache
def parts() -> Parts:
    """The parts that every scenario may include."""
    return read_parts((_FOLDER / _PARTS).read_text("utf-8"), _PARTS)


@cache
def catalogue() -> Mapping[str, Scenario]:
    """All scenarios by name, the simplest first. Read once: nothing is read while a centre runs."""
    found = {
        name.removesuffix(".toml"): (_FOLDER / name).read_text("utf-8")
        for name in sorted(one.name for one in _FOLDER.iterdir())
        if name.endswith(".toml") and name != _PARTS
    }
    order = [*_FIRST, *(name for name in found if name not in _FIRST)]
    return {name: read_scenario(found[name], name, parts(), f"{name}.toml") for name in order}


def scenario_named(name: str, among: Mapping[str, Scenario] | None = None) -> Scenario:
    """The scenario of this name, of the catalogue where no others are given. Raises ValueError with similar names."""
    known = among if among is not None else catalogue()
    if name not in known:
        raise ValueError(f"no scenario {name!r}{did_you_mean(name, known)}")
    return known[name]


def scenario_source(name: str) -> str:
    """Its file, to copy and change; ``parts``: the parts that they include. Raises ValueError."""
    file = _PARTS if f"{name}.toml" == _PARTS else f"{scenario_named(name).name}.toml"
    return (_FOLDER / file).read_text("utf-8")

"""The learned settings as a TOML file that `statemachine emulate --profile` reads, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, cast

from statemachine.emulator.knobs import from_settings
from statemachine.emulator.script.source import ScriptError, read_toml
from statemachine.emulator.script.writer import toml_value

from .learning import Finding

_HEAD: Final = """\
# The settings of {url}, as its answers showed them.
# An emulator that behaves like it: statemachine emulate --profile FILE.toml
# `count`: observations that fit the value; `first`: the number of the first request of them.
"""


class BadProfile(ValueError):
    """This is no profile: the reason, in words."""


def write_profile(findings: Iterable[Finding], url: str) -> str:
    """The file: `[knobs]`, `[evidence]`, and `[differing]` where calls contradict each other."""
    found = tuple(findings)
    lines = [_HEAD.format(url=url), "[knobs]"]
    lines += [f"{one.setting} = {toml_value(one.value)}" for one in found]
    lines += ["", "[evidence]"]
    lines += [f"{one.setting} = {toml_value({'count': one.count, 'first': one.first})}" for one in found]
    differing = [one for one in found if one.differing]
    if differing:
        lines += ["", "[differing]"]
    for one in differing:
        others = [{"value": value, "count": count, "first": first} for value, count, first in one.differing]
        lines.append(f"{one.setting} = {toml_value(others)}")
    return "\n".join([*lines, ""])


def read_profile(text: str) -> dict[str, Any]:
    """The settings of a profile. Raises BadProfile."""
    try:
        data = read_toml(text)
    except ScriptError as error:
        raise BadProfile(f"this is no TOML: {error}") from None
    settings = data.get("knobs")
    if not isinstance(settings, dict):
        raise BadProfile("this is no profile: it has no table [knobs]; statemachine proxy --profile writes one")
    try:
        from_settings(cast("dict[str, Any]", settings))
    except ValueError as error:
        raise BadProfile(str(error)) from None
    return cast("dict[str, Any]", settings)

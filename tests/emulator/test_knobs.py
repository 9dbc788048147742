"""Knobs as data: what a TOML file or a command line can set."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from statemachine import emulator
from statemachine.emulator import Fault, Knobs
from statemachine.emulator.knobs import describe, from_settings


def test_every_knob_is_described() -> None:
    knobs = describe()
    assert len({knob.name for knob in knobs}) == len(knobs) > 50
    assert all(knob.about and not knob.about.endswith(".") for knob in knobs)
    assert all((knob.unit == "ms") == knob.name.endswith("_ms") for knob in knobs)
    by_name = {knob.name: knob for knob in knobs}
    assert by_name["receipts"].choices == ("off", "on", "duplicated", "early", "per_party")
    assert (by_name["hold_ms"].type, by_name["hold_ms"].default) == ("int", 15_000)


def test_settings_from_text_and_from_toml() -> None:
    knobs = from_settings(
        {
            "hold_ms": "500",
            "pace": "0.1",
            "own_echo": "true",
            "auth_status": "401",
            "too_many_polls_status": "by_version",
            "drop_without_polls_ms": "none",
            "tenants": "a.example, b.example",
            "end_signals": ["timed_out", "ended"],
            "faults": [{"on": "poll", "code": 5001}],
            "warning_text": "",
        }
    )
    assert knobs == Knobs(
        hold_ms=500,
        pace=0.1,
        own_echo=True,
        auth_status=401,
        drop_without_polls_ms=None,
        tenants=("a.example", "b.example"),
        end_signals=("timed_out", "ended"),
        faults=(Fault("poll", 5001),),
        warning_text="",
    )
    assert from_settings({"own_echo": False}, knobs).hold_ms == 500


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hold_ms", "soon"),
        ("hold_ms", -1),
        ("own_echo", "maybe"),
        ("receipts", "some"),
        ("tenants", 5),
        ("faults", ["poll"]),
        ("faults", [{"where": "poll"}]),
        ("faults", [{"on": "nothing"}]),
        ("end_signals", "ended,exploded"),
        ("pace", "-1"),
        ("pace", "nan"),
        ("pace", float("inf")),
        ("hold_ms", 10**400),
        ("nonsense", 1),
    ],
)
def test_a_bad_setting_names_the_knob(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        from_settings({name: value})


def test_a_bad_value_in_python_is_refused_too() -> None:
    with pytest.raises(ValueError, match="receipts"):
        Knobs(receipts="some")  # type: ignore[arg-type]


ALLOWED = {
    "__future__",
    "attrs",
    "base64",
    "binascii",
    "collections",
    "email",
    "functools",
    "hashlib",
    "importlib",
    "heapq",
    "html",
    "itertools",
    "json",
    "math",
    "re",
    "shlex",
    "tomllib",
    "types",
    "typing",
    "urllib",
    "uuid",
}


BELOW = {"statemachine.core.wire", "statemachine.durations", "statemachine.extras"}
"""What the model uses of the layers below: the names of the wire, and the format of durations."""
HTTP_FACE = {"clock", "cross_origin", "driver", "feed", "http", "wire_api"}
"""The modules beside the model, which have I/O and a clock."""


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_the_model_imports_nothing_that_has_a_clock_and_nothing_of_the_client() -> None:
    for path in Path(emulator.__file__).parent.glob("*.py"):
        outside = {name for name in imports_of(path) if not name.startswith("statemachine.emulator")}
        if path.stem in HTTP_FACE:
            outside = {name for name in outside if not name.startswith("statemachine.serving.")}
        else:
            assert {name.partition(".")[0] for name in outside} - {"statemachine"} <= ALLOWED, path
        assert {name for name in outside if name.startswith("statemachine")} <= BELOW, path

"""Line numbers: every key and element of a TOML document is found where it stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.emulator.script.catalogue import catalogue, scenario_source
from statemachine.emulator.script.places import Path, places

DOCUMENT = '''# a comment with "quotes" and [brackets]
title = "one # no comment"   # a comment

"odd key" = 'literal \\'
dotted . key = """
three
lines: "quoted", \\"escaped\\""""
after = [
    1, 2,   # [ ]
    { x = { y = [ 3,
        4 ] } },
]
date = 1979-05-27 07:32:00
empty = ""
none = []

[table.inner]
a = \'\'\'
raw \\ \'\'\'
b = {}

[[many]]
c = 5

[[many]]
c = 6
  [[many.deep]]
  d = 7
[many.more]
e = 8
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("title",), 2),
        (("odd key",), 4),
        (("dotted",), 5),
        (("dotted", "key"), 5),
        (("after",), 8),
        (("after", 0), 9),
        (("after", 1), 9),
        (("after", 2), 10),
        (("after", 2, "x", "y", 0), 10),
        (("after", 2, "x", "y", 1), 11),
        (("date",), 13),
        (("none",), 15),
        (("table",), 17),
        (("table", "inner", "a"), 18),
        (("table", "inner", "b"), 20),
        (("many", 0, "c"), 23),
        (("many", 1), 25),
        (("many", 1, "c"), 26),
        (("many", 1, "deep", 0, "d"), 28),
        (("many", 1, "more", "e"), 30),
    ],
)
def test_every_value_has_the_line_where_it_stands(path: Path, line: int) -> None:
    assert places(DOCUMENT)[path] == line


def paths(value: Any, above: Path = ()) -> Iterator[Path]:
    yield above
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield from paths(one, (*above, key))


@pytest.mark.parametrize("name", list(catalogue()))
def test_nothing_is_left_out(name: str) -> None:
    source = scenario_source(name)
    assert set(paths(tomllib.loads(source))) == set(places(source))


def test_nothing_of_an_odd_document_is_left_out() -> None:
    assert set(paths(tomllib.loads(DOCUMENT))) == set(places(DOCUMENT))


TOKENS = ["a", "b.c", "[", "]", "[[", "]]", "{", "}", "=", ",", "\n", " ", '"x"', "'y'", '"""', "'''", "#", "1", "\\"]


@given(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join))
def test_whatever_is_toml_is_walked_to_its_end(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(paths(data)) <= set(places(text))

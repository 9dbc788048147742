"""Names and reasons that are syntax somewhere come out as text."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from xml.etree import ElementTree

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from statemachine.core.signals import Signal
from statemachine.core.table import Machine, arc, ignore, rows
from statemachine.diagrams import dot, draw_dot, draw_mermaid, markdown, matrix, mermaid, rendering
from tests.diagrams.reading import label, understood, unescape

HOSTILE = [
    'a "quoted" name',
    "a : colon; and --> an arrow",
    "</script><img src=x onerror=alert(1)>",
    "%% comment",
    "%%{init: {}}%%",
    "end note",
    "line\nbreak",
    "#35; entity",
    "pipe | pipe `tick` [link](javascript:x) *star* <br>",
    "\u202eright to left",
    "end",
    "from1",
    "node0",
    "",
]


def machine_named(text: str) -> Machine:
    @frozen
    class First:
        name: ClassVar[str] = text

    @frozen
    class Second:
        name: ClassVar[str] = "second"

    @frozen
    class Third:
        name: ClassVar[str] = "third"

    class Heard(Signal): ...

    def guard(d: Any, e: Any) -> bool:
        return True

    def effect(d: Any, e: Any) -> None: ...

    Heard.__name__ = guard.__name__ = effect.__name__ = text
    every = (First, Second, Third)
    return Machine(
        name="hostile",
        states=every,
        initial=First,
        terminal=(Third,),
        rows=rows(
            arc(every[:2], Heard, guard, effect, Third, (), text, text),
            arc(First, Heard, (), effect, Second, (), text),
            ignore(every[1:], Heard, text),
        ),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_a_mermaid_picture_keeps_its_lines_and_says_the_name(text: str) -> None:
    plain = draw_mermaid.picture(machine_named("plain"))
    drawn = draw_mermaid.picture(machine_named(text))
    assert len(drawn.splitlines()) == len(plain.splitlines())
    assert "<img" not in drawn
    assert "%%" not in drawn
    assert text in unescape(drawn).replace(mermaid.BREAK, " ") or "\n" in text
    assert drawn.count('state "') == plain.count('state "')


@pytest.mark.parametrize("text", HOSTILE)
def test_a_dot_picture_keeps_its_nodes_and_says_the_name(text: str) -> None:
    tool = rendering.renderer() or ""
    plain = understood(draw_dot.picture(machine_named("plain")), tool)
    drawn = understood(draw_dot.picture(machine_named(text)), tool)
    assert len(drawn["objects"]) == len(plain["objects"])
    assert len(drawn["edges"]) == len(plain["edges"])
    labels = " ".join(label(one["label"]) for one in drawn["objects"])
    assert " ".join(text.split()) in labels
    svg = ElementTree.fromstring(rendering.run(tool, draw_dot.picture(machine_named(text)), "svg"))
    assert {one.tag.partition("}")[2] for one in svg.iter()} <= {
        "svg",
        "g",
        "title",
        "a",
        "text",
        "path",
        "polygon",
        "ellipse",
        "polyline",
    }


@given(st.text())
def test_a_quoted_string_of_dot_ends_where_it_ends(text: str) -> None:
    drawn = dot.quoted(text)
    assert drawn[0] == drawn[-1] == '"'
    assert re.fullmatch(r'(?:[^"\\\n]|\\.)*', drawn[1:-1], re.DOTALL)
    assert not set('"<>{}%\n\\`|') & set(dot.escape(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_matrix_keeps_its_cells(text: str) -> None:
    plain = matrix.matrix(machine_named("plain")).splitlines()
    drawn = matrix.matrix(machine_named(text)).splitlines()
    assert len(drawn) == len(plain)
    assert [line.count("|") for line in drawn] == [line.count("|") for line in plain]
    assert not any("<" in line for line in drawn[1:])


@given(st.text())
def test_escaped_text_has_no_syntax_left(text: str) -> None:
    drawn = mermaid.escape(text)
    assert not set('"<>{}%\n:\\`|') & set(drawn)
    assert unescape(drawn) == text
    assert not set('"<>{}|`\n*\\!') & set(markdown.escape(text))


@given(st.lists(st.text(min_size=1), min_size=1), st.integers(1, 50))
def test_wrapping_loses_nothing(parts: list[str], width: int) -> None:
    assert " ".join(mermaid.wrap(parts, width)) == " ".join(parts)


def test_names_given_here_are_free() -> None:
    assert mermaid.identifier("queued", 3) == "queued"
    assert mermaid.identifier("end", 3) == mermaid.identifier("From 1", 3) == mermaid.identifier("from1", 3) == "node3"

"""No text from outside reaches a terminal as it is."""

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.cli.screen import Screen
from statemachine.cli.text import clipped, visible


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = visible(text)
    bad = [char for char in shown if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]
    assert bad == []
    assert visible(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("caf\u00e9\u00a0\u2003x", "café  x"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("\x7f", "\\x7f"),
    ],
)
def test_some_of_them(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_clipped() -> None:
    assert clipped("abc", 3) == "abc"
    assert clipped("abcd", 3) == "ab…"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def shown_on(columns: int, monkeypatch: pytest.MonkeyPatch, *pieces: tuple[str, str], **env: str) -> str:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": str(columns), **env}.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    Screen(stream).line(*pieces, indent=4)
    return stream.getvalue()


LONG = ("one two three four five six seven eight nine ten eleven twelve", "")


def test_a_terminal_gets_lines_of_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_on(40, monkeypatch, LONG)
    assert shown == "one two three four five six seven eight\n    nine ten eleven twelve\n"


def test_wide_characters_and_long_words_are_broken_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_on(40, monkeypatch, ("漢字" * 15 + "x" * 50, ""))
    assert [len(line.encode("utf-16-le")) // 2 for line in shown.splitlines()] == [20, 4 + 10 + 16, 4 + 34]


def test_colours_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in shown_on(80, monkeypatch, ("x", "bold red"), TERM="xterm")
    assert shown_on(80, monkeypatch, ("x", "bold red"), NO_COLOR="1") == "x\n"
    assert shown_on(80, monkeypatch, ("x", "bold red"), TERM="dumb") == "x\n"


def test_colours_go_on_over_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = shown_on(40, monkeypatch, ("a ", ""), (LONG[0], "red")).splitlines()
    assert first.startswith("a \x1b[31m")
    assert second.startswith("    \x1b[31m")


def test_a_pipe_gets_whole_lines() -> None:
    stream = io.StringIO()
    Screen(stream).line((LONG[0] * 3, "bold"))
    assert stream.getvalue() == LONG[0] * 3 + "\n"


def test_an_old_console_gets_ascii() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    Screen(stream).line("✓ a → “b” é…")
    stream.seek(0)
    assert stream.read() == '+ a > "b" \\xe9...\n'

"""The line being typed: keys in, lines out, and the status line always there."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from statemachine.cli.chat.keyboard import Face, Interrupted, Pipe, Terminal
from tests.cli.chat.paper import Paper

pytestmark = pytest.mark.asyncio

CTRL_C, CTRL_D, ENTER = "\x03", "\x04", "\r"


class Desk:
    """A terminal of 40 columns with somebody at it."""

    def __init__(self, keys: PipeInput, screen: Paper) -> None:
        self.keys = keys
        self.screen = screen
        self.standing = ["agent_joined", "with Ada Lovelace", "a word too long for what is left", "✓ read"]
        self.prompt = ""
        self.secret = False
        self.typed: list[str] = []
        face = Face(lambda: self.standing, lambda: self.prompt, lambda: self.secret)
        self.terminal = Terminal(face, self.typed.append)

    async def line(self, keys: str) -> str | None:
        self.keys.send_text(keys)
        async with asyncio.timeout(20):
            return await self.terminal.line()


@contextmanager
def desk() -> Iterator[Desk]:
    screen = Paper()
    output = Vt100_Output(screen, lambda: Size(rows=20, columns=40), term="xterm")
    with create_pipe_input() as keys, create_app_session(input=keys, output=output):
        yield Desk(keys, screen)


async def test_lines_are_typed_and_edited() -> None:
    with desk() as one:
        assert await one.line(f"helo\x1b[Dl{ENTER}") == "hello"
        assert await one.line(f"привіт 你好{ENTER}") == "привіт 你好"
        assert await one.line(ENTER) == ""
    assert one.typed[:5] == ["h", "he", "hel", "helo", "hello"]


@pytest.mark.parametrize(
    "code", ["\x1b[31m", "\x1b[0m", "\x1b[<5M", "\x1b[38;5;1m", "\x1b[M!!!", "\x1b]0;title\x07"], ids=repr
)
async def test_codes_for_a_terminal_in_a_pasted_text_stop_nothing(code: str) -> None:
    faults = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    with desk() as one:
        assert (await one.line(f"red {code}paint{ENTER}") or "").startswith("red ")
        assert await one.line(f"next{ENTER}") == "next"
        assert "Exception" not in one.screen.getvalue()
    assert faults == []


async def test_the_phase_is_always_in_sight() -> None:
    with desk() as one:
        typing = asyncio.create_task(one.line("x"))
        await one.screen.shows("agent_joined · with Ada Lovelace")
        one.keys.send_text(ENTER)
        await typing
        assert "too long" not in one.screen.getvalue()


async def test_a_secret_is_not_shown() -> None:
    with desk() as one:
        one.prompt, one.secret = "card_number", True
        typing = asyncio.create_task(one.line("hunter2"))
        await one.screen.shows("****")  # it is drawn when there is time for it
        one.keys.send_text(ENTER)
        assert await typing == "hunter2"
        shown = one.screen.getvalue()
    assert "card_number" in shown
    assert "hunter2" not in shown


async def test_ctrl_c_empties_a_line_first_and_leaves_then() -> None:
    with desk() as one:
        with pytest.raises(Interrupted):
            await one.line(f"half a{CTRL_C}{CTRL_C}")
        assert await one.line(f"half a{CTRL_C}whole{ENTER}") == "whole"
        assert await one.line(CTRL_D) is None


async def test_a_pipe_gives_its_lines_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, "one\r\n\nтри".encode())
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        pipe = Pipe()
        async with asyncio.timeout(20):
            assert [await pipe.line() for _ in range(4)] == ["one", "", "три", None]

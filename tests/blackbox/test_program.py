"""The program under test: started, told, killed, and never left behind."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from statemachine.conformance.blackbox.program import CannotStart, ManualClient, Program, environment

ECHO = """
import os, sys
open("lives", "a").write("x")
print(os.environ["STATEMACHINE_CLIENT_ID"], file=sys.stderr, flush=True)
for line in sys.stdin:
    print(line, end="", file=sys.stderr, flush=True)
    open("told", "a").write(line)
"""


def _program(folder: Path, *, orders: bool = True) -> Program:
    return Program([sys.executable, "-c", ECHO], environment("http://127.0.0.1:1", "ann"), str(folder), orders=orders)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def _written(path: Path) -> str:
    for _ in range(1_200):
        if text := _read(path):
            return text
        await asyncio.sleep(0.05)
    raise AssertionError(f"{path.name} was never written")


async def test_it_is_told_what_to_do_and_keeps_its_folder(tmp_path: Path) -> None:
    program = _program(tmp_path)
    await program.start()
    await program.order({"do": "say", "text": "ü"})
    assert '{"do": "say"' in await _written(tmp_path / "told")
    await program.restart()
    await program.order({"do": "start"})
    await program.kill()
    assert program.exited is not None
    assert "ann" in program.errors
    await program.order({"do": "end"})  # nobody is there: no harm
    await program.kill()


async def test_one_that_lives_by_itself_is_told_nothing(tmp_path: Path) -> None:
    program = _program(tmp_path, orders=False)
    await program.start()
    await program.order({"do": "start"})
    await _written(tmp_path / "lives")
    await program.kill()
    assert not (tmp_path / "told").exists()


async def test_a_command_that_is_none_is_named(tmp_path: Path) -> None:
    program = Program(["./no-such-client"], environment("http://127.0.0.1:1", "ann"), str(tmp_path))
    with pytest.raises(CannotStart, match="no-such-client: No such file"):
        await program.start()
    await program.kill()


async def test_a_person_is_asked() -> None:
    asked: list[str] = []
    client = ManualClient(asked.append)
    await client.start()
    await client.order({"do": "say", "text": "hello"})
    await client.order({"do": "dance"})
    await client.restart()
    await client.kill()
    assert asked == ["send the text: hello", "close the app completely, and open it again"]

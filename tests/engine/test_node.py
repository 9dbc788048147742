"""The example in Node chats with the emulator through the engine's process: two parties over HTTP, no mock."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from importlib.resources import files

from statemachine.emulator.http import Emulator
from statemachine.emulator.knobs import Knobs
from tests.conformance.node import NODE

EXAMPLE = str(files("statemachine.engine") / "node" / "chat.mjs")
PATIENCE = 120


async def test_the_example_holds_a_whole_chat() -> None:
    async with Emulator("plain", Knobs(pace=0.02)) as centre:
        process = await asyncio.create_subprocess_exec(
            NODE,
            EXAMPLE,
            centre.url,
            "Where is <my> parcel?",
            *(sys.executable, "-m", "statemachine", "engine"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        finally:
            if process.returncode is None:
                process.kill()
    shown = out.decode().splitlines()
    assert (process.returncode, err.decode()) == (0, "")
    assert shown[-1] == "outcome: ended"
    assert "phase: agent_joined" in shown
    assert any(line.startswith("agent: ") for line in shown)
    assert [line for line in shown if re.fullmatch(r"[-0-9a-f]{36}:\d+: sent", line)]


async def test_the_example_keeps_its_cookie() -> None:
    """A client id `WebChat` is a new customer at each request without it."""
    async with Emulator("plain", Knobs(pace=0.02)) as centre:
        process = await asyncio.create_subprocess_exec(
            *(NODE, EXAMPLE, centre.url, "hello", sys.executable, "-m", "statemachine", "engine"),
            env={**os.environ, "CLIENT_ID": "WebChat"},
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert out.decode().splitlines()[-1] == "outcome: ended"
        assert len(centre.centre.chats) == 1


async def test_the_example_says_when_nobody_is_there() -> None:
    """It gives up by the engine's own word; here the engine's patience is not waited for."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        EXAMPLE,
        "http://127.0.0.1:9",
        "hello",
        *(sys.executable, "-c", "import sys; sys.exit(3)"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 1
    assert "the engine ended (3)" in err.decode()

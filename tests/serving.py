"""Servers for tests: any answers by a handler, and an emulator in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncGenerator[str]:
    """The URL of a server on loopback that answers all requests by this handler."""
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, auto_decompress=False, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


_EMULATOR = """
import asyncio, json, sys
from statemachine.emulator import Knobs
from statemachine.emulator.http import Emulator
async def serve():
    async with Emulator("plain", Knobs(**json.loads(sys.argv[1]))) as emulator:
        print(emulator.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(serve())
"""


@contextmanager
def emulator_process(**knobs: int) -> Generator[tuple[str, int]]:
    """The URL and the process id of an emulator with these knobs."""
    command = [sys.executable, "-c", _EMULATOR, json.dumps(knobs)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.stdin.close()

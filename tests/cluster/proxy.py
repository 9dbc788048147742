"""TCP proxies to a worker's database servers: `python -m tests.cluster.proxy PORT…` prints their own ports as JSON.

A process of its own: while it is stopped (SIGSTOP) nothing passes, and nothing is closed; and a busy test does not
delay the heartbeats. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from functools import partial


async def connected(target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        there, back = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(passed(reader, back), passed(there, writer))
    writer.close()


async def passed(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()


async def main(targets: list[int]) -> None:
    servers = [await asyncio.start_server(partial(connected, target), "127.0.0.1", 0) for target in targets]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main([int(port) for port in sys.argv[1:]]))

"""The program that is stopped: it says a number of texts at once, and goes on listening until it is told to stop.

python -m tests.client.stopped_app URL STORE TEXTS
"""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import timedelta

from statemachine import ChatClient
from statemachine.client import Options


async def main(url: str, store: str, texts: int) -> None:
    options = Options(close_within=timedelta(seconds=60))
    async with ChatClient(url, app_id="app", store=store, options=options) as client:
        client.close_on(signal.SIGTERM)
        session = await client.session("ann-4711")
        while session.phase == "requesting":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        sends = [asyncio.create_task(session.send(f"text {number}")) for number in range(texts)]
        await asyncio.gather(*sends)
        print("saved", flush=True)
        async for _ in client:
            pass
    print("closed", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))

"""Workers on the machines of a Ray cluster, for programs that run on Ray anyway.

    CENTRE_URL=… APP_ID=… DATABASE=postgresql://… WORKERS=3 python -m statemachine.examples.ray_workers

`RAY_ADDRESS` names the cluster; without it, Ray starts one on this machine. Ray starts the workers, and starts one
again where the process or its machine is lost. PostgreSQL decides which worker has which chat: Ray does not notice a
frozen process. Ctrl-C and SIGTERM let the workers hand their chats over. Python and packages must be the same on all
machines.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import gc
import os
import signal
import sys

import ray

from statemachine import Received
from statemachine.cluster import Worker


def setting(name: str) -> str:
    """A variable of the environment; without it the program ends, and says so."""
    value = os.environ.get(name, "").strip()
    return value or sys.exit(f"{name} is not set; the first lines of this file name all settings")


async def to_messenger(session: object, update: object) -> None:
    """The application's work."""
    if isinstance(update, Received):
        print(update.seq, update.entry, flush=True)


class Host:
    """A process of Ray with one worker."""

    async def run(self, url: str, app_id: str, database: str) -> None:
        """Work until `close`; Ray calls it again in the process that takes the place of a lost one."""
        gc.set_threshold(10_000)
        async with Worker(url, app_id=app_id, store=database) as self.worker:
            await self.worker.handle(to_messenger)

    async def close(self) -> None:
        """Hand all chats over."""
        await self.worker.close()


def main() -> None:
    """Start the workers, and wait until they end."""
    settings = [setting("CENTRE_URL"), setting("APP_ID"), setting("DATABASE")]
    asked: list[int] = []
    ray.init()
    remote = ray.remote(max_restarts=-1, max_task_retries=-1, scheduling_strategy="SPREAD")(Host)
    hosts = [remote.remote() for _ in range(int(os.environ.get("WORKERS", "3")))]
    running = [host.run.remote(*settings) for host in hosts]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.append(number))
    while not asked:
        ended, _ = ray.wait(running, timeout=1)
        ray.get(ended)  # raises the error of a worker that could not begin
    for host in hosts:
        host.close.remote()
    ray.get(running)


if __name__ == "__main__":
    main()

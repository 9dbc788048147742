"""The example for Ray: a worker is killed, and a machine is removed from the cluster. Needs `pip install ray`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from statemachine.cluster import Inbox, steering
from statemachine.emulator import Knobs
from statemachine.emulator.http import Emulator
from statemachine.store.errors import StoreError
from tests.cluster.failures import HOLD_MS, READERS, Campaign, Database, options

LIMIT_S = 120
WORKERS = 3

pytestmark = [pytest.mark.long, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without workers and three more machines, as processes of this one; on loopback."""
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # stay on loopback; read when Ray is imported
    pytest.importorskip("ray", reason="needs Ray: pip install ray")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(WORKERS):
            cluster.add_node(num_cpus=2, node_ip_address="127.0.0.1")
        yield cluster
    finally:
        cluster.shutdown()


@asynccontextmanager
async def program(address: str, centre: Emulator, database: Database) -> AsyncGenerator[None]:
    """The example, running; it is asked to end, and must end well."""
    settings = {"RAY_ADDRESS": address, "CENTRE_URL": centre.url, "APP_ID": "cluster", "DATABASE": database.url()}
    command = [sys.executable, "-m", "statemachine.examples.ray_workers"]
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **settings, "WORKERS": str(WORKERS)})
    try:
        yield
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(LIMIT_S):
            assert await process.wait() == 0
    finally:
        with suppress(ProcessLookupError):
            process.kill()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while True:
            with suppress(StoreError, AssertionError):
                if await asyncio.to_thread(condition):
                    return
            await asyncio.sleep(0.2)


def owners(database: Database) -> set[str]:
    """The workers that have shards, where each shard has one."""
    workers = steering.status(database.url()).workers
    assert sum(worker.shards for worker in workers) == 256
    return {worker.id for worker in workers if worker.shards}


def are_replaced(lost: set[str], database: Database) -> bool:
    present = owners(database)
    return len(present) == WORKERS and not present & lost


def process_of(worker: str) -> int:
    return int(worker.split("-")[-2])


def machine_of(worker: str, ray_cluster: Any) -> Any:
    """The machine whose raylet has started this worker."""
    parent = int(Path(f"/proc/{process_of(worker)}/stat").read_text().rpartition(")")[2].split()[1])
    processes = {node: node.all_processes["raylet"][0].process.pid for node in ray_cluster.worker_nodes}
    return next(node for node, process in processes.items() if process == parent)


async def test_nothing_is_lost_where_ray_loses_a_worker_or_a_machine(ray_cluster: Any) -> None:
    database = Database()
    try:
        knobs = Knobs(pace=0.05, hold_ms=HOLD_MS, after_cut="swallow")
        async with Emulator("plain", knobs) as centre, AsyncExitStack() as stack:
            await stack.enter_async_context(program(ray_cluster.address, centre, database))
            await until(lambda: len(owners(database)) == WORKERS)
            campaign = Campaign(options(["--chats", "30", "--every", "2"]), database, centre)
            inbox = await stack.enter_async_context(Inbox(database.url()))
            readers = [asyncio.create_task(campaign.read(name)) for name in READERS]
            await campaign.until_registered()
            stop = asyncio.Event()
            customers = [asyncio.create_task(campaign.customer(f"customer-{n}", inbox, stop)) for n in range(30)]

            killed = min(owners(database))
            os.kill(process_of(killed), signal.SIGKILL)
            await until(lambda: are_replaced({killed}, database))

            lost = min(owners(database))
            await asyncio.to_thread(ray_cluster.remove_node, machine_of(lost, ray_cluster), allow_graceful=False)
            await until(lambda: are_replaced({killed, lost}, database))

            stop.set()
            await asyncio.gather(*customers)
            await campaign.until_delivered()
            for task in readers:
                task.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            assert campaign.verdict() == []
            assert sum(campaign.sent.values()) > 30
    finally:
        await asyncio.to_thread(database.remove)

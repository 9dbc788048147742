"""`Worker`: a `ChatClient` that shares the chats of a database with other workers."""

# pyright: reportPrivateUsage=false
# Sessions have methods for the client alone; users do not see them.

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext, suppress
from datetime import timedelta
from functools import partial
from math import inf
from typing import Any, Final

from statemachine.adapters.aio import Tasks
from statemachine.adapters.http_client import HttpClient
from statemachine.adapters.http_errors import CallFailed
from statemachine.adapters.protocols import Archive
from statemachine.client.arguments import duration
from statemachine.client.centre import request_for
from statemachine.client.client import ChatClient
from statemachine.client.errors import BadSetting, ChatClosed
from statemachine.client.health import Health
from statemachine.client.options import Options
from statemachine.client.session import ChatSession
from statemachine.codec import side_calls
from statemachine.store.errors import StoreError
from statemachine.store.names import is_url
from statemachine.store.postgres import PostgresStore
from statemachine.store.sealing import Sealing

from ..core import Foreground
from ..logs import Logger, error_values
from .intake import Intake
from .lease import Lease, elapsed
from .membership import Membership
from .pairs import set_pair
from .shards import Event, Shards
from .stats import ClusterStats
from .trimming import trim

_log = Logger()

_TICK_S: Final = 0.1
_MARGIN: Final = 0.1
"""The part of a lease that is left unused."""
_MOVING_S: Final = 0.3
"""Shards are released only while the others need no longer, at full speed, for those that are on their way."""
_TRIM_S: Final = 10.0
_PROBE_S: Final = 1.0


class Worker(ChatClient):
    """One of several equal workers. `async with` joins the others; each chat has one owner among them at a time.

    It is used as a `ChatClient`; `session()` of a chat that another worker has raises ChatElsewhere, so send by an
    `Inbox`. Closing it hands its chats over.
    """

    def __init__(
        self,
        url: str,
        *,
        store: str,
        app_id: str,
        tenant: str | None = None,
        lease: timedelta = timedelta(seconds=5),
        drain: timedelta = timedelta(seconds=20),
        options: Options | None = None,
        **more: Any,
    ) -> None:
        """Check the settings; nothing is opened yet.

        Args:
            url: As for `ChatClient`, like `tenant`, `app_id`, `options` and `more`.
            store: The URL of the PostgreSQL database, "postgresql://…", the same for all workers.
            app_id: The id of the messaging scenario entry. A database belongs to one pair of tenant and app id.
            tenant: Its `tenantUrl`; None: the host of `url`.
            lease: How long a worker without a heartbeat keeps its chats, the same for all workers; at most
                `Options.settle`. A shorter one takes over sooner, and moves chats needlessly when machines are busy.
            drain: How long to wait for a held poll before a planned handover: more than the contact centre holds it.
                Zero: cut it; for a contact centre that then takes the next poll at once.
            options: Durations and choices.
            more: See `ChatClient`.

        Raises:
            BadSetting: A setting cannot work.
        """
        super().__init__(url, app_id=app_id, tenant=tenant, options=options, store=store, **more)
        if not is_url(store):
            raise BadSetting("store: a worker needs the URL of a PostgreSQL database, like postgresql://user@host/db")
        duration("Worker: lease", lease)
        duration("Worker: drain", drain)
        if not timedelta(seconds=1) <= lease <= self._options.settle:
            raise BadSetting(
                f"lease must be between 1 second and Options.settle ({self._options.settle}): a message of the last "
                "owner must have arrived when the next one looks for it"
            )
        self._database, self._drain_within = store, drain
        self._lease = Lease(lease.total_seconds(), lease.total_seconds() * _MARGIN)
        self._lease_s = lease.total_seconds()
        self._shards = Shards()
        self._claims: dict[int, int] = {}  # by shard: the epoch of its last claim
        self._reading = asyncio.Lock()
        self._postgres: PostgresStore
        self._membership: Membership
        self._intake: Intake
        self._work_loop: asyncio.AbstractEventLoop
        self._tasks = Tasks("worker_task_failed")
        self._ticked = 0.0
        self._takeovers = 0
        self._workers = 1
        self._to_release: list[int] = []
        self._release_rate = inf
        self._release_at = 0.0
        self._moving = 0
        self._lag: Mapping[str, int] = {}
        self._counted: Mapping[str, int] = {}
        self.address: str | None = None
        """Where this process serves requests of the others, if it does. Set it before the worker is opened."""
        self.within: Callable[[str], AbstractContextManager[object]] = lambda _: nullcontext()
        """Makes the context in which an intent is executed, from the `context` that it was put with."""

    def cluster_stats(self) -> ClusterStats:
        """The present state of this worker, for monitoring.

        Raises:
            ChatClosed: It was not opened yet.
        """
        if self._context is None:
            raise ChatClosed("the worker is not open: use it inside `async with`")
        return ClusterStats(
            self._membership.id,
            len(self._shards.all_in("owned")),
            self._workers,
            round(max(0.0, self._lease.left), 2),
            self._intake.depth,
            round(self._intake.oldest_s, 2),
            self._lag,
            self._takeovers,
            self._postgres.fenced,
            self._context.pool.refused,
        )

    def owns(self, client_id: str) -> bool:
        """Whether this worker has a customer's chat now.

        Args:
            client_id: The customer's id.

        Raises:
            BadSetting: The id cannot be sent.
        """
        return self._is_here(self.session_id(client_id))

    def session_id(self, client_id: str) -> str:
        """The `ChatSession.id` of a customer's chat, wherever it is.

        Args:
            client_id: The customer's id.

        Raises:
            BadSetting: The id cannot be sent.
        """
        return self._session_id("session_id", client_id)

    async def health(self, *, within: timedelta = timedelta(seconds=2)) -> Health:
        """See `ChatClient.health`; a worker without a lease has a fault too. Raises ChatClosed."""
        found = await super().health(within=within)
        return found if self._lease.is_valid else Health((*found.faults, "this worker has no lease"))

    # --- open and close -----------------------------------------------------------------------------------------------

    async def _open_store(self, stack: AsyncExitStack) -> Archive:
        call_soon = asyncio.get_running_loop().call_soon_threadsafe
        transcript = self._options.transcript
        about: Any = {"call_soon": call_soon, "transcript": transcript, "cipher": self._options.cipher}
        opening = partial(PostgresStore, self._database, shared=True, **about)
        self._postgres = await asyncio.to_thread(opening)
        stack.push_async_callback(asyncio.to_thread, self._postgres.close)
        await asyncio.to_thread(set_pair, self._database, self._prefix())
        return self._postgres

    async def _open(self, stack: AsyncExitStack) -> None:
        await super()._open(stack)
        self._work_loop, self._ticked = asyncio.get_running_loop(), elapsed()
        self._intake = Intake(self._database, self, self._prefix(), Sealing(self._options.cipher))
        self._membership = Membership(self._database, self, self._lease, self._lease_s, address=self.address)
        for work in (self._tick(), self._probe(), self._intake.run(), self._trim()):
            self._tasks.spawn(work)
        self._membership.start()
        stack.push_async_callback(self._leave)

    async def _leave(self) -> None:
        """Hand all chats over, then leave."""
        self._membership.leave()
        ramp_s = len(self._sessions) / self._options.opened_per_second
        with suppress(TimeoutError):
            async with asyncio.timeout(self._drain_within.total_seconds() + self._lease_s + ramp_s):
                while self._lease.is_valid and self._shards.all_in("reading", "owned", "draining"):  # noqa: ASYNC110
                    await asyncio.sleep(_TICK_S / 2)
        await asyncio.to_thread(self._membership.end)
        await self._tasks.close()

    # --- what the driver and the client ask ---------------------------------------------------------------------------

    def _may_send(self) -> bool:
        return self._lease.is_valid

    def _is_here(self, session_id: str) -> bool:
        return self._shards.state(self._postgres.shard_of(session_id)) == "owned"

    def owned_shards(self) -> list[int]:
        """The shards whose intents this worker may execute now."""
        return self._shards.all_in("owned") if self._lease.is_valid else []

    def shards_freed(self) -> None:
        """See `Owner.shards_freed`."""
        self._membership.look()

    def _work(self, chat: ChatSession) -> None:
        """Poll at once, without the pause after a restart: the chat's last worker polls no more, so nobody does."""
        super()._work(chat)
        _poll_now(chat)

    # --- shards: called by the membership, in its thread --------------------------------------------------------------

    def claimed(self, epochs: dict[int, int], taken_over: bool) -> None:
        """See `Member.claimed`."""
        self._takeovers += taken_over
        self._work_loop.call_soon_threadsafe(self._claimed, epochs)

    def keep(self, share: int, wanted: list[int], moving: int) -> None:
        """See `Member.keep`."""
        self._work_loop.call_soon_threadsafe(self._keep, share, wanted, moving)

    def lost(self) -> None:
        """See `Member.lost`."""
        asyncio.run_coroutine_threadsafe(self._lost(), self._work_loop).result()

    def shared_with(self, workers: int) -> None:
        """See `Member.shared_with`."""
        self._workers = workers
        self._work_loop.call_soon_threadsafe(self._share_rate)

    def forgotten(self, labels: Sequence[str]) -> None:
        """See `Member.forgotten`."""
        self._work_loop.call_soon_threadsafe(self._spawn_forget, frozenset(labels))

    def is_cut_off(self) -> bool:
        """See `Member.is_cut_off`."""
        return self._context is not None and self._context.pool.breaker.is_open

    def idle_s(self) -> float:
        """See `Member.idle_s`."""
        return elapsed() - self._ticked

    def _share_rate(self) -> None:
        if self._context:
            self._context.pool.breaker.share(self._workers, self._options.requests_per_second)

    # --- shards: in the event loop ------------------------------------------------------------------------------------

    def _claimed(self, epochs: dict[int, int]) -> None:
        """Read all of them at once."""
        self._claims.update(epochs)
        reading = {shard: epoch for shard, epoch in epochs.items() if self._shards.handle("claimed", shard) == "read"}
        self._tasks.spawn(self._read(reading))

    def _keep(self, share: int, wanted: list[int], moving: int) -> None:
        leaving = set(wanted)
        stay = [shard for shard in self._shards.all_in("reading", "owned") if shard not in leaving]
        # New ones stay, for their chats may not have been polled here yet. Where they must leave too, they leave first.
        self._to_release = [*wanted, *reversed(stay[: max(0, len(stay) - share)])]
        others, rate = self._workers - 1, self._options.opened_per_second
        # All others take the chats of one that leaves; one that joins takes the chats of all others.
        self._release_rate = inf if others == 0 else rate * others if share == 0 else rate / others
        self._moving = moving
        self._release()

    def _release(self) -> None:
        """Drain surplus shards, no faster than the others resume their chats: these are polled here until then."""
        owned, draining = len(self._shards.all_in("owned")), len(self._shards.all_in("draining"))
        pause = len(self._sessions) / max(1, owned + draining) / self._release_rate
        moving = self._moving + (0 if self._drain_within else draining)
        self._release_at = max(self._release_at, elapsed() - _TICK_S)
        while self._to_release and self._release_at <= elapsed() and moving * pause <= _MOVING_S:
            self._happened("surplus", [self._to_release.pop(0)])
            self._release_at += pause
            moving += 1

    async def _lost(self) -> None:
        shards = self._shards.all_in("reading", "owned", "draining")
        self._happened("lost", shards)
        self._postgres.drop_shards(shards)
        await self._drop(self._chats_of(shards))

    def _happened(self, event: Event, shards: Iterable[int]) -> None:
        for shard in list(shards):
            action = self._shards.handle(event, shard)
            if action == "drain":
                self._tasks.spawn(self._drain(shard))
            elif action == "give_back":
                self._postgres.drop_shards([shard])
                self._membership.give_back(shard)

    async def _read(self, epochs: dict[int, int]) -> None:
        async with self._reading:  # one after the other: a shard may be lost and claimed again meanwhile
            found = await self._take(epochs)
            adopted = {shard for shard in self._current(epochs) if self._shards.handle("read", shard) == "adopt"}
            self._postgres.drop_shards(set(epochs) - adopted)
        self._intake.wake()
        if self._context:
            # Shard by shard: where they must leave again at once, the last ones wait for no poll.
            order = {shard: place for place, shard in enumerate(epochs) if shard in adopted}
            mine = [one for one in found if self._postgres.shard_of(one) in order]
            mine.sort(key=lambda one: order[self._postgres.shard_of(one)])
            await self._resume_stored(self._context, mine)
        for shard in adopted:
            self._membership.adopted(shard)

    async def _take(self, epochs: dict[int, int]) -> list[str]:
        """Read the chats of these shards, as long as they are ours; returns their ids."""
        while mine := self._current(epochs):
            try:
                return await asyncio.to_thread(self._postgres.take_shards, mine)
            except StoreError as error:
                _log.warning("shards_unreadable", count=len(mine), **error_values(error))
                await asyncio.sleep(_TICK_S)
        return []

    def _current(self, epochs: dict[int, int]) -> dict[int, int]:
        """Those of these claims that are the last of their shards, which are to be read."""
        return {
            shard: epoch
            for shard, epoch in epochs.items()
            if self._claims.get(shard) == epoch and self._shards.state(shard) == "reading"
        }

    async def _drain(self, shard: int) -> None:
        """Let the handlers and the held polls of its chats come back, then release them."""
        chats = self._chats_of([shard])
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.close_within.total_seconds()):
                while any(chat._slot.place == "out" for chat in chats):  # noqa: ASYNC110 - rare, and short
                    await asyncio.sleep(_TICK_S)
        within = timedelta(0) if self.is_cut_off() else max(self._drain_within, self._options.close_within)
        await self._drop(chats, within, drain=bool(self._drain_within))
        self._happened("drained", [shard])

    def _spawn_forget(self, labels: frozenset[str]) -> None:
        self._tasks.spawn(self._forget_here(labels))

    async def _forget_here(self, labels: frozenset[str]) -> None:
        """Release these chats, and delete their traces. A chat that has begun since is read from the store."""
        self._intake.forget(labels)
        chats = [chat for chat in (*self._sessions.values(), *self._retired.values()) if chat.label in labels]
        await self._drop(chats)
        ids = [chat.id for chat in chats]
        self._postgres.uncache(ids)
        if self._traces:
            with _log.errors("traces_not_deleted"):
                for name in labels:
                    self._traces.forget_label(name)
        if self._context:
            again = await asyncio.to_thread(lambda: [one for one in ids if self._postgres.load(one)])
            await self._resume_stored(self._context, again)

    def _chats_of(self, shards: Iterable[int]) -> list[ChatSession]:
        wanted = set(shards)
        held = (*self._sessions.values(), *self._retired.values())
        return [chat for chat in held if self._postgres.shard_of(chat.id) in wanted]

    # --- time ---------------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        """Show that the event loop works; cut the polls when the lease ends, so that another worker can poll.

        And release what is to be released.
        """
        was_valid = False
        while True:
            self._ticked = elapsed()
            if was_valid and not self._lease.is_valid:
                for chat in self.sessions():
                    chat._runner.cut_reads()
            elif self._lease.is_valid and not was_valid:
                for chat in self.sessions():  # their pauses have grown, since nothing could be sent
                    _poll_now(chat)
            was_valid = self._lease.is_valid
            self._release()
            self._count()
            await asyncio.sleep(_TICK_S)

    def _count(self) -> None:
        """Report what happened since the last time: some of it in other threads."""
        if self._metrics:
            counters = self.cluster_stats().counters
            for name, value in counters.items():
                for _ in range(value - self._counted.get(name, 0)):
                    self._metrics.count(name, {})
            self._counted = counters

    async def _probe(self) -> None:
        """Ask the contact centre where no chat does: a worker that was cut off has given all its chats back."""
        while True:
            await asyncio.sleep(_PROBE_S)
            if self._context and self.is_cut_off() and not self.sessions():
                call = request_for(side_calls.version(), self._endpoint, self._options.request_timeout)
                with suppress(CallFailed):
                    await HttpClient(self._context.pool).exchange(call)

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(_TRIM_S)
            try:
                shards = self._shards.all_in("owned")
                self._lag = await asyncio.to_thread(trim, self._database, shards, keep=self._options.transcript)
            except StoreError as error:  # the next time
                _log.warning("trim_failed", **error_values(error))


def _poll_now(chat: ChatSession) -> None:
    if "backing_off" in (chat.session.connection.name, chat.session.history.name):
        chat._runner.submit_optional(Foreground(chat._now()))

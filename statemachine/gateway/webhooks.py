"""Webhooks: each update is posted to an address, signed, in order within a chat, until the address takes it.

Signatures follow Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, in `Webhook-Signature` as `v1,BASE64`, one
for each secret. An update that is posted again has the same `Webhook-Id`.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import random
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout
from attrs import define

from statemachine.adapters.aio import Tasks
from statemachine.store.errors import StoreError

from ..logs import Logger, error_values
from .feed import Entry, Feed
from .settings import WebhookSetting
from .tokens import SecretFile

_log = Logger(10)
_RANDOM: Final = random.SystemRandom()
"""It has no state: that of the shared generator belongs to the application."""

AT_ONCE: Final = 32
"""Chats to which one webhook delivers at the same time."""
TIMEOUT: Final = ClientTimeout(total=10)
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 300.0


@define
class _Failures:
    """Of the deliveries to one chat. `since`: the first one (monotonic seconds)."""

    since: float
    count: int = 0


class WebhookSender:
    """Delivers to one webhook. A chat whose deliveries fail waits; the others go on."""

    def __init__(self, about: WebhookSetting, feed: Feed, http: ClientSession, park_after: timedelta) -> None:
        """Raises BadSetting."""
        self.name: Final = about.name
        self.outcomes: Final[dict[str, int]] = {"delivered": 0, "failed": 0, "parked": 0}
        self._url: Final = about.url
        self._secrets: Final = SecretFile(about.secret_file)
        self._feed: Final = feed
        self._http: Final = http
        self._park_after: Final = park_after.total_seconds()
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()  # in the queue, in delivery, or in a pause
        self._pauses: dict[str, asyncio.TimerHandle] = {}
        self._moving: Final = asyncio.Lock()  # of cursors: a replay moves them back
        self._replays: Counter[str] = Counter()
        self._workers: Final = Tasks("gateway_task_failed")
        self._failures: dict[str, _Failures] = {}
        self._parked: set[str] = set()
        self.look()

    @property
    def waiting(self) -> int:
        """Chats with updates that wait."""
        return len(self._waiting)

    @property
    def parked(self) -> tuple[str, ...]:
        """Client ids of the chats that get no deliveries any more, until `replay`."""
        return tuple(sorted(self._parked))

    def start(self) -> None:
        """Begin to deliver."""
        for _ in range(AT_ONCE):
            self._workers.spawn(self._work())

    async def close(self) -> None:
        """Stop. A delivery in flight is repeated after the next start, with the same id."""
        await self._workers.close()
        for pause in self._pauses.values():
            pause.cancel()

    def look(self) -> None:
        """Deliver all that waits in the chats of this process. Raises a `StoreError`."""
        self._parked = set(filter(self._feed.is_mine, self._feed.parked(self.name)))
        for client_id in self._feed.undelivered(self.name):
            self.notify(client_id)

    def notify(self, client_id: str) -> None:
        """This chat has updates."""
        if client_id not in self._waiting and client_id not in self._parked and self._feed.is_mine(client_id):
            self._waiting.add(client_id)
            self._queue.put_nowait(client_id)

    async def replay(self, client_id: str, after: int | None) -> None:
        """Deliver what follows this cursor; None: what was not delivered. A parked chat is delivered to again."""
        async with self._moving:
            self._replays[client_id] += 1
            cursor = self._feed.delivery(self.name, client_id) if after is None else after
            await self._feed.delivered(self.name, client_id, cursor)
        self.forget(client_id)
        self.notify(client_id)

    def forget(self, client_id: str) -> None:
        """Forget the failures of this chat."""
        self._parked.discard(client_id)
        self._failures.pop(client_id, None)
        if pause := self._pauses.pop(client_id, None):
            pause.cancel()
            self._queue.put_nowait(client_id)

    async def _work(self) -> None:
        while True:
            client_id = await self._queue.get()
            try:
                is_done = await self._deliver_all(client_id)
            except StoreError as error:
                _log.error("gateway_webhook_failed", webhook=self.name, **error_values(error))
                is_done = False
            if is_done:
                self._waiting.discard(client_id)
            else:
                self._pause(client_id)

    async def _deliver_all(self, client_id: str) -> bool:
        """Whether nothing is left to deliver now."""
        while client_id not in self._parked and self._feed.is_mine(client_id):
            replays = self._replays[client_id]
            entry = self._feed.next_of(client_id, self._feed.delivery(self.name, client_id))
            if entry is None:
                break
            if not await self._delivered(entry):
                return client_id in self._parked
            self._failures.pop(client_id, None)
            async with self._moving:
                if replays == self._replays[client_id]:
                    await self._feed.delivered(self.name, client_id, entry.cursor)
        self._replays.pop(client_id, None)
        return True

    async def _delivered(self, entry: Entry) -> bool:
        failures = self._failures.get(entry.client_id)
        headers = {**self._signed(entry), "Webhook-Attempt": str(failures.count + 1 if failures else 1)}
        body = entry.data.encode()
        try:
            async with self._http.post(
                self._url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
            ) as answer:
                taken, reason = 200 <= answer.status < 300, str(answer.status)
        except (ClientError, TimeoutError, OSError) as error:
            taken, reason = False, type(error).__name__
        if taken:
            self.outcomes["delivered"] += 1
            return True
        self.outcomes["failed"] += 1
        await self._failed(entry, reason)
        return False

    async def _failed(self, entry: Entry, reason: str) -> None:
        now = time.monotonic()
        failures = self._failures.setdefault(entry.client_id, _Failures(now))
        failures.count += 1
        session = self._feed.label(entry.client_id)
        values = {"webhook": self.name, "session": session, "tries": failures.count, "reason": reason}
        _log.warning("gateway_webhook_failed", **values)
        if now - failures.since >= self._park_after:
            self._parked.add(entry.client_id)
            self.outcomes["parked"] += 1
            _log.error("gateway_webhook_parked", **values)
            cursor = self._feed.delivery(self.name, entry.client_id)
            await self._feed.delivered(self.name, entry.client_id, cursor, parked=True)

    def _pause(self, client_id: str) -> None:
        failures = self._failures.setdefault(client_id, _Failures(time.monotonic()))
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures.count, 20) / 2) * _RANDOM.uniform(0.75, 1.25)
        self._pauses[client_id] = asyncio.get_running_loop().call_later(pause, self._resume, client_id)

    def _resume(self, client_id: str) -> None:
        del self._pauses[client_id]
        self._queue.put_nowait(client_id)

    def _signed(self, entry: Entry) -> Mapping[str, str]:
        message_id, at = f"msg_{self._feed.label(entry.client_id)}_{entry.cursor}", str(int(time.time()))
        return {
            "Content-Type": "application/json",
            "Webhook-Id": message_id,
            "Webhook-Timestamp": at,
            "Webhook-Signature": signature(self._secrets.lines, message_id, at, entry.data),
        }


def signature(secrets: tuple[bytes, ...], message_id: str, at: str, body: str) -> str:
    """The value of `Webhook-Signature`. A secret that begins with `whsec_` is Base64."""
    content = f"{message_id}.{at}.{body}".encode()
    keys = [base64.b64decode(one[6:]) if one.startswith(b"whsec_") else one for one in secrets]
    return " ".join("v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)

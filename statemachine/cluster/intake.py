"""Executes the inbox: the intents of the customers whose chats this worker owns, in order for each of them."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol
from urllib.parse import unquote

from statemachine.adapters.aio import Tasks, is_set_within
from statemachine.adapters.driver import label
from statemachine.client.errors import BadSetting, ChatError, NotPossible
from statemachine.client.session import ChatSession
from statemachine.store.errors import StoreError
from statemachine.store.postgres_database import SMALL_STEPS, AsyncConnection, connect_async
from statemachine.store.psycopg_extra import psycopg
from statemachine.store.sealing import Sealing

from ..logs import Logger, error_name, error_values
from .lease import elapsed
from .membership import FREED

_log = Logger()

CHANNEL: Final = "statemachine_inbox"
PAGE: Final = 1_000
_LOOK_S: Final = 1.0
"""How long to wait for a notification before looking: a notification may be lost."""
_SPACING_S: Final = 0.02
"""Between two looks: under load, one look serves several notifications."""
_MARK_S: Final = 0.05
"""How long the mark of an executed intent waits for a look to be written with."""

# `%b`: see the writer of the store.
_LOOK: Final = """
WITH marked AS (
  UPDATE statemachine.inbox SET done = clock_timestamp(), refused = ended.refused, intent = ''
  FROM unnest(%b::bigint[], %b::text[]) AS ended (id, refused) WHERE inbox.id = ended.id)
SELECT id, session, key, intent, extract(epoch FROM clock_timestamp() - at)::float8 FROM statemachine.inbox
WHERE done IS NULL AND shard = ANY(%b::int[]) AND NOT id = ANY(%b::bigint[]) ORDER BY id LIMIT %b
"""
"""Marks the executed intents, and finds new ones. The text of an executed one is deleted at once: it may hold personal
data, and the journal has its outcome.
"""

KEYED: Final = frozenset({"send", "send_location", "send_file", "answer_form"})
CALLS: Final = KEYED | {"end", "disconnect", "mark_read"}
"""The methods of `ChatSession` that an inbox takes."""


class Owner(Protocol):
    """The worker."""

    def owned_shards(self) -> list[int]:
        """The shards whose intents it may execute now."""
        ...

    @property
    def within(self) -> Callable[[str], AbstractContextManager[object]]:
        """See `Worker.within`."""
        ...

    def shards_freed(self) -> None:
        """Shards are free to be claimed."""

    async def session(self, client_id: str, *, start: bool = True) -> ChatSession:
        """See `ChatClient.session`."""
        ...


class Intake:
    """Runs in the worker's event loop. `depth`: intents that wait here; `oldest_s`: the age of the oldest."""

    def __init__(self, url: str, owner: Owner, prefix: str, sealing: Sealing) -> None:
        self._url, self._owner, self._prefix, self._sealing = url, owner, prefix, sealing
        self._waiting: dict[int, float] = {}
        self._queues: dict[str, deque[tuple[int, str, str]]] = {}
        self._ended: dict[int, str | None] = {}
        self._event = asyncio.Event()
        self._tasks = Tasks("worker_task_failed")

    @property
    def depth(self) -> int:
        """The number of intents that wait here."""
        return len(self._waiting)

    @property
    def oldest_s(self) -> float:
        """The age of the oldest of them, in seconds, by the database's clock."""
        now = elapsed()
        return max(0.0, now - min(self._waiting.values(), default=now))

    def wake(self) -> None:
        """Look into the inbox now."""
        self._event.set()

    def forget(self, labels: frozenset[str]) -> None:
        """Execute no more intents of the chats with these labels: they are not in the inbox any more."""
        for session_id, queue in self._queues.items():
            if label(session_id) in labels:
                for row, *_ in queue:
                    self._waiting.pop(row, None)
                queue.clear()

    async def run(self) -> None:
        """Run until it is cancelled; while the database is away, it waits."""
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._listen())
                    group.create_task(self._feed())
            except* (psycopg.Error, OSError) as errors:
                _log.warning("inbox_failed", **error_values(errors))
                await asyncio.sleep(_LOOK_S / 2)

    async def _listen(self) -> None:
        async with await connect_async(self._url) as link:
            await link.execute(f"LISTEN {CHANNEL}; LISTEN {FREED}")
            async for one in link.notifies():
                if one.channel == FREED:
                    self._owner.shards_freed()
                elif one.payload in map(str, self._owner.owned_shards()):
                    self.wake()
            raise psycopg.OperationalError("the connection has ended")

    async def _feed(self) -> None:
        async with await connect_async(self._url) as link:
            await link.execute(SMALL_STEPS)
            while True:
                await is_set_within(self._event, _MARK_S if self._ended else _LOOK_S)
                self._event.clear()
                await self._look(link)
                await asyncio.sleep(_SPACING_S)

    async def _look(self, link: AsyncConnection) -> None:
        ended, shards = dict(self._ended), self._owner.owned_shards()
        if not ended and not shards:
            return
        values = (list(ended), list(ended.values()), shards, list(self._waiting), PAGE)
        rows = await (await link.execute(_LOOK, values, prepare=True)).fetchall()
        for row in ended:
            del self._ended[row]
            self._waiting.pop(row, None)
        for row, session_id, key, intent, age_s in rows:
            self._waiting[row] = elapsed() - age_s
            self._add(session_id, (row, key, intent))

    def _add(self, session_id: str, one: tuple[int, str, str]) -> None:
        queue = self._queues.get(session_id)
        if queue is not None:
            queue.append(one)
            return
        self._queues[session_id] = deque([one])
        self._tasks.spawn(self._work(session_id))

    async def _work(self, session_id: str) -> None:
        """Execute the intents of one customer, one after the other."""
        queue = self._queues[session_id]
        try:
            while queue:
                row, key, intent = queue[0]
                refused = await self._execute(session_id, key, intent)
                if queue:  # else the customer was forgotten meanwhile
                    queue.popleft()
                if not self._ended:
                    asyncio.get_running_loop().call_later(_MARK_S, self.wake)
                self._ended[row] = refused
        except (ChatError, StoreError):  # the chat is elsewhere now, or the database away: they stay in the inbox
            for row, *_ in queue:
                self._waiting.pop(row, None)
        finally:
            del self._queues[session_id]

    async def _execute(self, session_id: str, key: str, intent: str) -> str | None:
        """Why the intent was refused; None: it is durable. Raises ChatError and StoreError: repeat it."""
        try:
            call, values, context = read_intent(self._sealing.open(intent))
            chat = await self._owner.session(unquote(session_id.removeprefix(self._prefix)), start=False)
            if call == "send":
                values["new_chat"] = True
            elif call == "answer_form" and any(form.secure for form in chat.session.participants.forms):
                return "the values of a secure form must not be stored: answer it at the worker that has the chat"
            with self._owner.within(context):
                await getattr(chat, call)(**values, **({"key": key} if call in KEYED else {}))
        except (NotPossible, BadSetting) as error:
            return str(error)
        except (ChatError, StoreError):
            raise
        except Exception as error:  # one intent must not stop the others
            _log.error("intent_failed", **error_values(error))
            return error_name(error)
        return None


def write_intent(call: str, values: Mapping[str, object], context: str = "") -> str:
    """An intent as JSON in ASCII. Raises BadSetting."""
    if call not in CALLS:
        raise BadSetting(f"the inbox does not take {call}: it takes {', '.join(sorted(CALLS))}")
    try:
        return json.dumps({"call": call, "values": dict(values), **({"context": context} if context else {})})
    except (TypeError, ValueError) as error:
        raise BadSetting(f"{call}: the values must be JSON: {error}") from None


def read_intent(text: str) -> tuple[str, dict[str, Any], str]:
    """The call, its values, and its context. Raises BadSetting."""
    found = json.loads(text)
    if found["call"] not in CALLS:
        raise BadSetting(f"this worker does not know {found['call']}: upgrade it")
    return found["call"], found["values"], found.get("context", "")

"""The program that gets killed: a bot that says a number of texts, and writes all news to a file before taking more.

    python -m tests.kill.app URL FOLDER TEXTS [MOMENT COUNT]

It kills itself (SIGKILL) at the COUNT-th MOMENT: saved, executed, answered, told. Started again it goes on; it ends by
itself, with status 0, once every text has an outcome, every reply is there and the chat is over.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from statemachine import ChatClient, DeliveryUpdate, Finished, Received
from statemachine.client import ChatSession, Options
from statemachine.store.sqlite import SqliteStore
from statemachine.wire import Message

OPTIONS = Options(
    request_timeout=timedelta(seconds=2),
    settle=timedelta(milliseconds=500),
    poll_timeout=timedelta(seconds=5),
    close_within=timedelta(milliseconds=100),
)


class Killer:
    """Ends the process the hard way at the n-th moment of a kind."""

    def __init__(self, checkpoint: str, count: int) -> None:
        self._checkpoint = checkpoint
        self._left = count

    def event_handled(self, *step: object) -> None:
        """Not of interest here."""

    def checkpoint(self, session_id: str, checkpoint: str, number: int) -> None:
        if checkpoint == self._checkpoint:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Sink:
    """What the application has done with the news: one line each, on the disk before the next is asked for."""

    def __init__(self, path: Path) -> None:
        self.lines = read_sink(path)
        self._file = path.open("a", encoding="utf-8")

    def write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.lines.append(line)

    def done(self) -> set[str]:
        """Keys of the texts with an outcome: the server has it, or it failed."""
        return {line["key"] for line in self.lines if line["type"] == "delivery_update" and line["key"]}

    def replies(self) -> int:
        """How many texts have been answered."""
        return len({line["reply_to"] for line in self.lines if line["type"] == "message" and line["reply_to"]})


def read_sink(path: Path) -> list[dict[str, Any]]:
    """All whole lines; a torn last one was never finished, so its news is told again."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]


def as_line(update: object) -> dict[str, Any]:
    match update:
        case DeliveryUpdate():
            return {
                "type": "delivery_update",
                "seq": update.seq,
                "key": update.key,
                "state": update.state,
                "reason": update.reason,
            }
        case Received(entry=Message() as entry):
            answered = re.search(r"You said: this is (text-\d+)", entry.msg_text or entry.msg)
            reply_to = answered[1] if answered else None
            return {"type": "message", "seq": update.seq, "msg_id": entry.msg_id, "reply_to": reply_to}
        case Finished():
            return {"type": "finished", "seq": update.seq, "outcome": update.outcome}
        case _:
            return {"type": type(update).__name__, "seq": getattr(update, "seq", None)}


async def main(url: str, folder: Path, texts: int, killer: Killer | None) -> None:
    sink = Sink(folder / "sink.jsonl")
    if any(line["type"] == "finished" for line in sink.lines):
        return
    store = SqliteStore(folder / "chats.sqlite", call_soon=asyncio.get_running_loop().call_soon_threadsafe)
    async with ChatClient(
        url, app_id="kill", store=store, options=OPTIONS, observers=[killer] if killer else []
    ) as client:
        chat = await client.session(folder.name)
        speaking = asyncio.create_task(speak(chat, store, sink, texts))
        async for update in chat.updates():
            line = as_line(update)
            if line["seq"] is not None:
                sink.write(line)
        await speaking
    await asyncio.to_thread(store.close)


async def speak(chat: ChatSession, store: SqliteStore, sink: Sink, texts: int) -> None:
    """Say what was not said yet, then wait for every outcome and reply, then end."""
    (session_id,) = store.sessions() or ("",)
    waiting = {update.key for update in store.journal(session_id, 0, 10_000) if isinstance(update, DeliveryUpdate)}
    accepted = sink.done() | waiting | {item.key for item in chat.session.items}
    for key in (f"text-{n:02d}" for n in range(texts)):
        if key not in accepted and chat.outcome is None and chat.phase != "ending":
            await chat.send(f"this is {key}", key=key)
            await asyncio.sleep(0.05)
    while chat.outcome is None and (len(sink.done()) < texts or sink.replies() < texts):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    if chat.outcome is None:
        await chat.end()


if __name__ == "__main__":
    _, at, where, how_many, *when = sys.argv
    asyncio.run(main(at, Path(where), int(how_many), Killer(when[0], int(when[1])) if when else None))

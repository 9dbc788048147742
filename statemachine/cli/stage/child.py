"""The client process of the scene `resume`: `python -m statemachine.cli.stage.child URL STORE PACE [TRACE]`.

It does what an application does that may be killed at any moment: it keeps its chat in a SQLite file, writes down how
far it has come after each text, and names each by a key of its own: the one text that was sent and not yet written down
when the process died is sent again under the same key, which the client knows.
What it is told it prints, one JSON object a line: `{"phase": …}`, `{"news": …}`,
`{"sent": text, "item": id}`, `{"over": outcome}`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import structlog

from statemachine.client import ChatSession, Options, SessionOver
from statemachine.codec.records import encode_update

from ...client import ChatClient
from .customer import Watcher
from .performance import APP_ID, PRODUCT, TENANT
from .story import Story

__all__ = ["TEXTS", "main"]

TEXTS = ("Hello, it is about order 4711.", "Two parts.", "Both blue.", "To 12 Harbour Street.", "On Friday?")
_OPTIONS = Options(settle=timedelta(milliseconds=300), request_timeout=timedelta(seconds=3))


def main(args: Sequence[str]) -> None:
    """Run until the chat is over."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    url, store, pace, *trace = args
    with ExitStack() as stack:
        file = stack.enter_context(Path(trace[0]).open("w", encoding="utf-8")) if trace else None
        asyncio.run(_chat(url, store, float(pace), file))


class _Phases(Story):
    """Prints each phase at once: the news keep only the latest."""

    def enters(self, phase: str) -> None:
        """See `Story.enters`."""
        _print(phase=phase)


async def _chat(url: str, store: str, pace: float, trace: TextIO | None) -> None:
    watcher = Watcher(PRODUCT, _Phases(None), trace)
    async with ChatClient(
        url, tenant=TENANT, app_id=APP_ID, store=store, options=_OPTIONS, observers=(watcher,)
    ) as client:
        chat = await client.session("demo-customer")
        sending = asyncio.create_task(_send_rest(chat, Path(f"{store}.position"), pace))
        async for update in chat.updates():
            _print(updates=encode_update(update))
        await sending
        _print(over=chat.outcome)


async def _send_rest(chat: ChatSession, position: Path, pace: float) -> None:
    """The texts that were not sent in an earlier life."""
    for number in range(_read_position(position), len(TEXTS)):
        try:
            sending = await chat.send(TEXTS[number], key=f"text-{number}")
        except SessionOver:
            return
        _print(sent=TEXTS[number], item=sending.id)
        _write_position(position, number + 1)
        await asyncio.sleep(0.5 * pace)


def _read_position(position: Path) -> int:
    return int(position.read_text()) if position.exists() else 0


def _write_position(position: Path, number: int) -> None:
    """As a whole or not at all."""
    new = position.with_suffix(".new")
    new.write_text(str(number))
    new.replace(position)


def _print(**line: object) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

"""The scene `resume`: the client is a process of its own, killed in the middle of the chat and started again.

Nothing may be lost or doubled: each text arrives once at the centre, each message of the centre is told, and told again
only under the same number.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import statemachine
from statemachine.codec.records import decode_update
from statemachine.codec.text import shown
from statemachine.emulator import AnswerTexts, Centre, Chat, ClientKey, Knobs, Pause, Scenario
from statemachine.emulator.actions import (
    Conclude,
    Connect,
    LeaveAll,
    Say,
    SendDelivered,
    SendRead,
    SetStatus,
)
from statemachine.emulator.http import Emulator

from ...core import DeliveryUpdate, Received
from ...core.wire import Message
from .child import TEXTS
from .judge import in_order, told_once
from .performance import Performance
from .story import Story, Update

__all__ = ["ABOUT", "NAME", "perform_resume"]

NAME: Final = "resume"
ABOUT: Final = "the client's process is killed in the middle and started again; nothing lost, nothing doubled"

_KILLED_AFTER: Final = 3
"""Texts that have arrived when the process is killed: the answer to the last one is still on its way."""
_WITHIN: Final = 60.0
_HOLD_MS: Final = 1_000
"""How long the centre keeps the place of the poll that died with the process, and refuses another."""
_SCENARIO: Final = Scenario(
    NAME,
    ABOUT,
    (
        SetStatus("ivr"),
        Pause(300),
        SetStatus("queued", ewt=20),
        Pause(700),
        SetStatus("connecting"),
        Pause(400),
        Connect("ada", "Ada", "Larsen"),
        Say("Hello, this is Ada. I take your order down."),
        AnswerTexts(),
    ),
    (Pause(150), SendDelivered(), Pause(150), SendRead(), Pause(200), Say("Noted: {text}")),
)
_FAREWELL: Final = Say("That is all I need. Goodbye!", msg_id="goodbye")
_PHASES: Final = ("requesting", "queued", "agent_joined", "ended")
_NOBODY: Final = ClientKey("", "", "")


class _Told:
    """What the lives of the client have told, by `seq`."""

    def __init__(self, story: Story) -> None:
        self._story: Final = story
        self.by_seq: dict[int, Update] = {}
        self.phases: list[str] = []
        self.conflicts = 0
        self.outcome: str | None = None
        self.all_noted = asyncio.Event()
        """The agent has answered every text, and the client has told so."""
        self._sent: set[str] = set()

    def take(self, line: dict[str, Any]) -> None:
        """One line of the client."""
        if "phase" in line and line["phase"] not in self.phases[-1:]:
            self.phases.append(line["phase"])
        if "sent" in line and line["item"] not in self._sent:
            self._sent.add(line["item"])
            self._story.says(line["sent"], line["item"])
        if "over" in line:
            self.outcome = line["over"]
        if "updates" in line:
            self._news(decode_update(line["updates"]))

    def _news(self, update: Any) -> None:
        seq = getattr(update, "seq", None)
        if seq in self.by_seq:
            self.conflicts += self.by_seq[seq] != update
            return
        if seq is not None:
            self.by_seq[seq] = update
        self._story.tell(update)
        if len([message for message in self.messages() if "Noted" in shown(message)]) == len(TEXTS):
            self.all_noted.set()

    def messages(self) -> list[Message]:
        """Others' messages, by number."""
        told = (self.by_seq[seq] for seq in sorted(self.by_seq))
        return [n.entry for n in told if isinstance(n, Received) and isinstance(n.entry, Message) and not n.own]

    def count(self, state: str) -> int:
        """Messages told to be in this state."""
        return len({n.item for n in self.by_seq.values() if isinstance(n, DeliveryUpdate) and n.state == state})


@asynccontextmanager
async def _client(arguments: list[str]) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The client's process; dead when this is left."""
    here = str(Path(statemachine.__file__).parents[1])
    paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "statemachine.cli.stage.child",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _read(process: asyncio.subprocess.Process, told: _Told) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        with suppress(ValueError):  # the line that the kill cut off
            told.take(json.loads(line))


async def perform_resume(story: Story, pace: float, trace: Path | None = None) -> Performance:
    """Play it. The trace, if there is one, is that of the second life."""
    started = time.monotonic()
    told = _Told(story)
    found: list[str] = []
    async with Emulator(_SCENARIO, Knobs(pace=pace, hold_ms=_HOLD_MS, inactivity_timeout_ms=None)) as emulator:
        with tempfile.TemporaryDirectory(prefix="statemachine-demo-") as folder:
            arguments = [emulator.url, str(Path(folder) / "chat.sqlite"), str(pace)]
            try:
                async with asyncio.timeout(_WITHIN):
                    await _first_life(emulator, story, told, arguments)
                    await asyncio.sleep(0.8 * pace)
                    more = [] if trace is None else [str(trace)]
                    await _second_life(emulator, story, told, [*arguments, *more])
            except TimeoutError:
                found.append(f"the scene was not over after {_WITHIN:.0f} s")
        found += _problems(emulator.centre, told)
    return Performance(
        NAME,
        tuple(told.phases),
        told.outcome,
        told.count("sent"),
        len(told.messages()),
        told.count("delivered"),
        told.count("read"),
        time.monotonic() - started,
        tuple(found),
        tuple(story.transcript),
    )


async def _first_life(emulator: Emulator, story: Story, told: _Told, arguments: list[str]) -> None:
    async with _client(arguments) as process:
        story.aside(f"the client is a process of its own ({process.pid}); it keeps the chat in a SQLite file", "dim")
        reading = asyncio.create_task(_read(process, told))
        await emulator.until(lambda centre: len(_chat(centre).texts_received) >= _KILLED_AFTER, _WITHIN)
        process.kill()
        story.aside(f"✗ process {process.pid} is killed (SIGKILL): text {_KILLED_AFTER} had just arrived, unanswered")
        await reading
        await process.wait()


async def _second_life(emulator: Emulator, story: Story, told: _Told, arguments: list[str]) -> None:
    async with _client(arguments) as process:
        story.aside(f"▸ started again as process {process.pid}, with the same file")
        reading = asyncio.create_task(_read(process, told))
        await told.all_noted.wait()
        # Not while it still catches up: the log of a chat that is over cannot be read any more.
        await emulator.until(lambda centre: _is_polled(_chat(centre)), _WITHIN)
        await emulator.act(_chat(emulator.centre).chat_id, _FAREWELL)
        # Nor while a receipt is on its way: it would be told that there is no such chat.
        await emulator.until(lambda centre: _is_polled(_chat(centre)) and _is_receipted(_chat(centre)), _WITHIN)
        await emulator.act(_chat(emulator.centre).chat_id, LeaveAll(), Conclude())
        await reading
        await process.wait()


def _chat(centre: Centre) -> Chat:
    """The one chat; before it is there, one in which nothing has happened."""
    return next(iter(centre.chats.values()), None) or Chat("", _NOBODY, 2, 0, "", Scenario("", ""))


def _is_polled(chat: Chat) -> bool:
    return chat.held is not None and not chat.held.cut


def _is_receipted(chat: Chat) -> bool:
    """Whether the client has the last words, and has said so; its receipts come one after the other."""
    return any(msg_id == _FAREWELL.msg_id for _, msg_id in chat.observed.receipts)


def _problems(centre: Centre, told: _Told) -> Iterator[str]:
    if told.outcome != "ended":
        yield f"the outcome is {told.outcome}, not ended"
    if not in_order(_PHASES, told.phases):
        yield f"the phases were {', '.join(told.phases)}"
    if len(centre.chats) != 1:
        yield f"the centre has {len(centre.chats)} chats, not one"
    yield from told_once(_chat(centre), TEXTS, [message.msg_id for message in told.messages()])
    if told.conflicts:
        yield f"{told.conflicts} news came again with the same number and another content"
    if told.count("sent") != len(TEXTS):
        yield f"{told.count('sent')} of {len(TEXTS)} messages were told to be sent"
    for violation in centre.violations:
        yield f"a fault of the client ({violation.rule}): {violation.message}"

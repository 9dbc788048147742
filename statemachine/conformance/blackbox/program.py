"""The program under test: a process that finds the emulator in its environment and reads orders on standard input."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

__all__ = ["CannotStart", "Program", "Visitor", "environment"]

_TAIL: Final = 30
"""Lines of its standard error that are kept."""
_FAREWELL_S: Final = 2.0


class CannotStart(Exception):
    """The command cannot be run at all."""


def environment(url: str, client_id: str, tenant: str = "tenant.example", app_id: str = "app") -> dict[str, str]:
    """What a client needs to know, as variables of its environment."""
    return {
        "STATEMACHINE_URL": url,
        "STATEMACHINE_TENANT": tenant,
        "STATEMACHINE_APP_ID": app_id,
        "STATEMACHINE_CLIENT_ID": client_id,
    }


class Program:
    """One life after the other of a client, in a folder of its own, where it may keep what it must remember."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], folder: str, *, told: bool = True) -> None:
        self._command = command
        self._variables = variables
        self._folder = folder
        self._told = told
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.errors: Final[deque[str]] = deque(maxlen=_TAIL)
        """What it last wrote to standard error."""

    @property
    def exited(self) -> int | None:
        """Its exit status, or None while it runs."""
        return self._process.returncode if self._process is not None else None

    async def start(self) -> None:
        """Begin a life. Raises CannotStart."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, **self._variables},
                cwd=self._folder,
                start_new_session=True,
            )
        except OSError as error:
            raise CannotStart(f"{self._command[0]}: {error.strerror or error}") from None
        self._reading = asyncio.create_task(self._read(self._process))

    async def tell(self, order: Mapping[str, object]) -> None:
        """One order, as a line of JSON. A client that lives by itself is told nothing."""
        process = self._process
        if not self._told or process is None or process.stdin is None or process.returncode is not None:
            return
        process.stdin.write(json.dumps(order).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await process.stdin.drain()

    async def again(self) -> None:
        """Another life, after this one was ended."""
        await self.kill()
        await self.start()

    async def kill(self) -> None:
        """End this life at once, as a crash would."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                _end(process)
            await process.wait()
        if self._reading is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._reading, _FAREWELL_S)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self.errors.append(line.decode(errors="replace").rstrip())


class Visitor:
    """A client that somebody started by hand, a phone's app for instance: it is asked for what a program is told."""

    _WORDS: Final[Mapping[str, str]] = {
        "start": "start a chat",
        "say": "send the text: {text}",
        "end": "end the chat",
        "typing": "begin to type, and stop without a word",
        "answer_form": "answer the form",
        "background": "put the app into the background",
        "foreground": "bring the app back",
    }

    def __init__(self, ask: Callable[[str], None]) -> None:
        self._ask = ask
        self.errors: Final[deque[str]] = deque(maxlen=1)
        self.exited: Final = None

    async def start(self) -> None:
        """It is there, or will be."""

    async def tell(self, order: Mapping[str, object]) -> None:
        """Ask the person who holds it."""
        words = self._WORDS.get(str(order.get("do")))
        if words is not None:
            self._ask(words.format_map({"text": "", **order}))

    async def kill(self) -> None:
        """Nothing that could be done from here."""

    async def again(self) -> None:
        """Ask for another life."""
        self._ask("close the app for good, and open it again")


def _end(process: asyncio.subprocess.Process) -> None:
    """The process, and on POSIX all that it has started."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)

"""The client under test: a process that finds the emulator in its environment, reads orders and writes reports.

`MESSAGES.md` describes both. Reports are optional; whatever else it writes to standard output is ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

_TAIL: Final = 30
"""Lines of standard error that are kept."""
_REPORTS: Final = 1_000
_READ_S: Final = 2.0
"""How long to read standard error after the process has ended."""


class CannotStart(Exception):
    """The command cannot be started."""


def environment(url: str, client_id: str, tenant: str = "tenant.example", app_id: str = "app") -> dict[str, str]:
    """The environment variables from which a client knows where to connect, and as whom."""
    return {
        "STATEMACHINE_URL": url,
        "STATEMACHINE_TENANT": tenant,
        "STATEMACHINE_APP_ID": app_id,
        "STATEMACHINE_CLIENT_ID": client_id,
    }


class Program:
    """A client as a process, in a folder of its own, where it may keep data between restarts.

    Args:
        variables: Added to the environment.
        orders: Whether it reads orders from standard input.
    """

    def __init__(
        self, command: Sequence[str], variables: Mapping[str, str], folder: str, *, orders: bool = True
    ) -> None:
        self._command = command
        self._variables = variables
        self._folder = folder
        self._orders = orders
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Future[Any] | None = None
        self.errors: Final[deque[str]] = deque(maxlen=_TAIL)
        """The last lines of its standard error."""
        self.reports: Final[deque[dict[str, Any]]] = deque(maxlen=_REPORTS)
        """The objects that it wrote to standard output, one a line."""

    @property
    def exited(self) -> int | None:
        """Its exit status, or None while it runs."""
        return self._process.returncode if self._process is not None else None

    async def start(self) -> None:
        """Start the process. Raises CannotStart."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, **self._variables},
                cwd=self._folder,
                start_new_session=True,
            )
        except OSError as error:
            raise CannotStart(f"{self._command[0]}: {error.strerror or error}") from None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._reading = asyncio.gather(
            _read(self._process.stderr, self._keep_error), _read(self._process.stdout, self._keep_report)
        )

    async def order(self, order: Mapping[str, object]) -> None:
        """Send one order, as a line of JSON; nothing where the client reads none."""
        process = self._process
        if not self._orders or process is None or process.stdin is None or process.returncode is not None:
            return
        process.stdin.write(json.dumps(order).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await process.stdin.drain()

    async def restart(self) -> None:
        """Kill the process and start it again."""
        await self.kill()
        await self.start()

    async def kill(self) -> None:
        """Kill the process, as a crash would."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                _end(process)
            await process.wait()
        if self._reading is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._reading, _READ_S)

    def _keep_error(self, line: bytes) -> None:
        self.errors.append(line.decode(errors="replace").rstrip())

    def _keep_report(self, line: bytes) -> None:
        with contextlib.suppress(ValueError, RecursionError):
            value: object = json.loads(line)
            if isinstance(value, dict):
                self.reports.append(cast("dict[str, Any]", value))


class ManualClient:
    """A client that a person operates, for example an app on a phone. Orders are shown to that person."""

    _WORDS: Final[Mapping[str, str]] = {
        "start": "start a chat",
        "say": "send the text: {text}",
        "send_file": "send the file {path}",
        "end": "end the chat",
        "typing": "begin to type, and stop without a word",
        "answer_form": "answer the form",
        "background": "put the app into the background",
        "foreground": "bring the app back",
    }

    def __init__(self, ask: Callable[[str], None]) -> None:
        self._ask = ask
        self.errors: Final[deque[str]] = deque(maxlen=1)
        self.reports: Final[deque[dict[str, Any]]] = deque(maxlen=1)
        self.exited: Final = None

    async def start(self) -> None:
        """Do nothing: the person starts the client."""

    async def order(self, order: Mapping[str, object]) -> None:
        """Ask the person to do it."""
        words = self._WORDS.get(str(order.get("do")))
        if words is not None:
            self._ask(words.format_map({"text": "", **order}))

    async def kill(self) -> None:
        """Do nothing: the person ends the client."""

    async def restart(self) -> None:
        """Ask the person to restart it."""
        self._ask("close the app completely, and open it again")


async def _read(stream: asyncio.StreamReader, keep: Callable[[bytes], None]) -> None:
    """Hand over each line; one that is too long is dropped."""
    while not stream.at_eof():
        with contextlib.suppress(ValueError):
            keep(await stream.readline())


def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process, and on POSIX its children."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)

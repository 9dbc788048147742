"""The source of lines: a person at a terminal, with a status line, or a pipe."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Protocol

from attrs import frozen


@frozen
class Face:
    """What the line being typed looks like: the words of the status line, the prompt, and whether to hide the text."""

    status: Callable[[], list[str]]
    prompt: Callable[[], str]
    secret: Callable[[], bool]


class Interrupted(Exception):
    """Ctrl-C was pressed on an empty line."""


class Keyboard(Protocol):
    """Gives lines."""

    async def line(self) -> str | None:
        """The next line; None: there will be none. Raises Interrupted."""
        ...


def at_terminal() -> bool:
    """Whether input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def above_the_line() -> AbstractContextManager[None]:
    """While this lasts, what is printed appears above the line that is being typed."""
    from prompt_toolkit.patch_stdout import patch_stdout

    return patch_stdout(raw=True)


class Terminal:
    """A line editor below the chat, and between them the status line. `typed`: called with each change of the line.

    To be used within `above_the_line`.
    """

    def __init__(self, face: Face, typed: Callable[[str], None]) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.filters import Condition
        from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
        from prompt_toolkit.keys import Keys
        from prompt_toolkit.output.vt100 import Vt100_Output

        def ignore(_: KeyPressEvent) -> None:
            """The mouse is not used here. The library takes a colour code in a pasted text for it, and fails."""

        keys = KeyBindings()
        keys.add(Keys.Vt100MouseEvent)(ignore)
        self._face: Final = face
        self._session: PromptSession[str] = PromptSession(
            # Not as its toolbar, which is hidden on terminals that do not report the position of the cursor.
            message=lambda: [("reverse", self._status_line()), ("", f"\n{face.prompt()}> ")],
            is_password=Condition(face.secret),
            key_bindings=keys,
            erase_when_done=True,  # the line comes back as part of the chat
            refresh_interval=0.5,  # the status line changes without a key
        )
        output = self._session.app.output
        if isinstance(output, Vt100_Output):
            output.enable_cpr = False  # nothing here needs to know it; not to be asked spares them a warning
        line = self._session.default_buffer
        line.on_text_changed.add_handler(lambda _: typed(line.text))

    async def line(self) -> str | None:
        """See `Keyboard.line`. Ctrl-C on a line empties it; on an empty one it raises Interrupted."""
        while True:
            try:
                return await self._session.prompt_async()
            except KeyboardInterrupt:
                if not self._session.default_buffer.text:
                    raise Interrupted from None
            except EOFError:
                return None

    def _status_line(self) -> str:
        """As many words as there is room for; the first, the phase, always."""
        columns = self._session.app.output.get_size().columns
        first, *rest = self._face.status()
        shown = f" {first}"
        for word in rest:
            if len(shown) + len(word) + 4 > columns:
                break
            shown += f" · {word}"
        return shown[: columns - 1].ljust(columns - 1)


class Pipe:
    """Lines of standard input, read in a thread of its own: a pipe cannot be waited for everywhere."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop: Final = asyncio.get_running_loop()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            self._put(line.rstrip("\r\n"))
        self._put(None)

    def _put(self, line: str | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
        except RuntimeError:  # the loop is closed
            return

    async def line(self) -> str | None:
        """See `Keyboard.line`."""
        return await self._lines.get()

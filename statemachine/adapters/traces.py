"""Traces of running chats: a bounded file for each, without texts, for `statemachine replay`.

Each step is written at once, so that a trace includes the step in which a process died. No file stays open: thousands
of chats need no file descriptors, and a file may be moved at any time. A new trace, with the session as it is, begins
where a session does not continue from the last line: in another process, in another chat of the same customer, in the
next file. To `replay`, several traces in a row are one capture, in one file or in two.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from statemachine.codec.trace import RecordedStep, header_line, step_line

from ..core import Session
from ..files import open_private, private_folder
from ..logs import Logger, error_name
from ..version import __version__
from .driver import label
from .protocols import Checkpoint, HandledEvent

_log = Logger()

_PRODUCT: Final = f"chat-session-statemachine {__version__}"


class TraceFiles:
    """An `Observer` that writes the traces of all sessions into `folder`, which is created if missing. Raises OSError.

    `limit`: bytes for each session; the older half is deleted beyond it. Files are named after the session's `label`,
    as in logs: `LABEL.jsonl`, and `LABEL.old.jsonl` for the older half. Only their owner can read them. If a file
    cannot be written, its trace is lost and a line logged; the chat continues. A step takes about 0.1 ms longer, in the
    driver's thread: use a local disk.
    """

    def __init__(self, folder: str | os.PathLike[str], *, limit: float = 1e6) -> None:
        self._folder: Final = Path(folder)
        self._half: Final = limit / 2
        # By label: the session after the last line of each trace; the driver holds the same object.
        self._left: Final[dict[str, Session]] = {}
        self._failing = False
        private_folder(self._folder)
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "not writable", str(folder))

    def files(self, session_id: str) -> tuple[Path, ...]:
        """The existing files of this session, the older one first."""
        return self._files(label(session_id))

    def forget(self, session_id: str) -> None:
        """Delete the files of this session. Raises OSError."""
        self.forget_label(label(session_id))

    def forget_label(self, name: str) -> None:
        """Delete the files of the session with this label, on a machine that does not know its id. Raises OSError."""
        self._left.pop(name, None)
        for file in self._files(name):
            file.unlink(missing_ok=True)

    def purge(self, before: int) -> None:
        """Delete the files that were not written since this time (ms). Raises OSError."""
        for file in self._folder.glob("*.jsonl"):
            if file.stat().st_mtime_ns < before * 1_000_000:
                file.unlink(missing_ok=True)

    def event_handled(self, step: HandledEvent) -> None:
        """See `Observer.event_handled`."""
        name, after = label(step.session_id), step.after
        line = step_line(RecordedStep.of(step.event, after.phase, step.outputs))
        try:
            self._write(name, step.before, line)
        except OSError as error:
            self._left.pop(name, None)
            if not self._failing:  # once: thousands of chats have the same full disk
                self._failing = True
                _log.error("trace_failed", session=name, error=error.strerror or error_name(error))
            return
        self._failing = False
        if after.outcome is None:
            self._left[name] = after
        else:
            self._left.pop(name, None)

    def checkpoint(self, session_id: str, checkpoint: Checkpoint, number: int) -> None:
        """See `Observer.checkpoint`."""

    def _write(self, name: str, before: Session, line: str) -> None:
        file = self._file(name)
        with open_private(file, "a") as opened:
            size = opened.tell()
            text = f"{line}\n"
            if size == 0 or self._left.get(name) is not before:
                # On a new line, also after one that a full disk has cut.
                text = ("\n" if size else "") + f"{header_line(_PRODUCT, before)}\n{text}"
            size += opened.write(text.encode("ascii"))
        if size >= self._half:
            os.replace(file, self._old(name))

    def _files(self, name: str) -> tuple[Path, ...]:
        return tuple(file for file in (self._old(name), self._file(name)) if file.exists())

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.jsonl"

    def _old(self, name: str) -> Path:
        return self._folder / f"{name}.old.jsonl"

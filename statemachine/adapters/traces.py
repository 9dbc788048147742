"""Traces of chats at work: a bounded file for each, without anybody's words, as `statemachine replay` reads it.

A line is written in the moment of its step, so that a trace also tells of the step that a process died in; no file is
kept open, so that thousands of chats need no file descriptors and a file may be taken away at any time. A trace begins
anew, with the session as it stands, wherever a session does not go on from where the last line left it: in another
process, in another chat of the same customer, in the next file. Several traces one after the other are one capture to
`replay`, in one file or in two.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from structlog import get_logger

from statemachine.codec.trace import RecordedStep, header_line, step_line

from ..core import COMMANDS, Anomaly, Session, TranscriptUpdate
from ..version import __version__
from .driver import label
from .protocols import Checkpoint, HandledEvent

__all__ = ["TraceFiles"]

_log = get_logger(__name__)

_PRODUCT: Final = f"chat-session-statemachine {__version__}"


class TraceFiles:
    """An `Observer` that writes the traces of all sessions into `folder`, made where it is missing. Raises OSError.

    `limit`: bytes for each session, kept by forgetting the older half. Files are named after the session's `label`, as
    it stands in logs: `LABEL.jsonl`, and `LABEL.old.jsonl` for what was before. Only their owner can read them. A file
    that cannot be written costs its trace, and a line in the log, but no chat. A step costs about 0.1 ms more, in the
    thread of the driver: the folder belongs on a local disk.
    """

    def __init__(self, folder: str | os.PathLike[str], *, limit: float = 1e6) -> None:
        self._folder: Final = Path(folder)
        self._half: Final = limit / 2
        # Where the last line of each trace left its session: while it lives, the one that its driver holds anyway.
        self._left: Final[dict[str, Session]] = {}
        self._failing = False
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "not writable", str(folder))

    def files(self, session_id: str) -> tuple[Path, ...]:
        """The files of this session, the older one first; only those that are there."""
        return tuple(file for file in (self._old(session_id), self._file(session_id)) if file.exists())

    def forget(self, session_id: str) -> None:
        """Remove the files of this session. Raises OSError."""
        self._left.pop(session_id, None)
        for file in self.files(session_id):
            file.unlink(missing_ok=True)

    def purge(self, before: int) -> None:
        """Remove the files in which nothing was written since this instant (ms). Raises OSError."""
        for file in self._folder.glob("*.jsonl"):
            if file.stat().st_mtime_ns < before * 1_000_000:
                file.unlink(missing_ok=True)

    def event_handled(self, step: HandledEvent) -> None:
        """See `Observer.event_handled`."""
        session_id, after = step.session_id, step.after
        commands = tuple(one for one in step.outputs if isinstance(one, COMMANDS))
        updates = tuple(one for one in step.outputs if isinstance(one, TranscriptUpdate | Anomaly))
        line = step_line(RecordedStep(step.event, after.phase, commands, updates))
        try:
            self._write(session_id, step.before, line)
        except OSError as error:
            self._left.pop(session_id, None)
            if not self._failing:  # once: thousands of chats have the same full disk
                self._failing = True
                _log.error("trace_failed", session=label(session_id), error=error.strerror)
            return
        self._failing = False
        if after.outcome is None:
            self._left[session_id] = after
        else:
            self._left.pop(session_id, None)

    def checkpoint(self, session_id: str, checkpoint: Checkpoint, number: int) -> None:
        """See `Observer.checkpoint`."""

    def _write(self, session_id: str, before: Session, line: str) -> None:
        file = self._file(session_id)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            text = f"{line}\n"
            if size == 0 or self._left.get(session_id) is not before:
                # On a line of its own, also after one that a full disk has cut.
                text = ("\n" if size else "") + f"{header_line(_PRODUCT, before)}\n{text}"
            size += os.write(descriptor, text.encode("ascii"))
        finally:
            os.close(descriptor)
        if size >= self._half:
            os.replace(file, self._old(session_id))

    def _file(self, session_id: str) -> Path:
        return self._folder / f"{label(session_id)}.jsonl"

    def _old(self, session_id: str) -> Path:
        return self._folder / f"{label(session_id)}.old.jsonl"

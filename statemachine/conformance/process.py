"""An implementation in any language: a process that answers JSON lines (MESSAGES.md). One process a run.

Its stderr is its own; the end of it is shown when the process dies. A process that crashed is started once more for the
next case. Nothing here measures time but the guard against a process that never answers.

To wake the other process and to wait for it takes longer than most answers. So whatever can be asked before an answer
is known is asked `ahead`, and its answer fetched later.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import deque
from collections.abc import Sequence
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import IO, Any, Final, Self

from attrs import define, frozen

from .implementation import NoAnswer, Object, PendingAnswer, Unusable

__all__ = ["PROTOCOL", "Harness"]

PROTOCOL: Final = 1
PATIENCE: Final = 30.0
"""Seconds for one answer. Far beyond any honest one; only for a process that hangs."""
_TAIL: Final = 2_000
_CODEC: Final = "codec"
_UNDER_WAY: Final = 4_096
"""Bytes of requests that are under way at once. What fits into any pipe never blocks who writes it: were both sides to
wait until the other reads, neither would go on."""

_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode


@define(eq=False)
class _Line:
    """A request; its answer when it has been read, or what went wrong instead."""

    seq: int
    text: str
    answer: Object | NoAnswer | None = None


@frozen
class _Ahead:
    """The four methods of an implementation; the answers are fetched later, in any order."""

    harness: Harness

    def begin(self, at: int, config: Object | None = None) -> PendingAnswer[Object]:
        """`Harness.begin`, of a process that lives."""
        return self.harness.ask({"op": "begin", "at": at, "config": config or {}})

    def step(self, event: Object) -> PendingAnswer[Object]:
        """`Harness.step`."""
        return self.harness.ask({"op": "step", "event": event})

    def snapshot(self) -> PendingAnswer[object]:
        """`Harness.snapshot`."""
        said = self.harness.ask({"op": "snapshot"})
        return lambda: _written(said())

    def restore(self, data: object) -> PendingAnswer[Object]:
        """`Harness.restore`."""
        return self.harness.ask({"op": "restore", "snapshot": data})


def _written(said: Object) -> object:
    if "snapshot" not in said:
        raise NoAnswer('the answer to {"op": "snapshot"} has no member "snapshot"')
    return said["snapshot"]


class Harness:
    """`with Harness(["node", "harness.mjs"]) as subject:`, and `subject` is an `Implementation`.

    Raises Unusable where the command cannot be started, or does not say hello.
    """

    def __init__(self, command: Sequence[str], patience: float = PATIENCE) -> None:
        self._command: Final = list(command)
        self._patience: Final = patience
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[bytes] | None = None
        self._waiting_since: float | None = None
        self._over: Final = Event()
        self._under_way: Final[deque[_Line]] = deque()
        self._unsent: Final[list[str]] = []
        self._bytes = 0
        self._seq = 0
        self.hello: Object = {}
        self.ahead: Final = _Ahead(self)

    def __enter__(self) -> Self:
        Thread(target=self._guard, daemon=True).start()
        try:
            self.hello = self._greet()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def features(self) -> frozenset[str]:
        """What it says that it can."""
        return frozenset(self.hello.get("features", ())) - {_CODEC}

    @property
    def has_codec(self) -> bool:
        """Whether it reads and writes the wire too."""
        return _CODEC in self.hello.get("features", ())

    # --- Implementation

    def begin(self, at: int, config: Object | None = None) -> Object:
        """A new session. A process that has died is started again for it."""
        self._revive()
        return self.ahead.begin(at, config)()

    def step(self, event: Object) -> Object:
        """What this event does."""
        return self.ahead.step(event)()

    def snapshot(self) -> object:
        """The session written down."""
        return self.ahead.snapshot()()

    def restore(self, data: object) -> Object:
        """A session taken up again."""
        return self.ahead.restore(data)()

    def codec(self, operation: str, asked: Object) -> Object:
        """One of the codec's operations."""
        self._revive()
        return self.ask({"op": operation, **asked})()

    # --- lines

    def ask(self, asked: Object) -> PendingAnswer[Object]:
        """Ask, and fetch the answer later. The answer raises Broken."""
        self._seq += 1
        line = _Line(self._seq, _ENCODE({**asked, "seq": self._seq}) + "\n")
        while self._under_way and self._bytes + len(line.text) > _UNDER_WAY:
            self._receive()
        self._under_way.append(line)
        self._bytes += len(line.text)
        if self._process is not None:
            self._unsent.append(line.text)
        return lambda: self._fetch(line)

    def _fetch(self, line: _Line) -> Object:
        while line.answer is None:
            self._receive()
        if isinstance(line.answer, NoAnswer):
            raise line.answer
        return line.answer

    def _receive(self) -> None:
        """Read the next answer. They come in the order of the requests."""
        line = self._under_way.popleft()
        self._bytes -= len(line.text)
        try:
            line.answer = self._read(self._next_line(), line.seq)
        except NoAnswer as broken:
            line.answer = broken

    def _next_line(self) -> str:
        process = self._process
        if process is None:
            raise NoAnswer("the process has died, and the session with it")
        assert process.stdin is not None
        assert process.stdout is not None
        since = self._waiting_since = monotonic()
        try:
            process.stdin.write("".join(self._unsent))
            process.stdin.flush()
            self._unsent.clear()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        finally:
            self._waiting_since = None
        if answer:
            return answer
        hung = monotonic() - since >= self._patience
        raise NoAnswer(self._end(f"no answer within {self._patience:.0f} s" if hung else "the process ended"))

    def _read(self, text: str, seq: int) -> Object:
        try:
            said: Any = json.loads(text)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise NoAnswer(
                self._end(f"its answer is no JSON object: {text.strip()[:200]!r}; stdout is for answers alone")
            )
        if said.pop("seq", None) != seq:  # pyright: ignore[reportUnknownMemberType]
            raise NoAnswer(self._end("its answer does not give back the seq of what it was asked"))
        if "error" in said:
            raise NoAnswer(f"it says error: {str(said['error'])[:_TAIL]}")  # pyright: ignore[reportUnknownArgumentType]
        return said  # pyright: ignore[reportUnknownVariableType]

    # --- the process

    def close(self) -> None:
        """End the process."""
        self._over.set()
        self._end()

    def _revive(self) -> None:
        """Forget what is still under way, of a case that ended early, and start a process that has died again."""
        while self._under_way:
            self._receive()
        if self._process is None:
            self.hello = self._greet()

    def _start(self) -> subprocess.Popen[str]:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 closed by _tail, when the process has ended
        try:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                encoding="utf-8",
                errors="surrogateescape",
            )
        except OSError as error:
            self._tail()
            raise Unusable(f"{self._command[0]} cannot be started: {error.strerror}") from None

    def _greet(self) -> Object:
        self._process = self._start()
        try:
            hello = self.ask({"op": "hello", "protocol": PROTOCOL})()
        except NoAnswer as broken:
            raise Unusable(f"the harness does not say hello: {broken}") from None
        if hello.get("protocol") != PROTOCOL or not isinstance(hello.get("features"), list):
            raise Unusable(
                f'the harness must answer hello with {{"protocol": {PROTOCOL}, "name": …, "features": […]}}, '
                f"not {json.dumps(hello)[:200]}"
            )
        return hello

    def _end(self, why: str = "") -> str:
        """End the process, and say why, with the end of what it wrote on stderr."""
        process, self._process = self._process, None
        self._unsent.clear()
        if process is None:
            return why
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:
                pass
        tail = self._tail()
        return f"{why}; stderr ends with: {tail}" if tail else why

    def _tail(self) -> str:
        errors, self._errors = self._errors, None
        if errors is None:
            return ""
        with errors:
            errors.seek(0)
            return errors.read()[-_TAIL:].decode("utf-8", "replace").strip()

    def _guard(self) -> None:
        """Kill a process that does not answer, so that the reading of its answer ends."""
        while not self._over.wait(0.5):
            since, process = self._waiting_since, self._process
            if since is not None and process is not None and monotonic() - since >= self._patience:
                process.kill()

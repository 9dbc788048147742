"""An implementation in any language: a process that answers JSON lines (MESSAGES.md). One process a run.

The end of its stderr is shown when the process ends. A process that crashed is started again for the next case. Time is
measured only to detect a process that never answers.

Switching to the other process takes longer than most answers. So requests are sent ahead where possible (`pipelined`),
and their answers are read later; to a harness that knows `many`, as one line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import IO, Final, Self

from attrs import define, frozen

from statemachine.codec.body import is_array, is_object
from statemachine.engine import PROTOCOL
from statemachine.engine.session import JsonObject

from .implementation import NoAnswer, NoAnswers, PendingAnswer, Unusable

TIMEOUT_S: Final = 30.0
"""Seconds for one answer: long enough for any correct one."""
_HANGS: Final = 3
"""A harness that does not answer so often is not tried again."""
_TAIL: Final = 2_000
_CODEC: Final = "codec"
_AHEAD: Final = 8
"""How many requests are sent before the answer to the first is read."""
_UNDER_WAY: Final = 4_096
"""Bytes of unanswered requests. They fit into any pipe, so writing never blocks while the process waits for us."""

_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode


@define(eq=False)
class _Line:
    """A request, with its answer or error once that is read. `requests`: how many it carries."""

    seq: int
    text: str
    requests: int = 1
    answer: JsonObject | NoAnswer | NoAnswers | None = None


@frozen
class _Pipelined:
    """The methods of an implementation; answers are read later, in any order."""

    harness: Harness

    @property
    def ahead(self) -> int:
        """How many requests are sent before the answer to the first is read; all that are known, as one line."""
        return sys.maxsize if self.harness.many else _AHEAD

    def begin(self, at: int, config: JsonObject | None = None) -> PendingAnswer[JsonObject]:
        """`Harness.begin`."""
        self.harness.revive()
        return self.harness.send({"op": "begin", "at": at, "config": config or {}})

    def step(self, event: JsonObject) -> PendingAnswer[JsonObject]:
        """`Harness.step`."""
        return self.harness.send({"op": "step", "event": event})

    def snapshot(self) -> PendingAnswer[object]:
        """`Harness.snapshot`."""
        said = self.harness.send({"op": "snapshot"})
        return lambda: _snapshot(said())

    def restore(self, data: object) -> PendingAnswer[JsonObject]:
        """`Harness.restore`."""
        return self.harness.send({"op": "restore", "snapshot": data})


def _snapshot(said: JsonObject) -> object:
    if "snapshot" not in said:
        raise NoAnswer('the answer to {"op": "snapshot"} has no member "snapshot"')
    return said["snapshot"]


class Harness:
    """`with Harness(["node", "harness.mjs"]) as subject:`, and `subject` is an `Implementation`.

    Raises Unusable where the command cannot be started, does not answer hello, or hangs for the third time.
    """

    def __init__(self, command: Sequence[str], timeout_s: float = TIMEOUT_S) -> None:
        self._command: Final = list(command)
        self._timeout_s: Final = timeout_s
        self._limit_s = timeout_s
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[bytes] | None = None
        self._waiting_since: float | None = None
        self._over: Final = Event()
        self._under_way: Final[deque[_Line]] = deque()
        self._unsent: Final[list[str]] = []
        self._bytes = 0
        self._hangs = 0
        self._seq = 0
        self.hello: JsonObject = {}
        self.many = False
        self.pipelined: Final = _Pipelined(self)

    def __enter__(self) -> Self:
        Thread(target=self._guard, daemon=True).start()
        try:
            self.hello = self._greet()
            self.many = self.hello.get("many") is True
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def features(self) -> frozenset[str]:
        """The features that it declares."""
        return frozenset(self.hello.get("features", ())) - {_CODEC}

    @property
    def has_codec(self) -> bool:
        """Whether it also reads and writes the wire."""
        return _CODEC in self.hello.get("features", ())

    # --- Implementation

    def begin(self, at: int, config: JsonObject | None = None) -> JsonObject:
        """A new session. A process that has ended is started again."""
        return self.pipelined.begin(at, config)()

    def step(self, event: JsonObject) -> JsonObject:
        """The observation after this event."""
        return self.pipelined.step(event)()

    def snapshot(self) -> object:
        """A snapshot of the session."""
        return self.pipelined.snapshot()()

    def restore(self, data: object) -> JsonObject:
        """The observation of a restored session."""
        return self.pipelined.restore(data)()

    def codec(self, operation: str, asked: JsonObject) -> JsonObject:
        """One of the codec's operations."""
        self.revive()
        return self.send({"op": operation, **asked})()

    # --- lines

    def send(self, request: JsonObject) -> PendingAnswer[JsonObject]:
        """Ask, and fetch the answer later. Fetching raises NoAnswer, NoAnswers."""
        self._seq += 1
        line = _Line(self._seq, _ENCODE({**request, "seq": self._seq}))
        while not self.many and self._under_way and self._bytes + len(line.text) > _UNDER_WAY:
            self._receive()
        self._under_way.append(line)
        self._bytes += len(line.text)
        if self._process is not None:
            self._unsent.append(line.text)
        return lambda: self._fetch(line)

    def _fetch(self, line: _Line) -> JsonObject:
        while line.answer is None:
            self._receive()
        if isinstance(line.answer, Exception):
            raise line.answer
        return line.answer

    def _receive(self) -> None:
        """Read the next answer. They come in the order of the requests."""
        if self.many and len(self._unsent) > 1:
            return self._receive_many()
        line = self._under_way.popleft()
        self._bytes -= len(line.text)
        try:
            line.answer = self._read(self._next_line(line), line.seq)
        except NoAnswer as broken:
            line.answer = broken

    def _receive_many(self) -> None:
        """Send all requests as one, and read their answers."""
        lines = [*self._under_way]
        self._under_way.clear()
        self._bytes = 0
        self._seq += 1
        text = f'{{"op":"many","requests":[{",".join(self._unsent)}],"seq":{self._seq}}}'
        self._unsent[:] = [text]
        try:
            answers = self._read(self._next_line(_Line(self._seq, text, len(lines))), self._seq).get("answers")
            if not is_array(answers) or len(answers) != len(lines):
                raise NoAnswer("its answer does not have as many answers as there were requests")
        except NoAnswer as broken:
            self.many = False
            for line in lines:
                line.answer = NoAnswers(str(broken))
            return
        for line, answer in zip(lines, answers, strict=True):
            try:
                line.answer = self._checked(answer, line.seq)
            except NoAnswer as broken:
                line.answer = broken

    def _next_line(self, line: _Line) -> str:
        process = self._process
        if process is None:
            raise NoAnswer("the process has ended, and its session is lost")
        assert process.stdin is not None
        assert process.stdout is not None
        since = self._waiting_since = monotonic()
        try:
            process.stdin.write("".join(f"{text}\n" for text in self._unsent))
            process.stdin.flush()
            self._unsent.clear()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        finally:
            self._waiting_since = None
        if answer:
            return answer
        hung = monotonic() - since >= self._limit_s
        if hung and line.requests == 1:  # of several, nobody knows which one it was
            self._hangs += 1
        if self._hangs == _HANGS:
            asked = line.text[:200]
            raise Unusable(self._end(f"no answer within {self._limit_s:g} s, {_HANGS} times; the last to {asked}"))
        raise NoAnswer(self._end(f"no answer within {self._limit_s:g} s" if hung else "the process ended"))

    def _read(self, text: str, seq: int) -> JsonObject:
        try:
            answer: object = json.loads(text)
        except (ValueError, RecursionError):
            answer = text.strip()
        return self._checked(answer, seq)

    def _checked(self, answer: object, seq: int) -> JsonObject:
        if not is_object(answer):
            raise NoAnswer(
                self._end(f"its answer is not a JSON object: {str(answer)[:200]!r}; stdout is for answers only")
            )
        if answer.pop("seq", None) != seq:
            raise NoAnswer(self._end("its answer does not carry the seq of the request"))
        if "error" in answer:
            raise NoAnswer(f"it answers error: {str(answer['error'])[:_TAIL]}")
        return answer

    # --- the process

    def close(self) -> None:
        """End the process."""
        self._over.set()
        self._end()

    def revive(self) -> None:
        """Read the answers that an earlier case left unread, and start a process that has ended again."""
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

    def _greet(self) -> JsonObject:
        self._process = self._start()
        self._limit_s = max(self._timeout_s, TIMEOUT_S)  # a process takes its time to start
        try:
            hello = self.send({"op": "hello", "protocol": PROTOCOL})()
        except NoAnswer as broken:
            raise Unusable(f"the harness does not answer hello: {broken}") from None
        finally:
            self._limit_s = self._timeout_s
        if hello.get("protocol") != PROTOCOL or not isinstance(hello.get("features"), list):
            raise Unusable(
                f'the harness must answer hello with {{"protocol": {PROTOCOL}, "name": …, "features": […]}}, '
                f"not {json.dumps(hello)[:200]}"
            )
        return hello

    def _end(self, why: str = "") -> str:
        """End the process; returns the reason with the end of its stderr."""
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
        """Kill a process that does not answer, so that reading its answer ends."""
        while not self._over.wait(0.5):
            since, process = self._waiting_since, self._process
            if since is not None and process is not None and monotonic() - since >= self._limit_s:
                process.kill()

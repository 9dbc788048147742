"""A session that is given mutated answers, and a contact centre that is honest afterwards, on simulated time."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from attrs import define, field

from statemachine import (
    ChatOpened,
    Command,
    Config,
    CreateChat,
    EventBatch,
    Failure,
    FileUploaded,
    FindChat,
    HistoryLog,
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    Reattach,
    Reauthorized,
    Received,
    Reply,
    RequestChat,
    SendFile,
    SendText,
    StartTyping,
    Upload,
    new_session,
)
from statemachine.adapters.driver import Driver
from statemachine.adapters.protocols import Answer as OnReply
from statemachine.adapters.protocols import SavedStep
from statemachine.codec.http import read_reply
from statemachine.codec.snapshot import restore, snapshot
from statemachine.store.memory import MemoryStore
from statemachine.wire import Malformed, Message
from tests.adapters.bench import VirtualClock
from tests.fuzz.answers import KINDS, Answer, Kind

WITHIN: Final = 120_000
"""How soon an honest message must be delivered, in simulated milliseconds."""
_STEP: Final = 1_000
_COMMANDS: Final = (CreateChat, FindChat, Poll, ReadHistory, Post, PostEphemeral, Upload)
_COMMAND: Final[dict[Kind, type[Command]]] = dict(zip(KINDS, _COMMANDS, strict=True))


class Deaf(AssertionError):
    """A session that is not over delivers no honest message, or does not make a call that it must make."""


@define
class Counts:
    """What the answers led to."""

    answers: int = 0
    with_entry: int = 0
    repaired: int = 0
    unreadable: int = 0
    slowest: int = 0
    kinds: Counter[str] = field(factory=Counter[str])
    outcomes: Counter[str] = field(factory=Counter[str])

    def add(self, other: Counts) -> None:
        self.answers += other.answers
        self.with_entry += other.with_entry
        self.repaired += other.repaired
        self.unreadable += other.unreadable
        self.slowest = max(self.slowest, other.slowest)
        self.kinds += other.kinds
        self.outcomes += other.outcomes


class Subject:
    """One session: its transport holds each call until the centre answers it."""

    def __init__(self, api: Any, counts: Counts) -> None:
        self.clock = VirtualClock()
        self.counts = counts
        self.calls: dict[int, tuple[Command, OnReply]] = {}
        self.received: set[str] = set()
        self.log: list[Message] = []
        self.handed_out = 0
        self.sent = 0
        session = new_session(self.clock.now(), Config(api=api))
        self.driver = Driver("fuzz", session, clock=self.clock, transport=self, store=MemoryStore(), listener=self)
        self.driver.start()

    # --- transport and listener ---------------------------------------------------------------------------------------

    def execute(self, command: Command, answer: OnReply) -> None:
        self.calls[command.id] = command, answer

    def abort(self, command_id: int) -> None:
        self.calls.pop(command_id, None)

    def saved(self, step: SavedStep) -> None:
        entries = (one.entry for one in step.transcript if isinstance(one, Received))
        self.received.update(entry.msg_id for entry in entries if isinstance(entry, Message))

    def finished(self) -> None:
        pass

    def stopped(self, error: BaseException | None) -> None:
        if error is not None:
            raise error

    # --- a mutated answer ---------------------------------------------------------------------------------------------

    def take(self, answer: Answer) -> None:
        """Lead the session to such a call, and answer it. Raises whatever the product raises."""
        self._lead_to(answer.kind)
        if self.is_over:
            return
        command, reply_to = self.calls.pop(self._pending(_COMMAND[answer.kind]))
        reply = read_reply(command, answer.status, answer.headers, answer.body, redirected=False)
        self._count(answer, reply)
        reply_to(reply)
        self._check()

    def _lead_to(self, kind: Kind) -> None:
        at = self.clock.now()
        if self.driver.session.phase == "idle":
            self.driver.feed(Reattach(at, "origin") if kind == "find" else RequestChat(at, "origin"))
            if kind in ("create", "find"):
                return
        self._advance_until(Poll)
        match kind:
            case "history":
                self._answer(self._pending(Poll), Failure("cut"))
            case "post":
                self.sent += 1
                self.driver.feed(SendText(at, f"text {self.sent}"))
            case "upload":
                self.driver.feed(SendFile(at, "ref", "a.png"))
            case "ephemeral":
                self.driver.feed(StartTyping(at))
            case _:
                return
        self._advance_until(_COMMAND[kind])

    def _count(self, answer: Answer, reply: Reply) -> None:
        entries = reply.entries if isinstance(reply, EventBatch | HistoryLog) else ()
        self.counts.answers += 1
        self.counts.kinds[answer.kind] += 1
        self.counts.with_entry += any(not isinstance(entry, Malformed) for entry in entries)
        self.counts.repaired += bool(getattr(reply, "repaired", ""))
        self.counts.unreadable += isinstance(reply, Failure)

    def _check(self) -> None:
        if self.counts.answers % 20 == 0:
            session = self.driver.session
            assert restore(snapshot(session)) == session, "the stored session is another one"

    # --- the honest centre --------------------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        return self.driver.session.outcome is not None

    def deliver(self) -> None:
        """An agent's message must be delivered, unless the answer has ended the session. Raises Deaf."""
        if not self.is_over:
            self.log.append(Message(f"honest-{len(self.log)}", "agent", msg_text="still there"))
            began, wanted = self.clock.now(), self.log[-1].msg_id
            while wanted not in self.received and not self.is_over:
                if self.clock.now() - began > WITHIN:
                    raise self._deaf("no message")
                self._help()
            self.counts.slowest = max(self.counts.slowest, self.clock.now() - began)
        if outcome := self.driver.session.outcome:
            self.counts.outcomes[outcome] += 1

    def _advance_until(self, kind: type[Command]) -> None:
        for _ in range(WITHIN // _STEP):
            if self.is_over or any(isinstance(command, kind) for command, _ in self.calls.values()):
                return
            self._help(kind)
        raise self._deaf(f"no {kind.__name__}")

    def _deaf(self, what: str) -> Deaf:
        session = self.driver.session
        return Deaf(f"{session.phase}, connection {session.connection.name}, history {session.history.name}: {what}")

    def _help(self, but: type[Command] | None = None) -> None:
        """Answer all calls honestly, except those of this kind; if there were none, let time pass."""
        waiting = [
            (number, reply)
            for number, (command, _) in self.calls.items()
            if but is None or not isinstance(command, but)
            if (reply := self._honest(command)) is not None
        ]
        for number, reply in waiting:
            if number in self.calls:
                self._answer(number, reply)
        if not waiting:
            session = self.driver.session
            if session.phase == "idle":  # it was told that there is no active chat
                self.driver.feed(RequestChat(self.clock.now(), "origin"))
            elif session.connection.name == "blocked":
                self.driver.feed(Reauthorized(self.clock.now()))
            self.clock.run(_STEP)

    def _honest(self, command: Command) -> Reply | None:
        """The honest answer; None: the poll is held, since there is nothing new."""
        match command:
            case CreateChat() | FindChat():
                return ChatOpened("C-1", "queued", None, is_new_chat=isinstance(command, CreateChat))
            case ReadHistory():
                return HistoryLog(tuple(self.log))
            case Poll():
                new, self.handed_out = self.log[self.handed_out :], len(self.log)
                return EventBatch(tuple(new)) if new else None
            case Upload():
                return FileUploaded("f-2")
            case _:
                return EventBatch(())

    def _answer(self, number: int, reply: Reply) -> None:
        self.calls.pop(number)[1](reply)

    def _pending(self, kind: type[Command]) -> int:
        found = [number for number, (command, _) in self.calls.items() if isinstance(command, kind)]
        return found[-1]

"""Calls of a HAR file through the player: each as the intent and the answer that it was for the engine.

The captured client is not the engine: it makes calls at other times, retries differently and has its own message ids.
So an answer goes to the engine's owed call of the same kind. Events are never lost. A failure that ends or blocks a
chat answers any owed call; a temporary failure is ignored if the engine owes no such call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from attrs import evolve

from .. import core
from ..core import Answered, ChatOpened, Command, Entry, Event, EventBatch, Failure, HistoryLog, Poll, Post, Reply, wire
from ..core.session import ConnectionBackingOff, ConnectionBlocked
from .capture import Part
from .har import PROBES, CapturedCall
from .player import UPLOADED, Replay, StepOutputs, TimelineRow, anomaly_words
from .words import reply_words

_PATIENCE: Final = (408, 425, 429)
"""Statuses from 400 to 499 that are temporary in any state of the chat."""


def play_calls(replay: Replay, parts: Sequence[Part]) -> None:
    """The calls in order of time: each begins, and ends."""
    calls = [part for part in parts if isinstance(part, CapturedCall)]
    moments = sorted(
        [(call.at, index, False) for index, call in enumerate(calls)]
        + [(max(call.at, call.end), index, True) for index, call in enumerate(calls)]
    )
    reads = _history_to_come([(calls[index], over) for _, index, over in moments])
    play = _CallPlayer(replay)
    for (at, index, over), replay.reads_history in zip(moments, reads, strict=True):
        replay.settle()
        at = max(at, replay.session.now)
        if over:
            play.end(index, calls[index], at)
        else:
            play.begin(index, calls[index], at)


def _history_to_come(moments: list[tuple[CapturedCall, bool]]) -> list[bool]:
    """For each moment: does the capture show a history before it shows another good poll?"""
    answers: list[bool] = []
    comes = False
    for call, over in reversed(moments):
        if over and call.kind == "history":
            comes = True
        answers.append(comes)
        if over and call.kind == "poll" and isinstance(call.reply, EventBatch):
            comes = False
    return answers[::-1]


class _CallPlayer:
    """The calls in progress."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._polls = 0
        self._sent: dict[int, list[tuple[str, Entry]]] = {}
        """Number of a call -> (item, entry) of what it posts."""
        self._texts: dict[str, str] = {}
        """Message id in the capture -> its content."""

    # --- a call begins ----------------------------------------------------------------------------------------------

    def begin(self, number: int, call: CapturedCall, at: int) -> None:
        """The captured client makes this call."""
        if call.kind in ("create", "find"):
            self._open(call, at)
        elif call.kind in ("poll", "history", "post"):
            result = self._join(call, at)
            if call.kind == "poll":
                self._polls += 1
                if self._polls > 1:
                    self._row(call, at, "a poll while another one is held", result, ("two polls at once",))
            if call.kind == "post":
                self._sent[number] = [one for entry in call.posted for one in self._post(call, entry, at)]

    def _open(self, call: CapturedCall, at: int) -> None:
        replay = self._replay
        if replay.session.phase != "idle":
            return
        event = _request(call.asked, at) if call.kind == "create" else core.Reattach(at, "replay")
        result, notes = self._intend(event)
        what = "asks for a chat" if call.kind == "create" else "looks for an open chat"
        self._row(call, at, what, result, notes, who="customer")

    def _join(self, call: CapturedCall, at: int) -> StepOutputs:
        """The first call for a chat whose creation is not in the capture."""
        replay = self._replay
        if replay.session.phase == "idle":
            return replay.feed(core.Reattach(at, "replay", call.chat_id))
        opening = replay.skip_pause(core.CreateChat, core.FindChat) if replay.session.phase == "requesting" else None
        return replay.feed(Answered(at, opening.id, ChatOpened(call.chat_id))) if opening else StepOutputs()

    def _post(self, call: CapturedCall, entry: Entry, at: int) -> list[tuple[str, Entry]]:
        """The entry as the intent it was; the items that it became."""
        replay = self._replay
        msg_id = getattr(entry, "msg_id", "")
        said = repr(entry) + (entry.text if isinstance(entry, wire.Message) else "")
        again = bool(msg_id) and self._texts.get(msg_id) == said
        items: list[str] = []
        notes: tuple[str, ...] = ()
        result = StepOutputs()
        event = None if again else _intent(entry, at)
        if again:
            items, notes = [replay.items[msg_id]] if msg_id in replay.items else [], ("sent again, with the same id",)
        elif event is not None:
            before = {item.id for item in replay.session.items}
            result, notes = self._intend(event)
            items = [item.id for item in replay.session.items if item.id not in before]
            if msg_id and items:
                replay.items[msg_id], self._texts[msg_id] = items[0], said
        replay.entry_row(entry, at, replay.session.phase, by_client=True, commands=result.commands, notes=notes)
        return [(item, entry) for item in items]

    def _intend(self, event: Event) -> tuple[StepOutputs, tuple[str, ...]]:
        try:
            result = self._replay.feed(event)
        except core.IllegalIntent as refusal:
            return StepOutputs(), (f"the engine would refuse this: {refusal.reason}",)
        return result, anomaly_words(result.anomalies)

    # --- a call ends ------------------------------------------------------------------------------------------------

    def end(self, number: int, call: CapturedCall, at: int) -> None:
        """The call was answered, or not."""
        if call.kind == "poll":
            self._polls -= 1
        if call.note:
            self._row(call, at, f"{call.name}: the file does not show all of it", StepOutputs(), (call.note,))
        if call.reply is None:
            if call.status >= 400 or not call.status:
                self._row(call, at, f"{call.name}: {call.status or 'no answer'}", StepOutputs(), quiet=True)
        elif call.kind == "post":
            self._posted(call, call.reply, self._sent.pop(number, []), at)
        elif isinstance(call.reply, Failure):
            self._failed(call, call.reply, at)
        elif isinstance(call.reply, ChatOpened):
            self._opened(call, call.reply, at)
        elif isinstance(call.reply, HistoryLog):
            self._read(call, call.reply, at)
        elif isinstance(call.reply, EventBatch):
            self._polled(call, call.reply, at)

    def _opened(self, call: CapturedCall, reply: ChatOpened, at: int) -> None:
        replay = self._replay
        command = replay.skip_pause(type(PROBES[call.kind])) if replay.session.phase == "requesting" else None
        result = replay.feed(Answered(at, command.id, reply)) if command else StepOutputs()
        again = () if command else ("this chat is known already",)
        self._row(call, at, f"{call.name}: {reply_words(reply)}", result, again)

    def _polled(self, call: CapturedCall, reply: EventBatch, at: int) -> None:
        replay = self._replay
        command = replay.owed(Poll)
        if reply.entries:
            replay.deliver(reply.entries, at, command)
            return
        result = replay.feed(Answered(at, command.id, reply)) if command else StepOutputs()
        self._row(call, at, f"{call.name}: nothing new", result, quiet=not result.updates)

    def _read(self, call: CapturedCall, reply: HistoryLog, at: int) -> None:
        replay = self._replay
        replay.count(reply.entries)
        for entry in reply.entries:
            replay.names.learn(entry)
        replay.log = [replay.as_ours(entry) for entry in reply.entries]
        command = replay.owed(core.ReadHistory)
        before = len(replay.transcript)
        result = replay.feed(Answered(at, command.id if command else 0, HistoryLog(tuple(replay.log))))
        new = len(replay.transcript) - before
        self._row(call, at, f"{call.name}: {reply_words(reply)}, {new} new messages", result)

    def _failed(self, call: CapturedCall, reply: Failure, at: int) -> None:
        replay = self._replay
        kind = type(PROBES[call.kind])
        command = replay.owed(kind)
        if command is None and call.kind in ("create", "find") and replay.session.phase == "requesting":
            command = replay.skip_pause(kind)
        elif command is None and _is_grave(reply):
            command = replay.owed(Poll, core.ReadHistory, Post) or replay.skip_pause(Poll, core.ReadHistory)
        notes = () if command else ("the engine would not make this call now",)
        result = replay.feed(Answered(at, command.id, reply)) if command else StepOutputs()
        what = f"{call.name}: {reply_words(reply, call.status)}{_patience(replay)}"
        self._row(call, at, what, result, notes)

    def _posted(self, call: CapturedCall, reply: Reply, items: list[tuple[str, Entry]], at: int) -> None:
        replay = self._replay
        result = StepOutputs()
        entries = reply.entries if isinstance(reply, EventBatch) else ()
        answer: Reply = EventBatch() if isinstance(reply, EventBatch) else reply
        for item, entry in items:
            if isinstance(reply, EventBatch):
                replay.log.append(_as_logged(entry, replay.chat_id, item))
            owed = _post_of(replay, item)
            if owed is None:
                replay.ready[item] = answer
            else:
                result += replay.feed(Answered(at, owed.id, answer))
        if isinstance(reply, Failure) and not items and _is_grave(reply):
            self._failed(call, reply, at)
            return
        if entries:
            replay.deliver(entries, at, None, result)
            return
        self._row(
            call, at, f"{call.name}: {reply_words(reply, call.status)}", result, quiet=isinstance(reply, EventBatch)
        )

    def _row(
        self,
        call: CapturedCall,
        at: int,
        what: str,
        result: StepOutputs,
        notes: tuple[str, ...] = (),
        who: str = "centre",
        quiet: bool = False,
    ) -> None:
        odd = (*anomaly_words(result.anomalies), *notes)
        phase = self._replay.session.phase
        self._replay.rows.append(TimelineRow(at, call.kind, who, what, phase, result.commands, odd, quiet and not odd))


def _patience(replay: Replay) -> str:
    """The wait of the engine, where it does not continue at once."""
    link = replay.session.connection
    if isinstance(link, ConnectionBackingOff):
        return f"; the engine waits {max(1, round((link.due - replay.session.now) / 1_000))} s, then catches up"
    return "; the engine waits for other credentials" if isinstance(link, ConnectionBlocked) else ""


def _post_of(replay: Replay, item: str) -> Command | None:
    command = replay.owed(Post)
    return command if isinstance(command, Post) and command.item == item else None


def _is_grave(reply: Reply) -> bool:
    """Whether this ends or blocks a chat, whichever call brought it."""
    if not isinstance(reply, Failure) or reply.kind != "http" or reply.code in (5509, 5511):
        return False
    status = reply.status or 0
    return reply.code == 5005 or (400 <= status < 500 and status not in _PATIENCE)


def _as_logged(entry: Entry, chat_id: str, item: str) -> Entry:
    """The entry as the server's log has it: with the customer as its party, under the engine's id."""
    if isinstance(entry, wire.Message | wire.Location | wire.File):
        return evolve(entry, msg_id=item, party_id=chat_id)
    return entry


# --- intents --------------------------------------------------------------------------------------------------------


def _request(asked: Mapping[str, object], at: int) -> core.RequestChat:
    """The request for a chat that this body was."""

    def text(name: str) -> str | None:
        value = asked.get(name)
        return value if isinstance(value, str) else None

    parameters = asked.get("parameters")
    kept = cast(dict[str, object], parameters) if isinstance(parameters, dict) else {}
    return core.RequestChat(at, "replay", kept, text("phone_number"), text("from"))


def _cancel_form(entry: wire.FormDataCancel | wire.SecureFormCancel, at: int) -> Event:
    return core.CancelForm(at, entry.form_request_id)


_INTENTS: Final[dict[type[Entry], Callable[[Any, int], Event]]] = {
    wire.Message: lambda e, at: core.SendText(at, e.text),
    wire.Typing: lambda e, at: core.StartTyping(at, e.msg),
    wire.NotTyping: lambda _, at: core.StopTyping(at),
    wire.MessageRead: lambda e, at: core.MarkRead(at, e.ref_msg_id),
    wire.SessionEnd: lambda _, at: core.End(at),
    wire.SessionDisconnect: lambda _, at: core.Disconnect(at),
    wire.File: lambda e, at: core.SendFile(
        at, UPLOADED + e.file_id, e.file_name, "image" if e.file_type == "image" else "attachment"
    ),
    wire.FormData: lambda e, at: core.AnswerForm(at, e.form_request_id, e.data if e.data.startswith("{") else "{}"),
    wire.SecureFormData: lambda e, at: core.AnswerSecureForm(at, e.form_request_id, "captured"),
    wire.FormDataCancel: _cancel_form,
    wire.SecureFormCancel: _cancel_form,
}


def _intent(entry: Entry, at: int) -> Event | None:
    """The intent behind a posted entry; None for entries that the engine sends by itself or not at all."""
    if make := _INTENTS.get(type(entry)):
        return make(entry, at)
    return core.SendEntry(at, entry) if isinstance(entry, wire.SENDABLE_ENTRIES) else None

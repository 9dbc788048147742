"""Folding a batch of entries into the draft, in order, each isolated; live, or as the chat's log (D2.10, D2.11)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from . import signals as sig
from .actions import conversation, memory, participants, polling
from .actions.memory import REMEMBERED
from .draft import Draft
from .events import EventBatch, Incoming
from .session import TERMINAL, ConnectionOff, ConnectionPaused
from .tables import CELLS, MACHINES, move
from .tables.lifecycle.groups import TERMINAL_SIGNALS
from .wire import (
    CaseSet,
    CobrowsingRequested,
    Entry,
    Info,
    Navigation,
    NotTyping,
    PartyJoined,
    PartyLeft,
    Signaling,
    Status,
    Typing,
)


class _Statuses(dict[str, type[sig.Signal]]):
    def __missing__(self, state: str) -> type[sig.Signal]:
        return self.get(state.lower(), sig.StatusOther)


STATUS: Final = _Statuses(
    {
        "establishing": sig.StatusEstablishing,
        "ivr": sig.StatusIvr,
        "queued": sig.StatusQueued,
        "connecting": sig.StatusConnecting,
        "connected": sig.StatusConnected,
        "completed": sig.StatusCompleted,
        "failed": sig.StatusFailed,
    }
)
"""Wire value of `state`, in any case of letters -> what the lifecycle hears (protocol.md 2.1); else StatusOther."""

_LIFECYCLE: Final = MACHINES["lifecycle"]
_TERMINAL: Final = frozenset(TERMINAL_SIGNALS)
_CELLS: Final = CELLS["lifecycle"]
_HEARD: Final[dict[Any, type[Any]]] = {
    said: on
    for said, on in (*STATUS.items(), *((on, on) for on in _LIFECYCLE.alphabet))
    if on not in _TERMINAL and said is not Status
}
"""What the lifecycle hears, by what an entry is, or a status says; without what ends a session."""
_GATHERED: Final = (Status, PartyJoined, PartyLeft, CaseSet, Info)
_PASSING: Final = (Typing, NotTyping)


def unfold(d: Draft, e: Entry) -> None:
    """Let the lifecycle hear one entry; the first terminal one is noted for the end of the batch."""
    said: Any = e.state if type(e) is Status else type(e)
    if said in _HEARD and d.context.log is None:
        _CELLS[type(d.lifecycle)][_HEARD[said]](d, e)
    else:
        _unfold_rare(d, e)


def _unfold_rare(d: Draft, e: Entry) -> None:
    """The end of a session, a status that is written or named otherwise; or somebody wants to know why."""
    on: Any = STATUS[e.state] if type(e) is Status else type(e)
    if on in _TERMINAL:
        if d.context.terminal is None:
            d.context.terminal = on, e
        d.context.fresh = True
    else:
        move(d, _LIFECYCLE, on, e)


def fold(d: Draft, carrier: Incoming | EventBatch, polled: bool = False) -> None:
    """Server events as they happen. `polled`: they answer the poll."""
    entries = carrier.entries
    transcript = False
    for e in entries:
        if type(e) in REMEMBERED:
            transcript = True
            break
    repeated = (transcript or polled) and memory.is_repeated_batch(d, entries)
    if transcript:
        if repeated:
            d.note_anomaly("repeated_batch", "a cache, or a poll answered twice")
        else:
            _fold_transcript(d, entries)
        return
    for e in entries:
        unfold(d, e)
    d.context.fresh = not repeated  # a status may well be true twice, but it is no reason to poll on at once


def _fold_transcript(d: Draft, entries: tuple[Entry, ...]) -> None:
    known = memory.Known(d)
    for e in entries:
        if type(e) not in REMEMBERED or not memory.is_known(d, e, known):
            d.context.fresh = True
            unfold(d, e)


def fold_log(d: Draft, entries: tuple[Entry, ...], awaited: bool = True) -> None:
    """The log of the whole chat: tell what is not known yet, rebuild the roster, find a terminal entry.

    All before the earliest entry that the window knows was told, or dropped from the window, long ago. Where none is
    known, or the log was never read, it is told as the past. A log that nobody awaits may be an old one: it says
    nothing about who is in the room now.
    """
    if not entries and polling.log_cannot_be_empty(d):
        return
    was_read = memory.log_was_read(d)
    start = _earliest_known(d, entries) if was_read else None
    over = isinstance(d.lifecycle, TERMINAL)
    if start is None and over:
        return
    d.context.reading = True
    d.context.past = start is None
    if d.context.past and was_read:
        conversation.tell_gap(d, None)
    if not was_read:
        memory.mark_first_reading(d, entries)
    known = memory.Known(d)
    for e in entries[: start or 0]:  # told long ago, but a post of ours in doubt may be among them
        if conversation.is_proof(d, e):
            unfold(d, e)
    _merge(d, entries[start or 0 :], known)
    if awaited and not over:
        _take_room(d, entries)
    d.context.reading = d.context.past = d.context.newest = False


def _earliest_known(d: Draft, entries: Sequence[Any]) -> int | None:
    """Where the window and the log meet; None where they do not.

    While the window has forgotten nothing, any known entry will do: the whole log can be merged. Else by id rather than
    by content, which may recur; an id of ours proves less, because it was remembered when we sent it, not in its place
    in the log.
    """
    told = d.window.entries
    if memory.count(told, memory.beginning(d)):
        return 0
    first: int | None = None
    for index, e in enumerate(entries):
        if type(e) not in REMEMBERED:
            continue
        one, strong = memory.key(d, e)
        if not memory.count(told, one):
            continue
        if not memory.is_full(d):
            return 0
        if strong and not memory.is_ours(d, e):
            return index
        first = index if first is None else first
    return first


def _merge(d: Draft, entries: Sequence[Any], known: memory.Known) -> None:
    last = max((i for i, e in enumerate(entries) if not isinstance(e, Navigation)), default=-1)
    offer = _pending_offer(entries)
    for index, e in enumerate(entries):
        d.context.newest = index == last
        if isinstance(e, (*_GATHERED, *_PASSING)):
            if type(e) is Status and STATUS[e.state] in _TERMINAL:
                unfold(d, e)
            continue
        if isinstance(e, Signaling) and index != offer:
            continue
        if isinstance(e, CobrowsingRequested) and not d.context.newest:
            continue
        if type(e) in REMEMBERED and memory.is_known(d, e, known):
            continue
        d.context.fresh = True
        unfold(d, e)


def _pending_offer(entries: Sequence[Any]) -> int | None:
    """The one signal of a log that still matters: an offered call that was not ended (protocol.md 5.1)."""
    found = None
    for index, e in enumerate(entries):
        if isinstance(e, Signaling):
            if e.kind == "OFFER_CALL":
                found = index
            elif e.kind in ("END_CALL", "CALL_REJECTED"):
                found = None
    return found


def _take_room(d: Draft, entries: Iterable[Any]) -> None:
    """Roster and stage, as far as the log may say them.

    Only while the next poll waits for the log: whatever else was heard meanwhile may be newer than it. The log moves
    the stage where none is known, and where its roster differs; never backwards by an old status (F17).
    """
    if not isinstance(d.connection, ConnectionOff | ConnectionPaused) or d.connection.call is not None:
        return
    for kind in (CaseSet, Info):
        said = [e for e in entries if type(e) is kind]
        if said:
            unfold(d, said[-1])
    participants.rebuild_roster(d, entries)
    statuses = [e for e in entries if type(e) is Status and STATUS[e.state] not in _TERMINAL]
    if statuses and conversation.stage_is_unknown(d, None):
        unfold(d, statuses[-1])
    move(d, _LIFECYCLE, sig.RosterRead, None)

"""Folding a batch of entries into the draft, in order, each isolated; live, or as the chat's log (design 10, 11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from . import signals as sig
from . import wire
from .actions import conversation, memory, participants, polling
from .actions.memory import REMEMBERED
from .draft import Draft
from .events import EventBatch, HistoryLog, Incoming
from .session import TERMINAL
from .tables import move
from .tables.lifecycle import TERMINAL_ENTRIES
from .wire import Status


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
"""Wire value of `state`, in any case of letters -> the signal to the lifecycle (protocol.md 2.1); else StatusOther."""

_NOT_MERGED: Final = {Status, wire.PartyJoined, wire.PartyLeft, wire.CaseSet, wire.Info, wire.Typing, wire.NotTyping}
"""Entries of a log that are not told one by one: `_read_roster` gathers the first five."""


def signal_of(e: wire.Entry) -> type[Any]:
    """The event type under which the lifecycle receives an entry: a status by its value, any other by its class."""
    return STATUS[e.state] if type(e) is Status else type(e)


def unfold(d: Draft, e: wire.Entry) -> None:
    """Give one entry to the lifecycle."""
    move(d, d.lifecycle, signal_of(e), e)


def end_batch(d: Draft) -> None:
    """Apply the first terminal entry of the batch, after the last entry is folded (design 10)."""
    e, d.end = d.end, None
    assert e is not None
    d.applying_end = True
    unfold(d, e)
    d.applying_end = False


def fold(d: Draft, carrier: Incoming | EventBatch, polled: bool = False) -> None:
    """Server events as they happen. `polled`: they answer the poll."""
    entries, known = carrier.entries, None
    for e in entries:
        if type(e) in REMEMBERED:
            known = memory.Known(d)
            break
    repeated = (known is not None or polled) and memory.is_repeated_batch(d, entries)
    if known is not None and repeated:
        d.note_anomaly("repeated_batch", "a cache, or a poll answered twice")
        return
    for e in entries:  # as `unfold` does, without its two calls
        kind = type(e)
        if known is None or kind not in REMEMBERED or not memory.is_known(d, e, known):
            d.fresh = not repeated  # a status may well be true twice, but it is no reason to poll on at once
            move(d, d.lifecycle, STATUS[e.state] if type(e) is Status else kind, e)


def fold_log(d: Draft, log: HistoryLog, awaited: bool) -> None:
    """The log of the whole chat: tell what is not known yet, rebuild the roster, find a terminal entry.

    All before the earliest entry that the window knows was told, or dropped from the window, long ago. Where none is
    known, or the log was never read, it is told as the past. A log that nobody awaits may be an old one, and one that
    was cut off lacks what is newest: neither is current, nor says who is in the room now, or that something was lost.
    One that was cut off does not count as read: what it lacks is still told as the past.
    """
    entries, current = log.entries, awaited and not log.incomplete
    if not entries and polling.log_cannot_be_empty(d):
        return
    was_read = memory.log_was_read(d)
    start = _earliest_known(d, entries) if was_read else None
    over = isinstance(d.lifecycle, TERMINAL)
    if start is None and (over or (was_read and not current)):
        return
    d.reading = True
    d.past = start is None
    if d.past and was_read:
        conversation.report_gap(d, None)
    if not was_read and not log.incomplete:
        memory.mark_first_reading(d, entries)
    known = memory.Known(d)
    if d.items:  # a post of ours in doubt may be among what was told long ago
        for e in entries[: start or 0]:
            if conversation.is_proof(d, e):
                unfold(d, e)
    _merge(d, entries[start or 0 :], known)
    if current and not over:
        _read_roster(d, entries)
    d.reading = d.past = d.newest = False


def _earliest_known(d: Draft, entries: Sequence[Any]) -> int | None:
    """Where the window and the log meet; None where they do not.

    While the window has forgotten nothing, any known entry will do: the whole log can be merged. Else by id rather than
    by content, which may recur; an id of ours proves less, because it was remembered when we sent it, not in its place
    in the log.
    """
    told = d.window.entries
    if memory.holds(told, memory.beginning(d)):
        return 0
    first: int | None = None
    for index, e in enumerate(entries):
        if type(e) not in REMEMBERED:
            continue
        one, strong = memory.key(d, e)
        if not memory.holds(told, one):
            continue
        if not memory.is_full(d):
            return 0
        if strong and not memory.is_ours(d, e):
            return index
        first = index if first is None else first
    return first


def _merge(d: Draft, entries: tuple[wire.Entry, ...], known: memory.Known) -> None:
    last = max([i for i, e in enumerate(entries) if type(e) is not wire.Navigation], default=-1)
    offer = _pending_offer(entries)
    for index, e in enumerate(entries):
        d.newest, kind = index == last, type(e)
        if kind in _NOT_MERGED:
            if signal_of(e) in TERMINAL_ENTRIES:
                unfold(d, e)
            continue
        if (kind is wire.Signaling and index != offer) or (kind is wire.CobrowsingRequested and not d.newest):
            continue
        if kind not in REMEMBERED or not memory.is_known(d, e, known):
            d.fresh = True
            unfold(d, e)


def _pending_offer(entries: Sequence[Any]) -> int | None:
    """The one signal of a log that still matters: an offered call that was not ended (protocol.md 5.1)."""
    found = None
    for index, e in enumerate(entries):
        if type(e) is wire.Signaling:
            if e.kind == "OFFER_CALL":
                found = index
            elif e.kind in ("END_CALL", "CALL_REJECTED"):
                found = None
    return found


def _read_roster(d: Draft, entries: tuple[wire.Entry, ...]) -> None:
    """Roster and stage, as far as the log may tell them.

    Only while the next poll waits for the log: entries that were received meanwhile may be newer than it. The log moves
    the stage where none is known, and where its roster differs; never backwards by an old status (F17).
    """
    if not polling.no_poll_is_held(d, None):
        return
    latest = {type(e): e for e in entries if signal_of(e) not in TERMINAL_ENTRIES}
    for kind in (wire.CaseSet, wire.Info):
        if kind in latest:
            unfold(d, latest[kind])
    participants.rebuild_roster(d, entries)
    if Status in latest and conversation.stage_is_unknown(d, None):
        unfold(d, latest[Status])
    move(d, d.lifecycle, sig.RosterRead, None)

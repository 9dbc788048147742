"""`play`: a whole capture, part after part, in any of the known formats."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from attrs import field, frozen

from ..core import Anomaly, Background, Foreground, Poll, Reattach, Session
from ..core.session import ConnectionPaused
from .calls import play_calls
from .capture import Capture, Part, ServerEvents, TraceHeader
from .har import CapturedCall
from .player import PLACEHOLDER, CapturePlayer, ReplayedStep, TimelineRow, TranscriptLine
from .traces import play_trace
from .words import PartyNames


@frozen
class Replay:
    """The result of a replay.

    `events`, `unknown`, `malformed`: numbers of entries read. `chat_id`: "" where the capture has none. `progress`:
    state of each item sent. `left_out`: number of calls of other chats. `unread`: of calls not recorded whole.
    `steps`: every call of `reduce`.
    """

    session: Session
    rows: tuple[TimelineRow, ...]
    transcript: tuple[TranscriptLine, ...]
    events: int
    unknown: int
    malformed: int
    chat_id: str
    names: PartyNames = field(eq=False)
    anomalies: tuple[Anomaly, ...]
    forms: tuple[str, ...]
    progress: dict[str, str]
    items: dict[str, str]
    left_out: int = 0
    unread: int = 0
    steps: tuple[ReplayedStep, ...] = field(default=(), repr=False)


def play(capture: Capture, chat_id: str = "") -> Replay:
    """Replay a capture. `chat_id`: the chat it is about; where "", the one the capture names."""
    chat_id = chat_id or capture.chat_id
    parts = [part for part in capture.parts if not _of_another_chat(part, chat_id)]
    calls = [part for part in parts if isinstance(part, CapturedCall)]
    player = CapturePlayer(
        chat_id,
        api=next((call.api for call in calls), "v2"),
        start=calls[0].at if calls else _first_time(parts),
        clock=bool(calls) or any(isinstance(part, TraceHeader) for part in parts),
    )
    for kind, group in groupby(parts, key=_family):
        _PLAY[kind](player, list(group))
    return Replay(
        player.session,
        tuple(player.rows),
        tuple(player.transcript),
        player.events,
        player.unknown,
        player.malformed,
        player.chat_id if player.chat_id != PLACEHOLDER else "",
        player.names,
        tuple(player.anomalies),
        capture.forms,
        player.progress,
        player.items,
        len(capture.parts) - len(parts),
        sum(bool(call.note) for call in calls),
        tuple(player.steps),
    )


def _of_another_chat(part: Part, chat_id: str) -> bool:
    return isinstance(part, CapturedCall) and bool(part.chat_id) and part.chat_id.lower() != chat_id.lower()


def _first_time(parts: Iterable[Part]) -> int:
    """The first timestamp of an entry."""
    for part in parts:
        for entry in part.entries if isinstance(part, ServerEvents) else ():
            time: int | None = getattr(entry, "timestamp", None)
            if time is not None:
                return time
    return 0


def _family(part: Part) -> str:
    if isinstance(part, ServerEvents):
        return "entries"
    return "calls" if isinstance(part, CapturedCall) else "trace"


# --- bare entries ---------------------------------------------------------------------------------------------------


def _play_entries(player: CapturePlayer, parts: list[Part]) -> None:
    for part in parts:
        if isinstance(part, ServerEvents) and part.entries:
            _arrive(player, part)


def _arrive(player: CapturePlayer, part: ServerEvents) -> None:
    """Server events without their call: the chat is assumed to be open."""
    times = [t for e in part.entries if (t := getattr(e, "timestamp", None)) is not None]
    at = max([player.session.now, *times])
    if player.session.phase == "idle":
        player.feed(Reattach(at, "replay", player.chat_id or PLACEHOLDER))
    _pause_or_poll(player, at, part.single)
    answer = None if part.single else player.owed(Poll)
    player.deliver(part.entries, at, answer)


def _pause_or_poll(player: CapturePlayer, at: int, single: bool) -> None:
    """Containers are answers of polls. Single events are not: the polling is paused for them."""
    paused = isinstance(player.session.connection, ConnectionPaused)
    if player.session.outcome is None and paused != single:
        player.feed(Background(at) if single else Foreground(at))


# --- calls ----------------------------------------------------------------------------------------------------------


def _play_calls(player: CapturePlayer, parts: list[Part]) -> None:
    play_calls(player, tuple(part for part in parts if isinstance(part, CapturedCall)))


_PLAY: Final = {"entries": _play_entries, "calls": _play_calls, "trace": play_trace}

"""`play`: the whole capture, part after part, whatever form each file had."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from attrs import field, frozen

from ..core import Anomaly, Background, Foreground, Poll, Reattach, Session
from ..core.session import ConnectionPaused
from .calls import play_calls
from .capture import Arrived, Capture, Part, TraceBegins
from .har import Call
from .player import PLACEHOLDER, Player, Row, Said, Step
from .traces import play_trace
from .words import Names

__all__ = ["Replay", "play"]


@frozen
class Replay:
    """What came of it. `events`: entries read, with those of no known name and those that cannot be read.

    `chat_id`: "" where nothing tells it. `progress`: state of each item sent. `left_out`: calls of other chats.
    `steps`: every call of `reduce`.
    """

    session: Session
    rows: tuple[Row, ...]
    said: tuple[Said, ...]
    events: int
    unknown: int
    malformed: int
    chat_id: str
    names: Names = field(eq=False)
    anomalies: tuple[Anomaly, ...]
    forms: tuple[str, ...]
    progress: dict[str, str]
    items: dict[str, str]
    left_out: int = 0
    steps: tuple[Step, ...] = field(default=(), repr=False)


def play(capture: Capture, chat_id: str = "") -> Replay:
    """Replay a capture. `chat_id`: the chat it is about; where "", the one the capture names."""
    chat_id = chat_id or capture.chat_id
    parts = [part for part in capture.parts if not _of_another_chat(part, chat_id)]
    calls = [part for part in parts if isinstance(part, Call)]
    player = Player(
        chat_id,
        api=next((call.api for call in calls), "v2"),
        start=calls[0].at if calls else _first_time(parts),
        clock=bool(calls) or any(isinstance(part, TraceBegins) for part in parts),
    )
    for kind, group in groupby(parts, key=_family):
        _PLAY[kind](player, list(group))
    return Replay(
        player.session,
        tuple(player.rows),
        tuple(player.said),
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
        tuple(player.steps),
    )


def _of_another_chat(part: Part, chat_id: str) -> bool:
    return isinstance(part, Call) and bool(part.chat_id) and part.chat_id.lower() != chat_id.lower()


def _first_time(parts: Iterable[Part]) -> int:
    """The first time that an entry tells."""
    for part in parts:
        for entry in part.entries if isinstance(part, Arrived) else ():
            time: int | None = getattr(entry, "timestamp", None)
            if time is not None:
                return time
    return 0


def _family(part: Part) -> str:
    if isinstance(part, Arrived):
        return "entries"
    return "calls" if isinstance(part, Call) else "trace"


# --- bare entries ---------------------------------------------------------------------------------------------------


def _play_entries(player: Player, parts: list[Part]) -> None:
    for part in parts:
        if isinstance(part, Arrived) and part.entries:
            _arrive(player, part)


def _arrive(player: Player, part: Arrived) -> None:
    """Server events of a chat that is taken for one under way."""
    times = [t for e in part.entries if (t := getattr(e, "timestamp", None)) is not None]
    at = max([player.session.now, *times])
    if player.session.phase == "idle":
        player.feed(Reattach(at, "replay", player.chat_id or PLACEHOLDER))
    _listen(player, at, part.single)
    answer = None if part.single else player.owed(Poll)
    player.deliver(part.entries, at, answer)


def _listen(player: Player, at: int, single: bool) -> None:
    """Containers are answers of polls. Events by themselves came some other way: nothing is polled for them."""
    paused = isinstance(player.session.connection, ConnectionPaused)
    if player.session.outcome is None and paused != single:
        player.feed(Background(at) if single else Foreground(at))


# --- calls ----------------------------------------------------------------------------------------------------------


def _play_calls(player: Player, parts: list[Part]) -> None:
    play_calls(player, tuple(part for part in parts if isinstance(part, Call)))


_PLAY: Final = {"entries": _play_entries, "calls": _play_calls, "trace": play_trace}

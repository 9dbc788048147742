"""`play`: a whole capture, part after part, in any of the known formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, Final

from ..core import Background, Config, Foreground, Poll, Reattach, new_session
from ..core.session import ConnectionPaused
from .calls import play_calls
from .capture import Capture, Part, ServerEvents, TraceHeader
from .har import CapturedCall
from .player import FOREVER, Replay
from .traces import play_trace

PLACEHOLDER: Final = "captured-chat"
"""The chat id where the capture has none."""


def play(capture: Capture, chat_id: str = "") -> Replay:
    """Replay a capture. `chat_id`: the chat it is about; where "", the one the capture names."""
    chat_id = chat_id or capture.chat_id
    parts = [part for part in capture.parts if not _of_another_chat(part, chat_id)]
    calls = [part for part in parts if isinstance(part, CapturedCall)]
    names = ("request_timeout", "upload_timeout", "poll_timeout", "request_within", "ending_within")
    timeouts: Any = dict.fromkeys(names, FOREVER)
    config = Config(api=calls[0].api if calls else "v2", brake=0, **timeouts)
    replay = Replay(
        new_session(calls[0].at if calls else _first_time(parts), config),
        chat_id,
        clock=bool(calls) or any(isinstance(part, TraceHeader) for part in parts),
        forms=capture.forms,
        left_out=len(capture.parts) - len(parts),
        unread=sum(bool(call.note) for call in calls),
    )
    for play_all, group in groupby(parts, key=_player_of):
        play_all(replay, list(group))
    if replay.chat_id == PLACEHOLDER:
        replay.chat_id = ""
    return replay


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


def _player_of(part: Part) -> Callable[[Replay, Sequence[Part]], None]:
    if isinstance(part, ServerEvents):
        return _play_entries
    return play_calls if isinstance(part, CapturedCall) else play_trace


# --- bare entries ---------------------------------------------------------------------------------------------------


def _play_entries(replay: Replay, parts: Sequence[Part]) -> None:
    for part in parts:
        if isinstance(part, ServerEvents) and part.entries:
            _arrive(replay, part)


def _arrive(replay: Replay, part: ServerEvents) -> None:
    """Server events without their call: the chat is assumed to be open."""
    times = [t for e in part.entries if (t := getattr(e, "timestamp", None)) is not None]
    at = max([replay.session.now, *times])
    if replay.session.phase == "idle":
        replay.feed(Reattach(at, "replay", replay.chat_id or PLACEHOLDER))
    _pause_or_poll(replay, at, part.single)
    answer = None if part.single else replay.owed(Poll)
    replay.deliver(part.entries, at, answer)


def _pause_or_poll(replay: Replay, at: int, single: bool) -> None:
    """Containers are answers of polls. Single events are not: the polling is paused for them."""
    paused = isinstance(replay.session.connection, ConnectionPaused)
    if replay.session.outcome is None and paused != single:
        replay.feed(Background(at) if single else Foreground(at))

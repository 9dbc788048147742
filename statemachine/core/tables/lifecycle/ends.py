"""The terminal signals, any one of which suffices (protocol.md 2.2)."""

from __future__ import annotations

from typing import Final

from ... import signals as sig
from ... import wire
from ...actions import conversation as say
from ...session import LIVE, TERMINAL, Ended, Ending, Failed, Gone, TimedOut
from ...table import Row, ignore, row, rows
from .groups import CLOSE, NO_CHAT, OPEN, TERMINAL_SIGNALS, TOLD_ENDED, WAITING


def _ends() -> tuple[Row, ...]:
    """The terminal signals, any one of which suffices (protocol.md 2.2)."""
    return rows(
        row(OPEN, wire.SessionEnded, Ended, do=TOLD_ENDED, raises=sig.SessionOver, why="the normal end", ref="2.2"),
        row(
            OPEN,
            sig.StatusCompleted,
            Ended,
            do=(say.told_completed, *CLOSE),
            make=say.completed,
            raises=sig.SessionOver,
            why="done, with the outcome completed",
            ref="2.2; 10 row 21",
        ),
        row(
            OPEN,
            sig.StatusFailed,
            Failed,
            do=(say.told_failed, *CLOSE),
            raises=sig.SessionOver,
            why="the session no longer exists, or no agent could be had",
            ref="2.1; 2.2",
        ),
        row(
            OPEN,
            wire.InactivityTimeout,
            TimedOut,
            do=(say.told_timed_out, *CLOSE),
            raises=sig.SessionOver,
            why="the server has ended an idle session, warned or not",
            ref="2.2; 6.1",
        ),
        row(
            LIVE,
            sig.ChatGone,
            Gone,
            do=(say.told_gone, *CLOSE),
            raises=sig.SessionOver,
            why="404 or 5005: the server does not know this chat",
            ref="2.4",
        ),
        row(
            Ending,
            sig.ChatGone,
            Ended,
            do=TOLD_ENDED,
            raises=sig.SessionOver,
            why="that is what was asked for",
            ref="9",
        ),
        ignore(WAITING, TERMINAL_SIGNALS, NO_CHAT),
        ignore(TERMINAL, TERMINAL_SIGNALS, "the first terminal signal has fixed the outcome"),
    )


ROWS: Final = _ends()

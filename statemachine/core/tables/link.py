"""The link: at most one long poll, the next only after the last answer (protocol.md 4, D2.9).

After anything that may have lost events (a poll cut, refused as busy, a pause, a restart) the link is *off* until the
history has been read; *polling* again starts with `HistoryMerged`. A brake after instant empty answers loses nothing
and needs no history.
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from ..effects import polling as p
from ..session import LINK, LinkBackingOff, LinkBlocked, LinkOff, LinkPaused, LinkPolling
from ..table import STAY, Machine, ignore, row, rows

_WAITING: Final = (LinkOff, LinkBackingOff, LinkBlocked)
_NO_POLL: Final = "no poll is in flight"
_FAILURES: Final = (sig.PollBusy, sig.PollFailed, sig.PollRejected)

MACHINE: Final = Machine(
    name="link",
    attribute="link",
    states=LINK,
    initial=LinkOff,
    terminal=(),
    deadlines={LinkBackingOff: sig.PollDue},
    alphabet=(
        sig.ChatOpened,
        sig.HistoryMerged,
        sig.PollAnswered,
        sig.PollBusy,
        sig.PollFailed,
        sig.PollRejected,
        sig.PollBlocked,
        sig.PollDue,
        sig.LinkRefused,
        sig.Backgrounded,
        sig.Foregrounded,
        sig.Woken,
        sig.Unblocked,
        sig.SessionOver,
    ),
    rows=rows(
        row(LinkOff, sig.ChatOpened, LinkPolling, make=p.polling, why="a new chat has no history to read", ref="4"),
        ignore(LinkPaused, sig.ChatOpened, "in the background: no polling"),
        ignore((LinkPolling, LinkBackingOff, LinkBlocked), sig.ChatOpened, "at work already"),
        row(LinkOff, sig.HistoryMerged, LinkPolling, make=p.polling, why="the history first, then the poll", ref="4.2"),
        ignore((LinkPolling, LinkBackingOff, LinkPaused, LinkBlocked), sig.HistoryMerged, "no poll waits for it"),
        row(
            LinkPolling,
            sig.PollAnswered,
            LinkBackingOff,
            when=p.is_hasty,
            make=p.braking,
            why="instant answers with nothing new: a cache, or a server that does not hold",
            ref="4.2; 8 F34",
        ),
        row(
            LinkPolling,
            sig.PollAnswered,
            LinkPolling,
            when=p.was_in_trouble,
            make=p.polling_on,
            raises=sig.SecondReadingWanted,
            why="only an answered poll proves that the one before has let go; what that one ate is in the log",
            ref="10 row 5",
        ),
        row(LinkPolling, sig.PollAnswered, LinkPolling, make=p.polling_on, why="the server paces", ref="4.2"),
        row(
            LinkPolling,
            sig.PollBusy,
            LinkBackingOff,
            make=p.standing_back,
            why="another poll is held",
            ref="4.2; 8 F22",
        ),
        row(LinkPolling, sig.PollFailed, LinkBackingOff, make=p.backing_off, why="try again later", ref="4.2; 8 F3"),
        row(
            LinkPolling,
            sig.PollRejected,
            LinkBackingOff,
            when=p.may_repeat_poll,
            make=p.backing_off,
            why="refused for no known reason: a few more tries",
            ref="7",
        ),
        row(LinkPolling, sig.PollRejected, LinkBlocked, make=p.blocked, why="refused for good", ref="7"),
        row(
            LinkPolling, sig.PollBlocked, LinkBlocked, make=p.blocked, why="credentials or configuration", ref="7; D2.9"
        ),
        row(
            LinkPaused, sig.PollAnswered, LinkPaused, make=p.paused, why="the last one; no other is started", ref="4.2"
        ),
        row(LinkPaused, _FAILURES[0], LinkPaused, make=p.paused, why="the last one; no other is started", ref="4.2"),
        row(LinkPaused, _FAILURES[1], LinkPaused, make=p.paused, why="the last one; no other is started", ref="4.2"),
        row(LinkPaused, _FAILURES[2], LinkPaused, make=p.paused, why="the last one; no other is started", ref="4.2"),
        row(LinkPaused, sig.PollBlocked, LinkBlocked, make=p.blocked, why="credentials or configuration", ref="7"),
        ignore(_WAITING, (sig.PollAnswered, *_FAILURES, sig.PollBlocked), _NO_POLL),
        row(
            LinkBackingOff,
            sig.PollDue,
            LinkPolling,
            when=p.is_braking,
            make=p.polling_slowly,
            why="nothing was lost while braking",
            ref="4.2",
        ),
        row(
            LinkBackingOff,
            sig.PollDue,
            LinkOff,
            make=p.waiting,
            raises=sig.HistoryWanted,
            why="a poll that failed may have eaten events",
            ref="4.2; 10 row 1",
        ),
        ignore((LinkOff, LinkPolling, LinkPaused, LinkBlocked), sig.PollDue, "no pause is running"),
        row(
            (LinkOff, LinkPolling, LinkBackingOff, LinkPaused),
            sig.LinkRefused,
            LinkBlocked,
            make=p.blocked,
            why="another call was refused: credentials or configuration",
            ref="7; D2.9",
        ),
        ignore(LinkBlocked, sig.LinkRefused, "blocked already"),
        row(
            LinkPolling,
            sig.Backgrounded,
            LinkPaused,
            make=p.paused_with_poll,
            why="it only starts no other",
            ref="D2.9",
        ),
        row((LinkOff, LinkBackingOff), sig.Backgrounded, LinkPaused, make=p.paused, why="no polling", ref="4"),
        ignore(LinkPaused, sig.Backgrounded, "paused already"),
        ignore(LinkBlocked, sig.Backgrounded, "known", when=p.is_blocked_in_background),
        row(LinkBlocked, sig.Backgrounded, LinkBlocked, make=p.blocked_in_background, why="kept in mind", ref="D2.9"),
        row(
            LinkPaused,
            sig.Foregrounded,
            LinkPolling,
            when=p.is_in_flight,
            make=p.resuming_poll,
            why="the poll of before is still in flight",
            ref="D2.9",
        ),
        row(
            LinkPaused,
            sig.Foregrounded,
            LinkOff,
            when=p.chat_is_known,
            make=p.waiting,
            raises=sig.HistoryWanted,
            why="catch up, then poll",
            ref="4.2",
        ),
        row(
            LinkPaused, sig.Foregrounded, LinkOff, make=p.waiting, why="polling starts when the chat is there", ref="4"
        ),
        row(
            LinkBackingOff,
            sig.Foregrounded,
            LinkOff,
            make=p.waiting,
            raises=sig.HistoryWanted,
            why="somebody looks at it: try now",
            ref="4.2",
        ),
        ignore((LinkOff, LinkPolling), sig.Foregrounded, "not paused"),
        row(
            LinkBlocked,
            sig.Foregrounded,
            LinkBlocked,
            when=p.is_blocked_in_background,
            make=p.blocked_in_foreground,
            why="only new credentials help, but then it polls",
            ref="D2.9",
        ),
        ignore(LinkBlocked, sig.Foregrounded, "only new credentials help"),
        row(LinkPaused, sig.Woken, STAY, raises=sig.HistoryWanted, why="news without a long poll", ref="4 push"),
        row(
            LinkBackingOff,
            sig.Woken,
            LinkOff,
            make=p.waiting,
            raises=sig.HistoryWanted,
            why="the server is there: try now",
            ref="4 push",
        ),
        ignore((LinkOff, LinkPolling), sig.Woken, "the news comes by itself"),
        ignore(LinkBlocked, sig.Woken, "only new credentials help"),
        row(
            LinkBlocked,
            sig.Unblocked,
            LinkPaused,
            when=p.is_blocked_in_background,
            make=p.paused,
            raises=sig.HistoryWanted,
            why="caught up once, and no polling in the background",
            ref="D2.9",
        ),
        row(
            LinkBlocked,
            sig.Unblocked,
            LinkOff,
            make=p.waiting,
            raises=sig.HistoryWanted,
            why="one more try, history first",
            ref="D2.9",
        ),
        ignore((LinkOff, LinkPolling, LinkBackingOff, LinkPaused), sig.Unblocked, "not blocked"),
        row(
            (LinkPolling, LinkBackingOff, LinkPaused, LinkBlocked),
            sig.SessionOver,
            LinkOff,
            why="a dead chat is never polled",
            ref="2.2; 8 F1",
        ),
        ignore(LinkOff, sig.SessionOver, "off already"),
    ),
)

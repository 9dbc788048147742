"""The history: read when something may be missing, and when a post is in doubt (protocol.md 5.1, D2.8, D2.11).

A reading proves something about a post in doubt only if it began after that post could no longer land; one that began
earlier is *stale*, and is followed by another.
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from ..actions import conversation as say
from ..actions import polling as p
from ..session import HISTORY, HistoryBackingOff, HistoryCurrent, HistoryReading, HistoryStale
from ..table import Machine, ignore, row, rows

_IN_FLIGHT: Final = (HistoryReading, HistoryStale)
_NONE: Final = "no reading is in flight"
_ANSWERS: Final = (sig.HistoryRead, sig.HistoryFailed, sig.HistoryRejected, sig.HistoryBlocked)

MACHINE: Final = Machine(
    name="history",
    attribute="history",
    states=HISTORY,
    initial=HistoryCurrent,
    terminal=(),
    deadlines={HistoryBackingOff: sig.HistoryDue},
    alphabet=(
        sig.ChatReattached,
        sig.HistoryWanted,
        sig.SecondReadingWanted,
        sig.ProofWanted,
        *_ANSWERS,
        sig.HistoryDue,
        sig.SessionOver,
    ),
    rows=rows(
        row(
            HistoryCurrent,
            sig.ChatReattached,
            HistoryReading,
            make=p.reading,
            why="an existing chat has a past",
            ref="5.1",
        ),
        row(HistoryCurrent, sig.HistoryWanted, HistoryReading, make=p.reading, why="events may be missing", ref="4.2"),
        row(HistoryCurrent, sig.ProofWanted, HistoryReading, make=p.reading, why="a post is in doubt", ref="1.4 E6"),
        ignore((*_IN_FLIGHT, HistoryBackingOff), sig.ChatReattached, "a reading is on its way"),
        row(
            HistoryReading,
            sig.HistoryWanted,
            HistoryStale,
            make=p.stale,
            why="what was lost since may not be in it yet",
            ref="4.2",
        ),
        row(HistoryReading, sig.ProofWanted, HistoryStale, make=p.stale, why="it began too early to prove", ref="D2.8"),
        ignore(HistoryStale, (sig.HistoryWanted, sig.ProofWanted), "another reading follows anyway"),
        row(
            HistoryBackingOff,
            sig.HistoryWanted,
            HistoryReading,
            when=p.is_second_reading,
            make=p.reading,
            why="a poll waits for it now",
            ref="4.2",
        ),
        ignore(HistoryBackingOff, (sig.HistoryWanted, sig.ProofWanted), "the next reading begins after this"),
        row(
            HistoryCurrent,
            sig.SecondReadingWanted,
            HistoryBackingOff,
            make=p.reading_second,
            why="not at once: the hold of the poll before may last a while yet",
            ref="10 row 5",
        ),
        ignore((*_IN_FLIGHT, HistoryBackingOff), sig.SecondReadingWanted, "one is on its way"),
        row(
            _IN_FLIGHT,
            sig.HistoryRead,
            HistoryBackingOff,
            when=p.says_nothing_yet,
            make=p.reading_later,
            why="an empty log of a chat that has one proves nothing: a few more tries",
            ref="5.1; 7 5511",
        ),
        row(
            _IN_FLIGHT,
            sig.HistoryRead,
            HistoryCurrent,
            when=p.says_nothing,
            do=say.tell_gap,
            raises=(sig.HistoryUnreadable, sig.HistoryMerged),
            why="no history is to be had: say so, and go on without",
            ref="5.1; D2.11",
        ),
        row(
            HistoryReading,
            sig.HistoryRead,
            HistoryCurrent,
            raises=(sig.HistoryProved, sig.HistoryMerged),
            why="merged before the next poll",
            ref="D2.11",
        ),
        row(HistoryStale, sig.HistoryRead, HistoryReading, make=p.reading_again, why="now one that counts", ref="D2.8"),
        row(_IN_FLIGHT, sig.HistoryFailed, HistoryBackingOff, make=p.reading_later, why="try again later", ref="4.2"),
        row(
            _IN_FLIGHT,
            sig.HistoryRejected,
            HistoryBackingOff,
            when=p.may_repeat_reading,
            make=p.reading_later,
            why="an error that promises nothing: a few more tries",
            ref="7",
        ),
        row(
            _IN_FLIGHT,
            sig.HistoryRejected,
            HistoryCurrent,
            do=say.tell_gap,
            raises=(sig.HistoryUnreadable, sig.HistoryMerged),
            why="no history is to be had: say so, and go on without",
            ref="7; D2.11",
        ),
        row(
            _IN_FLIGHT,
            sig.HistoryBlocked,
            HistoryCurrent,
            raises=sig.ConnectionRefused,
            why="read again when the link is unblocked",
            ref="7; D2.9",
        ),
        ignore((HistoryCurrent, HistoryBackingOff), _ANSWERS, _NONE),
        row(HistoryBackingOff, sig.HistoryDue, HistoryReading, make=p.reading, why="the pause is over", ref="4.2"),
        ignore((HistoryCurrent, *_IN_FLIGHT), sig.HistoryDue, "no pause is running"),
        row(
            (*_IN_FLIGHT, HistoryBackingOff),
            sig.SessionOver,
            HistoryCurrent,
            why="often 404 from now on",
            ref="10 row 15",
        ),
        ignore(HistoryCurrent, sig.SessionOver, "nothing is being read"),
    ),
)

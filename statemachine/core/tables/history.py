"""The history: read when something may be missing, and when a post is in doubt (protocol.md 5.1, design 8, design 11).

Theory of operation
===================

Three causes start a reading: an existing chat, a poll that may have lost events, and a post whose outcome only the log
can tell. The log itself is merged by `fold.py` before the answer arrives here as `HistoryRead`; then the connection may
poll (`HistoryMerged`), and the items in doubt have their proof (`HistoryProved`).

A reading proves something about a post in doubt only if it began after that post could no longer arrive. One that began
earlier is `stale`, and is followed by another. A second reading, after a pause, follows the first answered poll after
failures: a poll that was cut may have been held on, and have consumed events after the log was read.

A log that is empty where it cannot be, or refused for no known reason, is read a few times more; then the session goes on
without it, and reports a gap.
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from .. import states as s
from ..actions import conversation as conv
from ..actions import polling as p
from ..table import Machine, arc, ignore, rows

IN_FLIGHT: Final = (s.HistoryReading, s.HistoryStale)
ANSWERS: Final = (sig.HistoryRead, sig.HistoryFailed, sig.HistoryRejected, sig.HistoryBlocked)
REQUESTS: Final = (sig.HistoryRequested, sig.ProofRequested)
UNREADABLE: Final = (sig.HistoryUnreadable, sig.HistoryMerged)

# fmt: off
ROWS: Final = rows(
    arc(s.HistoryCurrent,    sig.ChatReattached,         (),                  (), p.reading,        (), "an existing chat has a history",                                  "5.1"),
    arc(s.HistoryCurrent,    sig.HistoryRequested,       (),                  (), p.reading,        (), "events may be missing",                                           "4.2"),
    arc(s.HistoryCurrent,    sig.ProofRequested,         (),                  (), p.reading,        (), "a post is in doubt",                                              "1.4 E6"),
    arc(s.HistoryCurrent,    sig.SecondReadingRequested, (),                  (), p.reading_second, (), "not at once: the server may hold the poll before a while longer", "10 row 5"),
    ignore((*IN_FLIGHT, s.HistoryBackingOff), (sig.ChatReattached, sig.SecondReadingRequested), "a reading is due already"),
    arc(s.HistoryReading,    sig.HistoryRequested,       (),                  (), p.stale,          (), "what was lost since may not be in it yet",                        "4.2"),
    arc(s.HistoryReading,    sig.ProofRequested,         (),                  (), p.stale,          (), "it began too early to prove anything",                            "design 8"),
    ignore(s.HistoryStale, REQUESTS, "another reading follows anyway"),
    arc(s.HistoryBackingOff, sig.HistoryRequested,       p.is_second_reading, (), p.reading,        (), "a poll waits for it now",                                         "4.2"),
    ignore(s.HistoryBackingOff, REQUESTS, "the next reading begins after this"),

    arc(IN_FLIGHT,        sig.HistoryRead,     p.log_is_missing_so_far, (),              p.reading_after_rejection,(),                                     "an empty log of a chat that has one proves nothing: a few more tries", "5.1; 7 5511"),
    arc(IN_FLIGHT,        sig.HistoryRead,     p.log_is_missing,        conv.report_gap, s.HistoryCurrent, UNREADABLE,                             "the history cannot be read: report a gap and go on",                   "5.1; design 11"),
    arc(s.HistoryReading, sig.HistoryRead,     (),                      (),              s.HistoryCurrent, (sig.HistoryProved, sig.HistoryMerged), "merged before the next poll",                                          "design 11"),
    arc(s.HistoryStale,   sig.HistoryRead,     (),                      (),              p.reading_again,  (),                                     "now a reading that proves something",                                  "design 8"),
    arc(IN_FLIGHT,        sig.HistoryFailed,   (),                      (),              p.reading_later,  (),                                     "try again later",                                                      "4.2"),
    arc(IN_FLIGHT,        sig.HistoryRejected, p.may_repeat_reading,    (),              p.reading_after_rejection,(),                                     "an error that may pass: a few more tries",                             "7"),
    arc(IN_FLIGHT,        sig.HistoryRejected, (),                      conv.report_gap, s.HistoryCurrent, UNREADABLE,                             "the history cannot be read: report a gap and go on",                   "7; design 11"),
    arc(IN_FLIGHT,        sig.HistoryBlocked,  (),                      (),              s.HistoryCurrent, sig.ConnectionRefused,                  "read again when the connection is unblocked",                          "7; design 9"),
    ignore((s.HistoryCurrent, s.HistoryBackingOff), ANSWERS, "no reading is in flight"),

    arc(s.HistoryBackingOff,               (sig.HistoryDue, sig.Foregrounded), (), (), p.reading,        (), "the pause is over, or the application is in use", "4.2"),
    ignore((s.HistoryCurrent, *IN_FLIGHT), (sig.HistoryDue, sig.Foregrounded), "no pause is running"),
    arc((*IN_FLIGHT, s.HistoryBackingOff), sig.SessionOver,                    (), (), s.HistoryCurrent, (), "often 404 from now on",                           "10 row 15"),
    ignore(s.HistoryCurrent, sig.SessionOver, "nothing is being read"),
)
# fmt: on

MACHINE: Final = Machine(
    name="history",
    states=s.HISTORY,
    initial=s.HistoryCurrent,
    terminal=(),
    rows=ROWS,
    deadlines={s.HistoryBackingOff: sig.HistoryDue},
)

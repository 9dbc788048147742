"""The connection: at most one long poll, the next only after the last answer (protocol.md 4, design 9).

Theory of operation
===================

While `polling`, one poll is in flight, and each answer starts the next. After anything that may have lost events (a poll
cut, refused as busy, a pause, a restart) the connection is `off` until the history has been read; `HistoryMerged` starts
the next poll. Between failures it is `backing_off`.

The brake is no failure: after several instant answers that bring nothing (a cache, or a server that does not hold), or
many that bring something, it backs off too, with `tries` 0. Nothing was lost, so no history is read after it. Where the
process restarts meanwhile it becomes a failure: a step with a poll alone is not saved, so one may have been answered since.

In the background it is `paused`: a poll in flight is not withdrawn, only no other is started. Where credentials or
configuration are refused it is `blocked`, until the application reauthorizes, or ends; it remembers whether it is in
the background meanwhile. `SessionOver` turns it off.
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from .. import states as s
from ..actions import polling as p
from ..table import STAY, Machine, arc, ignore, rows

OFF, POLLING, BACKING_OFF, PAUSED, BLOCKED = s.CONNECTION
ANSWERS: Final = (sig.PollAnswered, sig.PollBusy, sig.PollFailed)

# fmt: off
ROWS: Final = rows(
    # starting to poll
    arc(OFF, sig.ChatStarted,   (), (), p.polling, (), "a new chat has no history to read", "4"),
    ignore(PAUSED, sig.ChatStarted, "in the background: no polling"),
    ignore((POLLING, BACKING_OFF, BLOCKED), sig.ChatStarted, "started already"),
    arc(OFF, sig.HistoryMerged, (), (), p.polling, (), "the history first, then the poll",  "4.2"),
    ignore((POLLING, BACKING_OFF, PAUSED, BLOCKED), sig.HistoryMerged, "no poll waits for it"),

    # answers of the poll
    arc(POLLING, sig.PollAnswered, p.is_spinning,       (), p.braking,              (),                         "instant answers, once too often: a cache, or a server that does not hold",                       "4.2; 8 F34"),
    arc(POLLING, sig.PollAnswered, p.has_failed_before, (), p.polling_on,           sig.SecondReadingRequested, "only an answered poll proves that the one before has ended; the log has what that one consumed", "10 row 5"),
    arc(POLLING, sig.PollAnswered, (),                  (), p.polling_on,           (),                         "the server sets the pace",                                                                       "4.2"),
    arc(POLLING, sig.PollBusy,     (),                  (), p.backing_off_busy,     (),                         "another poll is held",                                                                           "4.2; 8 F22"),
    arc(POLLING, sig.PollFailed,   (),                  (), p.backing_off,          (),                         "try again later, also where it is refused for no known reason: nobody could unblock it",         "4.2; 7; 8 F3; design 14"),
    arc(POLLING, sig.PollBlocked,  (),                  (), p.blocked,              (),                         "credentials or configuration",                                                                   "7; design 9"),
    arc(PAUSED,  ANSWERS,          (),                  (), PAUSED,                 (),                         "the last one; no other is started",                                                              "4.2"),
    arc(PAUSED,  sig.PollBlocked,  (),                  (), p.blocked_while_paused, (),                         "credentials or configuration",                                                                   "7"),
    arc(BACKING_OFF, sig.PollFailed, p.is_braking,      (), p.backing_off,          (),                         "a restart: the poll that follows the saved session may have consumed events",                    "design 16"),
    ignore((OFF, BACKING_OFF, BLOCKED), (*ANSWERS, sig.PollBlocked), "no poll is in flight"),

    # back-off
    arc(BACKING_OFF, sig.PollDue, p.is_braking, (), p.polling_slowly, (),                   "nothing was lost during the brake",           "4.2"),
    arc(BACKING_OFF, sig.PollDue, (),           (), p.waiting,        sig.HistoryRequested, "a poll that failed may have consumed events", "4.2; 10 row 1"),
    ignore((OFF, POLLING, PAUSED, BLOCKED), sig.PollDue, "no pause is running"),

    # background, foreground, push
    arc(POLLING,            sig.Backgrounded, (),                  (), p.paused_with_poll,      (),                   "it only starts no other poll",                 "design 9"),
    arc((OFF, BACKING_OFF), sig.Backgrounded, (),                  (), PAUSED,                  (),                   "no polling in the background",                 "4"),
    ignore(PAUSED, sig.Backgrounded, "paused already"),
    ignore(BLOCKED, sig.Backgrounded, "known already", p.is_in_background),
    arc(BLOCKED,            sig.Backgrounded, (),                  (), p.blocked_in_background, (),                   "remembered until it is unblocked",             "design 9"),
    arc(PAUSED,             sig.Foregrounded, p.poll_is_in_flight, (), p.resuming_poll,         (),                   "the poll of before is still in flight",        "design 9"),
    arc(PAUSED,             sig.Foregrounded, p.chat_is_known,     (), p.waiting,               sig.HistoryRequested, "read the history, then poll",                  "4.2"),
    arc(PAUSED,             sig.Foregrounded, (),                  (), p.waiting,               (),                   "polling starts when the chat exists",          "4"),
    arc(BACKING_OFF,        sig.Foregrounded, (),                  (), p.waiting,               sig.HistoryRequested, "the application is in use: try now",           "4.2"),
    ignore((OFF, POLLING), sig.Foregrounded, "not paused"),
    arc(BLOCKED,            sig.Foregrounded, p.is_in_background,  (), p.blocked_in_foreground, (),                   "only new credentials help, but then it polls", "design 9"),
    ignore(BLOCKED, sig.Foregrounded, "only new credentials help"),
    arc(PAUSED,             sig.PushAccepted, (),                  (), STAY,                    sig.HistoryRequested, "updates without a long poll",                  "4 push"),
    arc(BACKING_OFF,        sig.PushAccepted, (),                  (), p.waiting,               sig.HistoryRequested, "the server can be reached: try now",           "4 push"),
    ignore((OFF, POLLING), sig.PushAccepted, "the poll or the history will bring it"),
    ignore(BLOCKED, sig.PushAccepted, "only new credentials help"),

    # blocked and unblocked
    arc((OFF, POLLING, BACKING_OFF), sig.ConnectionRefused, (),                 (), p.blocked,              (),                   "another call was refused: credentials or configuration", "7; design 9"),
    arc(PAUSED,                      sig.ConnectionRefused, (),                 (), p.blocked_while_paused, (),                   "another call was refused: credentials or configuration", "7; design 9"),
    ignore(BLOCKED, sig.ConnectionRefused, "blocked already"),
    arc(BLOCKED,                     sig.Unblocked,         p.is_in_background, (), PAUSED,                 sig.HistoryRequested, "one reading, and no polling in the background",          "design 9"),
    arc(BLOCKED,                     sig.Unblocked,         (),                 (), p.waiting,              sig.HistoryRequested, "one more try, history first",                            "design 9"),
    ignore((OFF, POLLING, BACKING_OFF, PAUSED), sig.Unblocked, "not blocked"),

    # "no such chat" to another call
    ignore((POLLING, BLOCKED), sig.VerdictRequested, "the poll in flight decides, or the time that is over"),
    ignore(PAUSED, sig.VerdictRequested, "the poll in flight decides", p.poll_is_in_flight),
    ignore(BACKING_OFF, sig.VerdictRequested, "the next poll decides", p.is_braking),
    arc((OFF, PAUSED), sig.VerdictRequested, (), (), STAY,      sig.ProofRequested, "without a poll, the history decides", "design 13"),
    arc(BACKING_OFF,   sig.VerdictRequested, (), (), p.waiting, sig.ProofRequested, "without a poll, the history decides", "design 13"),

    # the end
    arc((POLLING, BACKING_OFF, PAUSED, BLOCKED), sig.SessionOver, (), (), OFF, (), "a chat that is over is never polled", "2.2; 8 F1"),
    ignore(OFF, sig.SessionOver, "off already"),
)
# fmt: on

MACHINE: Final = Machine(
    name="connection", states=s.CONNECTION, initial=OFF, terminal=(), rows=ROWS, deadlines={BACKING_OFF: sig.PollDue}
)

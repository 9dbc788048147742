"""The presence: whether the server still knows the chat (protocol.md 2.4, design 13).

Theory of operation
===================

"No such chat" (404, 5005) to a call beside the poll may cross the end of the chat: the poll in flight then carries the
end, and an agent's last message. So such an answer only raises a doubt, and the session goes on; its phase stays. While
the chat is `doubted`, nothing is sent. The poll decides: an answer with entries, or an empty one, shows that the chat
exists, and "no such chat" to the poll itself ends the session at once, without this machine.

Without a poll in flight, one reading of the history decides, which must begin after the denial. If nothing decides in
`Config.presence_timeout`, which is longer than the server holds a poll, the denial is believed.
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from .. import states as s
from ..actions import polling as p
from ..table import Machine, arc, ignore, rows

PRESENT, DOUBTED = s.PRESENCE

# fmt: off
ROWS: Final = rows(
    arc(PRESENT,            sig.ChatDenied,    (),                  (), p.doubted, sig.VerdictRequested, "the end may be on its way",                               "design 13"),
    ignore(DOUBTED, sig.ChatDenied, "doubted already"),
    arc(PRESENT,            sig.HistoryDenied, p.poll_is_in_flight, (), p.doubted, (),                   "the poll in flight decides",                              "design 13"),
    ignore(DOUBTED, sig.HistoryDenied, "the poll in flight decides", p.poll_is_in_flight),
    arc((PRESENT, DOUBTED), sig.HistoryDenied, (),                  (), PRESENT,   sig.ChatGone,         "no poll is in flight, and the history is gone",           "2.4"),
    arc(DOUBTED,            sig.ChatSeen,      (),                  (), PRESENT,   (),                   "the poll was answered: the chat exists",                  "design 13"),
    ignore(DOUBTED, sig.HistoryProved, "the poll in flight decides", p.poll_is_in_flight),
    arc(DOUBTED,            sig.HistoryProved, (),                  (), PRESENT,   (),                   "a history that was read since proves that it exists",     "design 13"),
    arc(DOUBTED,            sig.DoubtExpired,  (),                  (), PRESENT,   sig.ChatGone,         "nothing has contradicted the denial, and the hold is over", "design 13"),
    arc(DOUBTED,            sig.SessionOver,   (),                  (), PRESENT,   (),                   "the session is over",                                     "2.2"),
    ignore(PRESENT, (sig.ChatSeen, sig.HistoryProved, sig.DoubtExpired, sig.SessionOver), "nothing is in doubt"),
)
# fmt: on

MACHINE: Final = Machine(
    name="presence", states=s.PRESENCE, initial=PRESENT, terminal=(), rows=ROWS, deadlines={DOUBTED: sig.DoubtExpired}
)

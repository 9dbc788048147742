"""The opening: the search for a chat id, with E4 (create) or E5 (find the active chat).

Theory of operation
===================

The lifecycle starts the search with `ChatRequested` or `SearchRequested`, and this machine tries until the server
answers; `back_off` gives the pauses. It never gives up by itself: the lifecycle limits the time, and `SessionOver` stops
the search.

The search goes on after the customer has ended (`EndRequested`), because a chat that it opens must be ended too. A call
in flight is then awaited; the next one only asks (E5), for no chat is created in order to end it. A chat found in this
case is adopted in any stage: if it has ended, the server's status says so next.
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from .. import states as s
from ..actions import opening as op
from ..table import Machine, arc, ignore, rows

IN_FLIGHT: Final = (s.OpeningCreating, s.OpeningFinding)
SEARCHING: Final = (*IN_FLIGHT, s.OpeningBackingOff)
REQUESTS: Final = (sig.ChatRequested, sig.SearchRequested)
ANSWERS: Final = (sig.ChatFound, sig.NoActiveChat, sig.OpeningFailed, sig.OpeningRefused)

# fmt: off
ROWS: Final = rows(
    arc(s.OpeningIdle, sig.ChatRequested,   (), (), op.creating, (), "a chat is created, or the active one returned", "1.2 E4"),
    arc(s.OpeningIdle, sig.SearchRequested, (), (), op.finding,  (), "the active chat is searched for",               "1.2 E5"),
    ignore(SEARCHING, REQUESTS, "a chat is being searched for already"),

    arc(IN_FLIGHT,         sig.ChatFound,      op.customer_has_ended, op.adopt_chat, s.OpeningIdle,      sig.ExistingChatOpened, "now the end can be sent",                                   "design 18"),
    arc(s.OpeningFinding,  sig.ChatFound,      op.chat_has_ended,     (),            s.OpeningIdle,      sig.NoChatOpened,       "the chat found is over: there is no active chat",           "2.4; 10 row 25"),
    arc(s.OpeningCreating, sig.ChatFound,      op.chat_has_ended,     (),            op.to_create_later, (),                     "an ended session that was not purged yet: try again later", "10 row 25"),
    arc(IN_FLIGHT,         sig.ChatFound,      op.is_new_chat,        op.adopt_chat, s.OpeningIdle,      sig.NewChatOpened,      "the server has created it",                                 "9"),
    arc(IN_FLIGHT,         sig.ChatFound,      (),                    op.adopt_chat, s.OpeningIdle,      sig.ExistingChatOpened, "the chat may have a history",                               "2.3 step 1; 9"),
    arc(s.OpeningFinding,  sig.NoActiveChat,   (),                    (),            s.OpeningIdle,      sig.NoChatOpened,       "404 on E5 says no active chat",                             "2.4"),
    ignore(s.OpeningCreating, sig.NoActiveChat, "only a search can find nothing"),
    arc(s.OpeningCreating, sig.OpeningFailed,  op.customer_has_ended, (),            op.to_find_later,   (),                     "try again later; no chat is created in order to end it",    "8 F27; design 18"),
    arc(s.OpeningCreating, sig.OpeningFailed,  (),                    (),            op.to_create_later, (),                     "try again later",                                           "8 F27"),
    arc(s.OpeningFinding,  sig.OpeningFailed,  (),                    (),            op.to_find_later,   (),                     "try again later",                                           "8 F27"),
    arc(IN_FLIGHT,         sig.OpeningRefused, (),                    (),            s.OpeningIdle,      sig.ChatRefused,        "configuration or authorization: waiting does not help",     "7; 8 F27"),
    ignore((s.OpeningIdle, s.OpeningBackingOff), ANSWERS, "no call is in flight"),

    arc(s.OpeningBackingOff, sig.OpeningDue, op.may_only_find, (), op.finding_again,  (), "the pause is over", "7"),
    arc(s.OpeningBackingOff, sig.OpeningDue, (),               (), op.creating_again, (), "the pause is over", "7"),
    ignore((s.OpeningIdle, *IN_FLIGHT), sig.OpeningDue, "no pause is running"),

    arc(s.OpeningBackingOff, sig.EndRequested, (), (), op.to_find_only, (), "no chat is created in order to end it", "design 18"),
    ignore(IN_FLIGHT, sig.EndRequested, "the call in flight is awaited: a chat that it opens must be ended too"),

    arc(SEARCHING, sig.SessionOver, (), (), s.OpeningIdle, (), "the session is over", "8 F27"),
    ignore(s.OpeningIdle, (sig.EndRequested, sig.SessionOver), "no chat is being searched for"),
)
# fmt: on

MACHINE: Final = Machine(
    name="opening",
    states=s.OPENING,
    initial=s.OpeningIdle,
    terminal=(),
    rows=ROWS,
    deadlines={s.OpeningBackingOff: sig.OpeningDue},
)

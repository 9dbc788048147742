"""Ephemeral: receipts and typing signals, beside the queue, one post at a time, best effort (design 8).

Theory of operation
===================

The entries wait in `Session.ephemeral_queue`; the lifecycle's rows put them there. This machine posts them, one at a
time: without it, two hundred messages in one batch would be two hundred posts at once. A post that fails is not
repeated. After a failure that shows a server or a network in trouble, everything that waits is dropped.
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from .. import states as s
from ..actions import ephemeral as eph
from ..table import Machine, arc, ignore, rows

# fmt: off
ROWS: Final = rows(
    arc(s.EphemeralQuiet,   sig.SendSlot,        eph.may_post, (),               eph.posting,      (), "something waits",                             "3.1"),
    ignore(s.EphemeralQuiet, sig.SendSlot, "nothing waits, or nothing may be sent"),
    ignore(s.EphemeralPosting, sig.SendSlot, "one at a time"),
    arc(s.EphemeralPosting, sig.EphemeralDone,   eph.may_post, (),               eph.posting,      (), "the next one",                                "3.1"),
    arc(s.EphemeralPosting, sig.EphemeralDone,   (),           (),               s.EphemeralQuiet, (), "best effort: no answer needs a reaction",     "10 row 19"),
    arc(s.EphemeralPosting, sig.EphemeralFailed, (),           eph.drop_pending, s.EphemeralQuiet, (), "no burst of receipts to a server in trouble", "10 rows 14, 19"),
    arc(s.EphemeralPosting, sig.SessionOver,     (),           (),               s.EphemeralQuiet, (), "nothing is sent after the end",               "8 F37"),
    ignore(s.EphemeralQuiet, (sig.EphemeralDone, sig.EphemeralFailed, sig.SessionOver), "nothing is in flight"),
)
# fmt: on

MACHINE: Final = Machine(name="ephemeral", states=s.EPHEMERAL, initial=s.EphemeralQuiet, terminal=(), rows=ROWS)

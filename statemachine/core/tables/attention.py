"""Attention: whether the server has warned that it will end an idle session (protocol.md 6.1).

Theory of operation
===================

It is a machine beside the lifecycle: "warned" as a stage that remembers where to return would double every row there.
The idle timer is the server's. The client only shows the warning until something of the customer's has arrived there:
an item that the server accepted, or a message from another device. The public phase shows `warned` while the lifecycle
is live.
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from .. import states as s
from ..table import Machine, arc, ignore, rows

# fmt: off
ROWS: Final = rows(
    arc(s.Calm,   sig.WarningReceived, (), (), s.Warned, (), "half of the idle time has passed",                     "6.1"),
    ignore(s.Warned, sig.WarningReceived, "warned already; the text is reported all the same"),
    arc(s.Warned, sig.CustomerActed,   (), (), s.Calm,   (), "a message that arrived resets the server's timer",     "6.1; 10 row 7"),
    arc(s.Warned, sig.SessionOver,     (), (), s.Calm,   (), "the session is over: there is no idle timer any more", "9"),
    ignore(s.Calm, (sig.CustomerActed, sig.SessionOver), "not warned"),
)
# fmt: on

MACHINE: Final = Machine(name="attention", states=s.ATTENTION, initial=s.Calm, terminal=(), rows=ROWS)

"""Attention: whether the server has warned that it will end an idle session (protocol.md 6.1).

Beside the lifecycle, not in it: "warned" as a stage that remembers where to return would double every arc. The idle
timer is the server's; the client only shows the warning until something of the customer's has arrived there.
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from ..session import ATTENTION, Calm, Warned
from ..table import Machine, ignore, row, rows

MACHINE: Final = Machine(
    name="attention",
    attribute="attention",
    states=ATTENTION,
    initial=Calm,
    terminal=(),
    alphabet=(sig.WarningReceived, sig.CustomerActed, sig.SessionOver),
    rows=rows(
        row(Calm, sig.WarningReceived, Warned, why="half of the idle time has passed", ref="6.1"),
        ignore(Warned, sig.WarningReceived, "warned already; the text is told all the same"),
        row(
            Warned, sig.CustomerActed, Calm, why="a message that arrived resets the server's timer", ref="6.1; 10 row 7"
        ),
        ignore(Calm, sig.CustomerActed, "nothing to calm"),
        row(Warned, sig.SessionOver, Calm, why="nothing is left to warn about", ref="9"),
        ignore(Calm, sig.SessionOver, "nothing to calm"),
    ),
)

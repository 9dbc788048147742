"""Courtesy: receipts and typing, beside the queue, one post at a time, best effort (D2.8).

A sixth machine beside the five of the design: without it, two hundred messages in one batch would be two hundred
posts at once, or their receipts a flag beside the state.
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from ..actions import ephemeral
from ..session import EPHEMERAL, EphemeralPosting, EphemeralQuiet
from ..table import Machine, ignore, row, rows

MACHINE: Final = Machine(
    name="ephemeral",
    attribute="ephemeral",
    states=EPHEMERAL,
    initial=EphemeralQuiet,
    terminal=(),
    alphabet=(sig.SendSlot, sig.EphemeralDone, sig.EphemeralFailed, sig.SessionOver),
    rows=rows(
        row(
            EphemeralQuiet,
            sig.SendSlot,
            EphemeralPosting,
            when=ephemeral.may_post,
            make=ephemeral.posting,
            why="something waits",
            ref="3.1",
        ),
        ignore(EphemeralQuiet, sig.SendSlot, "nothing waits, or nothing may be sent"),
        ignore(EphemeralPosting, sig.SendSlot, "one at a time"),
        row(
            EphemeralPosting,
            sig.EphemeralDone,
            EphemeralPosting,
            when=ephemeral.may_post,
            make=ephemeral.posting,
            why="the next one",
            ref="3.1",
        ),
        row(
            EphemeralPosting, sig.EphemeralDone, EphemeralQuiet, why="best effort: whatever the answer", ref="10 row 19"
        ),
        ignore(EphemeralQuiet, (sig.EphemeralDone, sig.EphemeralFailed), "nothing is in flight"),
        row(
            EphemeralPosting,
            sig.EphemeralFailed,
            EphemeralQuiet,
            do=ephemeral.drop_pending,
            why="no storm of receipts on a server in trouble",
            ref="10 rows 14, 19",
        ),
        row(EphemeralPosting, sig.SessionOver, EphemeralQuiet, why="nothing is sent after the end", ref="8 F37"),
        ignore(EphemeralQuiet, sig.SessionOver, "nothing is in flight"),
    ),
)

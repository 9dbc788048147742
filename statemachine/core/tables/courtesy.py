"""Courtesy: receipts and typing, beside the queue, one post at a time, best effort (D2.8).

A sixth machine beside the five of the design: without it, two hundred messages in one batch would be two hundred
posts at once, or their receipts a flag beside the state.
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from ..effects import manners
from ..session import COURTESY, CourtesyPosting, CourtesyQuiet
from ..table import Machine, ignore, row, rows

MACHINE: Final = Machine(
    name="courtesy",
    attribute="courtesy",
    states=COURTESY,
    initial=CourtesyQuiet,
    terminal=(),
    alphabet=(sig.Turn, sig.CourtesyDone, sig.CourtesyFailed, sig.SessionOver),
    rows=rows(
        row(
            CourtesyQuiet,
            sig.Turn,
            CourtesyPosting,
            when=manners.may_post,
            make=manners.posting,
            why="something waits",
            ref="3.1",
        ),
        ignore(CourtesyQuiet, sig.Turn, "nothing waits, or nothing may be sent"),
        ignore(CourtesyPosting, sig.Turn, "one at a time"),
        row(
            CourtesyPosting,
            sig.CourtesyDone,
            CourtesyPosting,
            when=manners.may_post,
            make=manners.posting,
            why="the next one",
            ref="3.1",
        ),
        row(CourtesyPosting, sig.CourtesyDone, CourtesyQuiet, why="best effort: whatever the answer", ref="10 row 19"),
        ignore(CourtesyQuiet, (sig.CourtesyDone, sig.CourtesyFailed), "nothing is in flight"),
        row(
            CourtesyPosting,
            sig.CourtesyFailed,
            CourtesyQuiet,
            do=manners.drop_pending,
            why="no storm of receipts on a server in trouble",
            ref="10 rows 14, 19",
        ),
        row(CourtesyPosting, sig.SessionOver, CourtesyQuiet, why="nothing is sent after the end", ref="8 F37"),
        ignore(CourtesyQuiet, sig.SessionOver, "nothing is in flight"),
    ),
)

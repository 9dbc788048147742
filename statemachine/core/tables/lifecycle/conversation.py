"""What is told (live, as the past, or late), and level news: receipts, typing, forms, case."""

from __future__ import annotations

from typing import Final

from ... import signals as sig
from ... import wire
from ...actions import conversation as say
from ...actions import memory, participants
from ...session import LIFECYCLE, LIVE, TERMINAL, Ending
from ...table import STAY, Row, ignore, row, rows
from .groups import NO_CHAT, OPEN, OVER, WAITING

LATE: Final = "told as late, without a receipt"


WITH_ROWS: Final = (
    wire.Message,
    wire.File,
    wire.Location,
    wire.FormShow,
    wire.SecureFormShow,
    wire.Signaling,
    wire.CobrowsingRequested,
    wire.TimeoutWarning,
    wire.Unknown,
    wire.Malformed,
)
"""Transcript entries with rows of their own while the session is open; all others have those of `_plain`."""


def _plain(one: type[wire.Entry]) -> list[Row]:
    """The rows of a transcript entry that needs no treatment of its own."""
    ours = ignore(OPEN, one, "our own, back", when=memory.is_own) if "party_id" in one.__match_args__ else []
    return [
        *ours,
        row(OPEN, one, STAY, when=say.is_past, do=say.tell_past, why="an old one", ref="5.1"),
        row(OPEN, one, STAY, do=say.tell_live, why="told", ref="3.0"),
    ]


def _transcript() -> tuple[Row, ...]:
    """What is told, live, as the past, or late."""
    parts: list[list[Row] | Row] = []
    for spoken in (wire.Message, wire.File, wire.Location):
        parts += [
            row(
                OPEN,
                spoken,
                STAY,
                when=say.echoes_spoken,
                raises=sig.EchoReceived,
                why="ours, back: it arrived",
                ref="5",
            ),
            row(
                OPEN,
                spoken,
                STAY,
                when=memory.is_own,
                do=say.tell_own,
                raises=sig.CustomerActed,
                why="ours, from another device",
                ref="5; 8 F33",
            ),
            row(OPEN, spoken, STAY, when=say.is_past, do=say.tell_past, why="no receipts for the past", ref="5.1"),
        ]
    parts += [
        row(
            LIVE,
            wire.Message,
            STAY,
            when=say.wants_receipt,
            do=(say.tell_live, participants.hide_typing, say.owe_delivered),
            why="told, and confirmed as delivered once",
            ref="3.1; 8 F15",
        ),
    ]
    for spoken in (wire.Message, wire.File, wire.Location):
        parts.append(row(OPEN, spoken, STAY, do=(say.tell_live, participants.hide_typing), why="told", ref="3.1"))
    for shown in (wire.FormShow, wire.SecureFormShow):
        parts += [
            row(OPEN, shown, STAY, when=say.is_answered_past, do=say.tell_past, why="answered already", ref="5.1"),
            row(LIVE, shown, STAY, do=(say.tell_live, participants.open_form), why="open until answered", ref="3.2"),
            row(Ending, shown, STAY, do=say.tell_live, why="told, but there will be no answer", ref="3.2"),
        ]
    parts.append(ignore(OPEN, wire.Signaling, "our own signal, back", when=memory.is_own))
    told = (wire.Signaling, wire.CobrowsingRequested)
    for one in told:
        parts += [row(OPEN, one, STAY, do=say.tell_live, why="told, as typed data", ref="3.3; 3.4")]
    parts += [
        row(OPEN, wire.TimeoutWarning, STAY, when=say.is_past, do=say.tell_past, why="an old warning", ref="5.1"),
        row(
            LIVE,
            wire.TimeoutWarning,
            STAY,
            when=say.is_answered_past,
            do=say.tell_live,
            why="something came after it in the log",
            ref="6.1",
        ),
        row(LIVE, wire.TimeoutWarning, STAY, do=say.tell_live, raises=sig.WarningReceived, why="told", ref="6.1"),
        row(Ending, wire.TimeoutWarning, STAY, do=say.tell_live, why="told", ref="6.1"),
        row(
            OPEN,
            wire.Unknown,
            STAY,
            when=say.is_past,
            do=(say.note_unknown, say.tell_past),
            why="kept raw",
            ref="3.0",
        ),
        row(OPEN, wire.Unknown, STAY, do=(say.note_unknown, say.tell_live), why="kept raw", ref="3.0; 8 F9"),
        row(OPEN, wire.Malformed, STAY, do=(say.note_malformed, say.tell_live), why="isolated", ref="8 F9"),
    ]
    parts += [_plain(one) for one in wire.TRANSCRIPT_ENTRIES if one not in WITH_ROWS]
    parts += [row(TERMINAL, one, STAY, do=say.tell_late, why=LATE, ref="9") for one in wire.TRANSCRIPT_ENTRIES]
    parts.append(ignore(WAITING, wire.TRANSCRIPT_ENTRIES, NO_CHAT))
    return rows(*parts)


def _room() -> tuple[Row, ...]:
    """Level news: receipts, typing, forms closed, case, service."""
    expiries = (sig.TypingExpired, sig.OwnTypingExpired, sig.FormExpired)
    return rows(
        row(OPEN, wire.MessageDelivered, STAY, raises=sig.DeliveryConfirmed, why="of one of ours", ref="3.1; 5"),
        row(OPEN, wire.MessageRead, STAY, raises=sig.ReadConfirmed, why="of one of ours", ref="3.1; 5"),
        ignore(OPEN, wire.Typing, "our own typing", when=participants.is_own_typing),
        row(
            OPEN,
            wire.Typing,
            STAY,
            do=participants.show_typing,
            why="shown, with an expiry of its own",
            ref="3.1; 8 F32",
        ),
        row(OPEN, wire.NotTyping, STAY, do=participants.hide_typing, why="hidden", ref="3.1"),
        row(
            OPEN,
            wire.FormData,
            STAY,
            when=say.echoes_item,
            raises=sig.EchoReceived,
            why="our answer arrived",
            ref="3.2",
        ),
        row(OPEN, wire.FormData, STAY, do=participants.close_form, why="answered from elsewhere", ref="3.2"),
        row(OPEN, wire.FormDataCancel, STAY, do=participants.close_form, why="cancelled from elsewhere", ref="3.2"),
        row(OPEN, wire.SecureFormData, STAY, do=participants.close_form, why="answered from elsewhere", ref="3.2"),
        row(OPEN, wire.SecureFormCancel, STAY, do=participants.close_form, why="either side may cancel", ref="3.2"),
        row(OPEN, wire.CaseSet, STAY, do=participants.set_case, why="case features on, or off again", ref="3.1; 9"),
        row(OPEN, wire.Info, STAY, do=participants.set_service, why="the service's name", ref="3.1"),
        row(
            OPEN,
            wire.Navigation,
            STAY,
            when=say.echoes_item,
            raises=sig.EchoReceived,
            why="ours: it arrived",
            ref="3.1",
        ),
        ignore(OPEN, wire.Navigation, "a client's own event, back in history"),
        row(
            OPEN, sig.TypingExpired, STAY, do=participants.expire_typing, why="a not_typing may never come", ref="8 F32"
        ),
        row(
            OPEN,
            sig.OwnTypingExpired,
            STAY,
            do=say.owe_not_typing,
            why="the application forgot to say so",
            ref="8 F32",
        ),
        row(
            OPEN,
            sig.FormExpired,
            STAY,
            do=participants.expire_forms,
            why="hides the form, never ends the session",
            ref="10 row 24",
        ),
        ignore(WAITING, (*wire.STATUS_ENTRIES, *expiries), NO_CHAT),
        ignore(TERMINAL, (*wire.STATUS_ENTRIES, *expiries), OVER),
        row(
            OPEN,
            wire.SessionDisconnect,
            STAY,
            when=say.echoes_item,
            raises=sig.EchoReceived,
            why="our disconnect arrived",
            ref="6.2",
        ),
        ignore(OPEN, wire.SessionDisconnect, "an earlier one"),
        ignore(LIFECYCLE, wire.IGNORED_ENTRIES, "a client's own event: nothing follows from its echo"),
    )


ROWS: Final = (
    *_transcript(),
    *_room(),
)

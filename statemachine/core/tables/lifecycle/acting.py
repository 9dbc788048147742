"""Local intents: what goes into the queue, leaving, typing, background and push."""

from __future__ import annotations

from typing import Final

from ... import events as ev
from ... import signals as sig
from ...actions import conversation as say
from ...actions import opening, outgoing, participants
from ...draft import Draft
from ...session import LIVE, TERMINAL, Ending, Idle, Requesting, WrappingUp
from ...table import STAY, Row, ignore, reject, row, rows
from .groups import BEFORE_AGENT, IS_ENDING, NO_CHAT, NOT_STARTED, OPEN, OVER, OVER_INTENT, TALKING, TOO_LONG, WAITING

QUEUED_INTENTS: Final = (ev.SendText, ev.SendEntry, ev.SendFile, ev.AnswerForm, ev.AnswerSecureForm, ev.CancelForm)
NOT_SENDABLE: Final = (
    "this kind of entry is not sent so: there is an intent of its own for it, or only the server sends it"
)
FULL: Final = "too much is waiting to be sent already (Config.items_limit); wait for outcomes"


def _sending() -> tuple[Row, ...]:
    """Local intents that put something into the queue."""
    parts: list[list[Row] | Row] = [
        ignore(
            (Requesting, *LIVE, Ending, *TERMINAL),
            QUEUED_INTENTS,
            "accepted already under this key",
            when=outgoing.key_is_known,
        ),
        reject((Requesting, *LIVE), QUEUED_INTENTS, FULL, when=outgoing.queue_is_full),
        reject((Requesting, *LIVE), ev.SendText, "there is no text", when=outgoing.is_empty),
        reject((Requesting, *LIVE), QUEUED_INTENTS, TOO_LONG, when=outgoing.is_too_long),
        reject((Requesting, *LIVE), ev.SendEntry, NOT_SENDABLE, when=outgoing.is_not_sendable),
        row(
            LIVE,
            ev.SendText,
            STAY,
            when=outgoing.answers_prompt,
            do=(outgoing.queue_prompt_answer, say.take_back_typing),
            raises=sig.ItemQueued,
            why="a form without a name takes the next text",
            ref="3.2; 8 F31",
        ),
        row(
            (Requesting, *LIVE),
            ev.SendText,
            STAY,
            do=(outgoing.queue_text, say.forget_typing),
            raises=sig.ItemQueued,
            why="one queue out",
            ref="D2.8",
        ),
        row(
            (Requesting, *LIVE),
            ev.SendEntry,
            STAY,
            do=outgoing.queue_entry,
            raises=sig.ItemQueued,
            why="one queue out",
            ref="D2.8",
        ),
        row(
            (Requesting, *LIVE),
            ev.SendFile,
            STAY,
            do=outgoing.queue_file,
            raises=sig.FileQueued,
            why="uploaded first, then queued",
            ref="1.2 E12",
        ),
    ]
    for answer, effect, is_open in (
        (ev.AnswerForm, outgoing.queue_form_answer, participants.is_open_form),
        (ev.AnswerSecureForm, outgoing.queue_secure_answer, participants.is_open_form),
        (ev.CancelForm, outgoing.queue_form_cancel, participants.is_any_open_form),
    ):
        parts += [
            row(
                LIVE,
                answer,
                STAY,
                when=is_open,
                do=effect,
                raises=sig.ItemQueued,
                why="one answer a request",
                ref="8 F31",
            ),
            *reject(LIVE, answer, "no such form is open: it was answered, cancelled or has expired"),
            *reject(Requesting, answer, "no form is open yet"),
        ]
    parts += [
        reject(Idle, QUEUED_INTENTS, NOT_STARTED),
        reject(Ending, QUEUED_INTENTS, IS_ENDING),
        reject(TERMINAL, QUEUED_INTENTS, OVER_INTENT),
    ]
    return rows(*parts)


def _leaving() -> tuple[Row, ...]:
    """Disconnect and end: two intents, never sent together (F30)."""
    end = (outgoing.queue_end, say.drop_ephemeral)
    return rows(
        ignore(TALKING, ev.Disconnect, "on its way already", when=outgoing.disconnect_is_queued),
        row(
            TALKING,
            ev.Disconnect,
            STAY,
            do=outgoing.queue_disconnect,
            raises=sig.ItemQueued,
            why="the conversation ends when the server has it",
            ref="6.2",
        ),
        row(
            (Requesting, *BEFORE_AGENT),
            ev.Disconnect,
            Ending,
            do=end,
            make=opening.ending,
            raises=(sig.ItemQueued, sig.Unblocked),
            why="before any agent it is sent as end",
            ref="6.2",
        ),
        ignore(WrappingUp, ev.Disconnect, "the conversation is over already"),
        reject(Idle, (ev.Disconnect, ev.End), NOT_STARTED),
        ignore((Ending, *TERMINAL), (ev.Disconnect, ev.End), "fulfilled already"),
        row(
            (Requesting, *LIVE),
            ev.End,
            Ending,
            do=end,
            make=opening.ending,
            raises=(sig.ItemQueued, sig.Unblocked),
            why="takes its place in the queue; a blocked link gets one more try",
            ref="6.2; D2.9",
        ),
    )


def _manners() -> tuple[Row, ...]:
    """Typing, read receipts, background, push: best effort, so never refused."""
    link = (
        (ev.Background, sig.Backgrounded, "stop polling after the poll in flight"),
        (ev.Foreground, sig.Foregrounded, "catch up, then poll"),
        (ev.Reauthorized, sig.Unblocked, "a blocked link may go on"),
    )
    typing = (ev.StartTyping, ev.StopTyping, ev.MarkDelivered, ev.MarkRead)
    return rows(
        row(
            LIVE,
            ev.StartTyping,
            STAY,
            when=say.typing_is_new,
            do=say.owe_typing,
            why="announced, and again every few seconds",
            ref="3.1",
        ),
        ignore(LIVE, ev.StartTyping, "announced lately"),
        row(
            LIVE,
            ev.StopTyping,
            STAY,
            when=say.is_typing,
            do=say.owe_not_typing,
            why="what was announced is taken back",
            ref="8 F32",
        ),
        ignore(LIVE, ev.StopTyping, "no typing was announced"),
        row(
            LIVE,
            ev.MarkDelivered,
            STAY,
            when=say.can_deliver,
            do=say.owe_delivered_on_word,
            why="delivered on the application's word, once, where the engine does not say it by itself",
            ref="8 F15",
        ),
        ignore(LIVE, ev.MarkDelivered, "told already, or this version of the API has no receipts"),
        row(
            LIVE,
            ev.MarkRead,
            STAY,
            when=say.can_read,
            do=say.owe_read,
            why="read only on the application's word, once",
            ref="8 F15",
        ),
        ignore(LIVE, ev.MarkRead, "told already, or this version of the API has no receipts"),
        ignore(WAITING, typing, NO_CHAT),
        ignore((Ending, *TERMINAL), typing, "nothing more is said"),
        *(
            part
            for intent, signal, why in link
            for part in (
                row((*WAITING, *OPEN), intent, STAY, raises=signal, why=why, ref="4.2; D2.9"),
                *ignore(TERMINAL, intent, OVER),
            )
        ),
        row(
            OPEN,
            ev.PushReceived,
            STAY,
            when=is_about_this_chat,
            raises=sig.Woken,
            why="read the history once",
            ref="1.2; 4",
        ),
        ignore(OPEN, ev.PushReceived, "about another chat"),
        ignore(WAITING, ev.PushReceived, NO_CHAT),
        ignore(TERMINAL, ev.PushReceived, OVER),
    )


def is_about_this_chat(d: Draft, e: ev.PushReceived) -> bool:
    """Before the chat is known, no notification is: an empty id names nothing."""
    return e.chat_id.lower() == d.chat.chat_id.lower() != ""


ROWS: Final = (
    *_sending(),
    *_leaving(),
    *_manners(),
)

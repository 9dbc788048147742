"""Mutants that random traces seldom show, each with the reason. A vector rejects each of them.

A pattern matches a mutant's whole name. It holds for all states of a row, for chance decides in which of them 2,000
random traces meet with what the reason names.
"""

from __future__ import annotations

from typing import Final

from .equivalent import Groups, patterns, reason_in

_ANY: Final = r"(drop|guard negated|redirect to [\w ]+|without [\w ]+)"

_GROUPS: Final[Groups] = (
    (
        "the service's name shows only in the time of the next event, where that one says an earlier time",
        (r"lifecycle/\w+/info: (drop|without set_service)",),
    ),
    (
        "the same message must be confirmed twice, where the engine confirms none by itself",
        (r"lifecycle/\w+/mark-delivered-may-confirm-delivery: without mark_delivered",),
    ),
    (
        "a receipt or a typing note must wait for its turn at the moment when the session ends",
        (
            r"lifecycle/\w+/(end|session-ended|inactivity-timeout|status-(completed|failed)): without drop_ephemeral",
            r"lifecycle/ending/(chat-refused|no-chat-opened): without clear_participants",
        ),
    ),
    (
        "the server must return this very entry of ours, under its id, in this stage",
        (
            rf"lifecycle/\w+/location-echoes-own-item: {_ANY}",
            rf"lifecycle/\w+/(navigation|session-disconnect|form-data)-echoes-item: {_ANY}",
            r"item/(uploading|sent)/echo-received( and 1 other states)?: redirect to absent",
        ),
    ),
    (
        "the first log of an existing chat must show this entry, and that its conversation is over or has an agent",
        (rf"lifecycle/(wrapping_up|agent_joined|connected)/[a-z-]+-is-historic: {_ANY}",),
    ),
    (
        "the queue must be full, or the text or id longer than a limit, at the moment of this very intent",
        (r"lifecycle/\w+/[a-z-]+-(queue-is-full|is-too-long): drop",),
    ),
    (
        "a form must be cancelled under a key that another intent has had",
        (rf"lifecycle/requesting/cancel-form-key-is-known and 12 other states: {_ANY}",),
    ),
    (
        "a prompt of the scenario must be open when an agent is seen for the first time",
        (
            r"lifecycle/\w+/(roster-read-has-new-agent|status-connected-has-agent|party-joined-joins-as-agent)"
            r": without close_prompts",
        ),
    ),
    (
        "a stage before the conversation must be reported while an agent is on the roster",
        (r"lifecycle/(establishing|ivr|queued|connecting)/status-connected-has-agent: (drop|redirect to [\w ]+)",),
    ),
    (
        "somebody must type when a file comes",
        (r"lifecycle/\w+/file: without hide_typing",),
    ),
    (
        "our typing must be announced: the traces type little outside of a conversation",
        (
            r"lifecycle/\w+/send-text-answers-prompt: without take_back_typing",
            r"lifecycle/\w+/stop-typing-typing-is-announced: (drop|without queue_not_typing)",
            r"lifecycle/\w+/start-typing-announcement-is-due: guard removed",
        ),
    ),
    (
        "the session must be warned of its end when another device of the customer writes",
        (r"lifecycle/\w+/(message|file|location)-is-own: without raising CustomerActed",),
    ),
    (
        "the customer must have ended, and the chat still show something: a trace is seldom long enough after that",
        (
            rf"lifecycle/ending/(reauthorized|secure-form-cancel|no-chat-opened): {_ANY}",
            r"lifecycle/\w+/end: without raising Unblocked",
        ),
    ),
    (
        "a trace requests its chat with all that is needed, and waits for the time limit of the request seldom",
        (r"lifecycle/idle/(reattach-lacks-origin: drop|request-chat: another due)",),
    ),
    (
        "the poll that was in flight on the way to the background must fail in this very way",
        (
            rf"connection/paused/poll-(blocked|busy): ({_ANY}|another (code|paused))",
            r"connection/paused/foregrounded-poll-is-in-flight: another fast\w+",
        ),
    ),
    (
        "readings must be rejected before and after a return to the foreground",
        (r"history/backing_off/foregrounded: another rejections",),
    ),
    (
        "an item that awaits receipts when the session is over shows only in a receipt that comes even later",
        (r"item/(sent|delivered)/session-over: (drop|redirect to where it was)",),
    ),
    (
        "a disconnect must be in doubt while the last agent leaves",
        (rf"item/in_doubt/history-proved-is-done-by-roster: {_ANY}",),
    ),
    (
        "the history must be unreadable during the few seconds in which a post may still arrive",
        (r"item/in_doubt/history-unreadable-has-deadline: (drop|redirect to absent)",),
    ),
    (
        "a file must be on its way when there is no chat, or when an answer comes that belongs to another item",
        (
            rf"item/uploading/no-chat-to-send-to: {_ANY}",
            r"item/uploading/post-accepted and 4 other states: redirect to absent",
            r"item/pending/delivery-confirmed: redirect to absent",
        ),
    ),
    (
        "a post must be refused so often that its number of tries decides",
        (r"item/sending/post-(blocked|refused-entry-is-session-end): another tries",),
    ),
    (
        "a search must find a chat that was created by a request of before",
        (rf"opening/finding/chat-found-is-new-chat: {_ANY}",),
    ),
    (
        "the history must be denied while a poll is held, and the poll then bring something",
        (
            r"presence/doubted/history-denied-poll-is-in-flight: (drop|redirect to present)",
            r"reaction to poll: empty: without ChatSeen",
        ),
    ),
)

SELDOM: Final = patterns(_GROUPS)


def seldom(name: str) -> str | None:
    """Why 2,000 random traces may not show this mutant, or None."""
    return reason_in(SELDOM, name)

"""Mutants that no outside observer can tell from the engine, each with the reason.

A pattern matches a mutant's whole name.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

Groups: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""Reasons, each with the patterns of the mutants that it holds for."""
Patterns: TypeAlias = tuple[tuple[re.Pattern[str], str], ...]


def patterns(groups: Groups) -> Patterns:
    """Each pattern with its reason."""
    return tuple((re.compile(pattern), reason) for reason, some in groups for pattern in some)


def reason_in(known: Patterns, name: str) -> str | None:
    """The reason of the first pattern that matches this mutant's name, or None."""
    return next((why for pattern, why in known if pattern.fullmatch(name)), None)


_GROUPS: Final[Groups] = (
    (
        "no item of a session is ever absent, read or failed: such an item has left it, and receives nothing",
        (
            r"item/absent/(?!item-queued|file-queued)[a-z-]+: redirect to uploading",
            r"item/read/[a-z-]+ and 1 other states: redirect to absent",
        ),
    ),
    (
        "an answer reaches an item only while it owes that call, a deadline only in the states that have it; "
        "only a new item is queued",
        (
            r"item/\w+/(?!post-accepted|post-doubted)(post|upload|item|file|no-chat|no-receipt)[a-z-]*"
            r" and [345] other states: redirect to absent",
        ),
    ),
    (
        "the answer of a poll reaches the connection only while it owes one: polling, or paused with one in flight",
        (r"connection/off/poll-(?!failed)\w+ and 2 other states: redirect to paused",),
    ),
    (
        "a chat is opened once: until then there was no poll, and no reading",
        (
            r"connection/polling/chat-started and 2 other states: redirect to off",
            r"history/reading/chat-reattached and 2 other states: redirect to current",
            r"opening/creating/(chat|search)-requested and 2 other states: redirect to idle",
        ),
    ),
    ("in JSON, such an entry is no `send_entry` at all", (r"lifecycle/\w+/send-entry-is-not-sendable: drop",)),
    (
        "before a chat is open, every answer to a form is refused, for this reason or for another",
        (r"lifecycle/requesting/(answer|cancel)-[a-z-]*(too-long|full): (drop|guard negated|guard removed)",),
    ),
    (
        "the maker leaves this field at its default",
        (
            r"connection/polling/poll-answered-is-spinning: another (code|detail|reason)",
            r"connection/backing_off/poll-failed-is-braking: another (code|detail)",
            r"connection/(polling/poll-blocked|(off|polling|backing_off)/connection-refused"
            r"|blocked/foregrounded-is-in-background)"
            r": another paused",
            r"item/absent/(item|file)-queued: another (call|due)",
            r"item/in_doubt/(history-proved(-entry-is-file)?|item-settled): another due",
            r"item/\w+/(item-due|post-blocked|upload-(accepted|blocked)): another (call|due)",
            r"item/uploading/upload-(limited-may-retry|postponed): another call",
            r"opening/creating/chat-found-chat-has-ended: another (code|detail|find|reason)",
            r"opening/creating/opening-failed: another find",
            r"opening/\w+/(opening-failed-customer-has-ended|end-requested): another (from_|parameters|phone_number)",
            r"opening/finding/opening-failed: another (from_|parameters|phone_number)",
        ),
    ),
    (
        "slack counts only beside a deadline without a call",
        (
            r"item/absent/(item|file)-queued: another slack",
            r"item/in_doubt/history-proved(-entry-is-file)?: another slack",
            r"item/\w+/(item-due|post-blocked|upload-accepted|upload-blocked|send-slot-may-post): another slack",
        ),
    ),
    (
        "the pause after a failure does not keep the counts of fast answers",
        (r"connection/(polling/poll-(busy|failed)|backing_off/poll-failed-is-braking): another fast\w+",),
    ),
    (
        "an item that is absent, read or failed leaves the session alike; the row's effects have reported it",
        (
            r"item/(?!uploading/read)\w+/(session-over|read-confirmed|history-unreadable|no-chat-to-send-to|(post|upload)-refused"
            r"|post-denied|(post|upload)-limited|post-(limited|doubted)-is-traceless): redirect to absent",
        ),
    ),
    (
        "an item that awaits no receipt leaves the session when it was sent",
        (
            r"item/(pending|sending|in_doubt)/(echo-received|post-accepted)(-entry-is-session-disconnect)?"
            r": redirect to absent",
            r"item/in_doubt/history-proved-is-done-by-roster: redirect to absent",
        ),
    ),
    (
        "without a chat, and after the end, there are no calls, typists, forms or items that could raise it",
        (
            r"lifecycle/(idle|ended)/(chat-gone|disconnect-sent|\w+-expired|own-typing-expired) and [13] other states"
            r": redirect to .*",
            r"lifecycle/ended/roster-read and 3 other states: redirect to idle",
        ),
    ),
    (
        "before there is a chat, nobody is on the roster, and nothing ephemeral waits",
        (
            r"lifecycle/requesting/(chat-refused|time-limit-reached|end|disconnect|send-text)"
            r": without (clear_participants|drop_ephemeral|clear_typing)",
            r"lifecycle/ending/(chat-refused|no-chat-opened): without drop_ephemeral",
        ),
    ),
    (
        "receipts and typing were dropped when the customer ended the session, and none is added after that",
        (
            r"lifecycle/ending/(chat-gone|session-ended|inactivity-timeout|status-\w+|time-limit-reached[a-z-]*)"
            r": without drop_ephemeral",
            r"lifecycle/ending/own-typing-expired: .*",
        ),
    ),
    (
        "before there is a chat, no connection is blocked",
        (
            r"lifecycle/(idle|requesting)/reauthorized: (drop|without raising Unblocked)",
            r"lifecycle/requesting/(end|disconnect): without raising Unblocked",
        ),
    ),
    (
        "once the chat is open, no search for it is left that could end",
        (r"lifecycle/(?!requesting)\w+/(end|disconnect): without raising EndRequested",),
    ),
    (
        "an echo goes to the item of its id alone: without one, to none",
        (r"lifecycle/\w+/(navigation|session-disconnect)-echoes-item: guard removed",),
    ),
    (
        "a move into a record like the one before is no move",
        (
            r"connection/blocked/backgrounded-is-in-background: drop",
            r"connection/blocked/foregrounded-is-in-background: guard removed",
        ),
    ),
    (
        "the end of the session, which this raises, stops the search and the doubt too",
        (
            r"opening/(creating|finding)/opening-refused: redirect to where it was",
            r"presence/\w+/(history-denied|doubt-expired): redirect to where it was",
        ),
    ),
    ("while `connected`, no agent is on the roster", (r"lifecycle/connected/disconnect-sent: without remove_agents",)),
    (
        "a disconnect is queued during a conversation, and from there no stage leads back to `establishing`",
        (r"lifecycle/establishing/session-disconnect-echoes-item: .*",),
    ),
    ("a chat that is found after the end counts as existing", (r"lifecycle/ending/new-chat-opened: redirect to idle",)),
    ("only a search is answered so", (r"opening/creating/no-active-chat: redirect to idle",)),
    (
        "the phase of a session that is ending or over does not say whether it was warned",
        (
            r"lifecycle/ending/(message|file|location)-is-own: without raising CustomerActed",
            r"attention/\w+/session-over: .*",
            r"coupling: lifecycle raises SessionOver, attention .*",
        ),
    ),
)

EQUIVALENT: Final = patterns(_GROUPS)


def reason(name: str) -> str | None:
    """Why no observer can tell this mutant from the engine, or None."""
    return reason_in(EQUIVALENT, name)

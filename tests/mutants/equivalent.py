"""The mutants that no life can tell from the engine, each with the reason. A pattern matches a mutant's whole name."""

from __future__ import annotations

import re
from typing import Final

_GROUPS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (
        "the end of the session, which this raises, stops the search too",
        (r"opening: creating\|finding on OpeningRefused -> idle: redirect to where it was",),
    ),
    (
        "only a sent item is found to await no receipt",
        (r"item: uploading…in_doubt on NoReceiptAwaited -> ignored: .*",),
    ),
    (
        "no item of a session is ever absent, read or failed: such an item has left it, and hears nothing",
        (r"item: absent on \w+ -> ignored: redirect to uploading", r"item: read\|failed on \w+ -> ignored: .*"),
    ),
    (
        "a move into a record like the one before is no move",
        (
            r"connection: blocked on Backgrounded \[is_in_background\] -> ignored: drop",
            r"connection: blocked on Foregrounded \[is_in_background\] -> blocked: guard removed",
        ),
    ),
    (
        "an answer reaches an item only while the item owes that call: an upload while uploading, a post while sending",
        (
            r"item: pending…delivered on Upload\w+ -> ignored: .*",
            r"item: uploading…delivered on Post\w+ -> ignored: .*",
        ),
    ),
    (
        "only a new item hears that it is queued",
        (r"item: uploading…delivered on (ItemQueued|FileQueued) -> ignored: .*",),
    ),
    (
        "a deadline raises its signal only in the states that have it",
        (r"item: sending…delivered on ItemDue -> .*", r"item: uploading…delivered on ItemSettled -> .*"),
    ),
    ("nothing is sent before a chat is found", (r"item: sending…delivered on NoChatToSendTo -> .*",)),
    (
        "an item that is absent, read or failed leaves the session alike; what differs was told by the row's effects",
        (r"item: .* -> (failed|read): redirect to absent",),
    ),
    (
        "what can get no receipt (no text, file or location) leaves the session as soon as it is sent, or absent",
        (
            r"item: sending on PostAccepted( \[entry_is\(SessionDisconnect\)\])? -> sent: redirect to absent",
            r"item: in_doubt on HistoryProved \[is_done_by_roster\] -> sent: redirect to absent",
            r"item: pending\|sending\|in_doubt on EchoReceived"
            r"( \[entry_is\(SessionDisconnect\)\])? -> sent: redirect to absent",
        ),
    ),
    (
        "the search begins once, and its answers come while it runs; after `end` no chat counts as new",
        (
            r"lifecycle: ending on NewChatOpened -> ignored: redirect to idle",
            r"opening: creating\|finding\|backing_off on (Chat|Search)Requested -> ignored: redirect to idle",
            r"opening: creating on NoActiveChat -> ignored: redirect to idle",
        ),
    ),
    (
        "before there is a chat there are no participants, and nothing ephemeral waits",
        (
            r"lifecycle: ending on (NoChatOpened|ChatRefused) -> ended: without (clear_participants|drop_ephemeral)",
            r"lifecycle: requesting on (ChatRefused|TimeLimitReached) -> failed: "
            r"without (clear_participants|drop_ephemeral)",
        ),
    ),
    (
        "the ephemeral items were dropped when the customer said `end`, and none is added after that",
        (
            r"lifecycle: ending on TimeLimitReached( \[end_was_sent\])? -> \w+: without drop_ephemeral",
            r"lifecycle: ending on ChatGone -> ended: without drop_ephemeral",
        ),
    ),
    (
        "a session that is over, or has no chat yet, has no calls, typists, forms or items that could raise it",
        (
            r"lifecycle: (ended…gone|idle\|requesting) on \w+Expired -> ignored: .*",
            r"lifecycle: (ended…gone|idle\|requesting) on (DisconnectSent|ChatGone) -> ignored: .*",
        ),
    ),
    ("the log of a session that is over rebuilds no roster", (r"lifecycle: ended…gone on RosterRead -> ignored: .*",)),
    (
        "an echo is heard by the item of its id alone: without one, by nobody",
        (r"lifecycle: establishing…ending on (Navigation|SessionDisconnect) \[echoes_item\] -> stays: guard removed",),
    ),
    (
        "the phase of a session that is over no longer says whether it was warned",
        (r"attention: \w+ on SessionOver -> .*", r"coupling: lifecycle raises SessionOver, attention .*"),
    ),
    (
        "a chat is opened once: until then there was no poll, no reading, and no call that could be refused",
        (
            r"connection: polling\|backing_off\|blocked on ChatStarted -> .*",
            r"history: reading\|stale\|backing_off on ChatReattached -> .*",
        ),
    ),
    (
        "the answer of a poll reaches the link only while it owes one: polling, or paused with one in flight",
        (r"connection: off\|backing_off\|blocked on Poll\w+ -> ignored: .*",),
    ),
    (
        "the end of the session, which this raises, ends the doubt too",
        (
            r"presence: present\|doubted on HistoryDenied -> present: redirect to where it was",
            r"presence: doubted on DoubtExpired -> present: redirect to where it was",
        ),
    ),
    (
        "the turn at the end of every step posts the next one, in the same step",
        (r"ephemeral: posting on EphemeralDone \[may_post\] -> posting: (drop|redirect to quiet)",),
    ),
)

EQUIVALENT: Final = tuple((re.compile(pattern), reason) for reason, patterns in _GROUPS for pattern in patterns)


def reason(name: str) -> str | None:
    """Why this mutant is no other engine, or None."""
    return next((why for pattern, why in EQUIVALENT if pattern.fullmatch(name)), None)

"""Posting courtesies, one at a time."""

from __future__ import annotations

from ..draft import Draft
from ..session import LIVE, ConnectionBlocked, EphemeralPosting, EphemeralQueue
from .timing import answer_due


def may_post(d: Draft, e: object) -> bool:
    """Something waits, the customer has not ended, and the link is not blocked."""
    return (
        bool(d.ephemeral_queue.pending)
        and d.chat.chat_id != ""
        and type(d.lifecycle) in LIVE
        and type(d.connection) is not ConnectionBlocked
    )


def posting(d: Draft, e: object) -> EphemeralPosting:
    first, *others = d.ephemeral_queue.pending
    d.ephemeral_queue = EphemeralQueue(tuple(others), d.ephemeral_queue.due)
    return EphemeralPosting(d.next_id(), answer_due(d, d.config.request_timeout), first)


def drop_pending(d: Draft, e: object) -> None:
    """Best effort; our own typing still expires, and is then taken back."""
    if d.ephemeral_queue.pending:
        d.ephemeral_queue = EphemeralQueue((), d.ephemeral_queue.due)

"""Posting courtesies, one at a time."""

from __future__ import annotations

from ..draft import Draft
from ..session import LIVE, Asides, CourtesyPosting, LinkBlocked
from .timing import answer_due


def may_post(d: Draft, e: object) -> bool:
    """Something waits, the customer has not ended, and the link is not blocked."""
    return (
        bool(d.asides.pending)
        and d.chat.chat_id != ""
        and type(d.lifecycle) in LIVE
        and type(d.link) is not LinkBlocked
    )


def posting(d: Draft, e: object) -> CourtesyPosting:
    first, *others = d.asides.pending
    d.asides = Asides(tuple(others), d.asides.due)
    return CourtesyPosting(d.next_id(), answer_due(d, d.config.request_timeout), first)


def drop_pending(d: Draft, e: object) -> None:
    """Best effort; our own typing still expires, and is then taken back."""
    if d.asides.pending:
        d.asides = Asides((), d.asides.due)

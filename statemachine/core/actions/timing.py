"""Deadlines: one setter, one back-off for everything (design 4), and what a failure says about both."""

from __future__ import annotations

from .. import states as s
from ..draft import Draft
from ..events import Failure, FailureKind


def after(d: Draft, milliseconds: int) -> int:
    """The deadline this far from now, at least 1 ms ahead: a laptop that slept does not wake to a thousand polls."""
    return d.now + (milliseconds if milliseconds > 0 else 1)


def can_send(d: Draft) -> bool:
    """There is a chat to send to, it is not doubted, and the connection is not blocked."""
    return d.chat.chat_id != "" and type(d.presence) is s.Present and type(d.connection) is not s.ConnectionBlocked


def back_off(d: Draft, e: object, tries: int, cap: int | None = None) -> tuple[int, int]:
    """(due, slack) of the next try after `tries` failures in a row (1, 2, …): doubling from the start up to the cap.

    `e`: the last failure. The adapter may be late by the slack, half the pause: that is the jitter. A `Retry-After`
    only ever prolongs.
    """
    config = d.config
    highest = config.backoff_cap if cap is None else cap
    pause = min(config.backoff_start << min(tries - 1, 16), highest)
    asked = retry_after(e)
    if asked is not None:
        pause = max(pause, min(asked, config.retry_after_cap))
    return after(d, pause), pause // 2


def retry_after(e: object) -> int | None:
    """The pause that a failure asks for, in milliseconds."""
    return e.retry_after if isinstance(e, Failure) else None


def failure_words(e: object) -> tuple[FailureKind | None, int | None, str]:
    """What `ConnectionChanged` says of a failure: (reason, code, detail)."""
    return (e.kind, failure_code(e), e.detail) if isinstance(e, Failure) else (None, None, "")


def failure_code(e: object) -> int | None:
    """The error code of a failure, or its HTTP status where it has none."""
    return (e.code or e.status) if isinstance(e, Failure) else None

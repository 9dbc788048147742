"""Deadlines: one setter, and one back-off for everything (D2.4)."""

from __future__ import annotations

from ..draft import Draft


def after(d: Draft, milliseconds: int) -> int:
    """The deadline this far from now, at least 1 ms ahead: a laptop that slept does not wake to a thousand polls."""
    return d.now + (milliseconds if milliseconds > 0 else 1)


def answer_due(d: Draft, timeout: int) -> int:
    """When a command that may take `timeout` milliseconds counts as unanswered."""
    wait = timeout + d.config.answer_margin
    return d.now + (wait if wait > 0 else 1)


def back_off(d: Draft, tries: int, cap: int | None = None, retry_after: int | None = None) -> tuple[int, int]:
    """(due, slack) of the next try after `tries` failures in a row (1, 2, …): doubling from the start up to the cap.

    The adapter may be late by the slack, half the pause: that is the jitter. A `Retry-After` only ever prolongs.
    """
    config = d.config
    highest = config.backoff_cap if cap is None else cap
    pause = min(config.backoff_start << min(tries - 1, 16), highest)
    if retry_after is not None:
        pause = max(pause, min(retry_after, config.retry_after_cap))
    return after(d, pause), pause // 2

"""What stands between the application and its chats: to mask, to log, to route."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from ..core import Intent
from .stream import Update

if TYPE_CHECKING:
    from .session import ChatSession

__all__ = ["Middleware", "send_through", "tell_through"]


class Middleware:
    """Override what you need. Of several, the first is nearest to the application.

    Both are called in the event loop's thread, and answer at once. Neither may change its argument, which is frozen:
    `attrs.evolve` makes another.
    """

    def sending(self, session: ChatSession, intent: Intent) -> Intent:
        """Called before anything is done with what the application wants. What it raises, the application gets."""
        return intent

    def telling(self, session: ChatSession, update: Update) -> Update | None:
        """Called as news is read; None: it is dealt with and not told.

        The journal holds what came: news told again after a restart comes through here again. What it raises counts as
        raised by the application's own handler, or by its loop.
        """
        return update


def send_through(chain: Sequence[Middleware], session: ChatSession, intent: Intent) -> Intent:
    """What is sent of `intent`."""
    return reduce(lambda passed, one: one.sending(session, passed), chain, intent)


def tell_through(chain: Sequence[Middleware], session: ChatSession, update: Update) -> Update | None:
    """What is told of `news`."""
    passed: Update | None = update
    for one in reversed(chain):
        if passed is None:
            break
        passed = one.telling(session, passed)
    return passed

"""Middleware between the application and its chats: to mask, to log, to route."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import NoneType
from typing import get_args

from ..core import INTENTS, Intent
from .session import ChatSession
from .stream import Update


class Middleware:
    """A base class with two hooks. Of several, the first is nearest to the application.

    `session`: the chat. `intent`, `update`: see `statemachine`. Both are called in the event loop's thread and must
    return at once. Arguments are frozen: `attrs.evolve` makes a
    changed copy.
    """

    def sending(self, session: ChatSession, intent: Intent) -> Intent:
        """Called before an intent of the application is carried out. Its exceptions reach the application.

        Args:
            session: Of the intent.
            intent: As the application has asked for it.

        Returns:
            The intent to carry out in its place.
        """
        return intent

    def delivering(self, session: ChatSession, update: Update) -> Update | None:
        """Called as an update is read.

        The journal holds the original: an update delivered again after a restart passes here again. An exception counts
        as one of the application's handler or loop.

        Args:
            session: Of the update.
            update: As it is delivered.

        Returns:
            The update to deliver in its place; None: acknowledge it without delivering it.
        """
        return update


def filter_intent(chain: Sequence[Middleware], session: ChatSession, intent: Intent) -> Intent:
    """Pass an intent through all middleware. Raises TypeError for one that returns something else."""
    for one in chain:
        intent = one.sending(session, intent)
        _check_result(one.sending, intent, INTENTS, "an intent")
    return intent


def filter_update(chain: Sequence[Middleware], session: ChatSession, update: Update) -> Update | None:
    """Pass an update through all middleware, the last first. Raises TypeError for one that returns something else."""
    passed: Update | None = update
    for one in reversed(chain):
        if passed is None:
            break
        passed = one.delivering(session, passed)
        _check_result(one.delivering, passed, (*get_args(Update), NoneType), "an update or None")
    return passed


def _check_result(method: Callable[..., object], result: object, kinds: tuple[type, ...], wanted: str) -> None:
    if not isinstance(result, kinds):
        raise TypeError(f"{method.__qualname__} must return {wanted}, not {type(result).__name__}")

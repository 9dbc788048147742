"""A healed world comes to rest: a poll is held and nothing else is owed, or the chat is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from statemachine.core.commands import Poll
from statemachine.core.derived import outbox, wake_window
from statemachine.core.session import ConnectionBackingOff, HistoryCurrent, Idle, Session

from .people import is_over

if TYPE_CHECKING:
    from .world import World

__all__ = ["is_at_rest", "judge_rest"]


def is_at_rest(world: World) -> bool:
    """Whether nothing is left to do, and it is saved."""
    session = world.session
    if world.driver.saved is not session:
        return False
    if is_over(session) or isinstance(session.lifecycle, Idle):
        return True
    chat = world.centre.chats.get(session.chat.chat_id.lower())
    return (
        _is_polling(world, session)
        and isinstance(session.history, HistoryCurrent)
        and chat is not None
        and not chat.pending
        and not any(item.state.name in ("uploading", "pending", "in_doubt") for item in session.items)
        and not session.ephemeral_queue.pending
    )


def _is_polling(world: World, session: Session) -> bool:
    owed = [type(command) for command in outbox(session)]
    if not world.knobs.hold_ms:  # such a centre holds no poll, and the client brakes in between
        return not owed and isinstance(session.connection, ConnectionBackingOff) and not session.connection.tries
    return owed == [Poll] and world.network.poll_is_held()


def judge_rest(world: World) -> None:
    """At the end of a run: what has not come to rest, or has come to the wrong one, is told to the oracle."""
    session, oracle = world.session, world.oracle
    if not is_at_rest(world):
        oracle.fail("comes to rest", _restless(session))
        return
    window = wake_window(session)
    if window is not None and window[1] < world.client_now():
        oracle.fail("comes to rest", "a deadline lies in the past")
    for book in oracle.books:
        stored = world.stored(book.session_id)
        if stored is not None:
            live = book is oracle.book and stored.session.outcome is None and session.phase != "ending"
            oracle.closed(book, stored.session, live)


def _restless(session: Session) -> str:
    owed = ", ".join(type(command).__name__ for command in outbox(session))
    states = ", ".join(f"{item.id} {item.state.name}" for item in session.items)
    return (
        f"{session.phase}, link {session.connection.name}, history {session.history.name}, "
        f"owed: {owed or 'nothing'}, items: {states or 'none'}"
    )

"""The end of a run: a poll is held and no other command is owed, or the chat is over."""

from __future__ import annotations

from attrs import define

from statemachine.core import Poll, outbox, wake_window
from statemachine.core.session import ConnectionBackingOff, HistoryCurrent, Idle, Session

from .actors import is_over
from .client import Client
from .environment import Environment
from .network import Network
from .oracle import Oracle
from .server import Server
from .virtual import VirtualStore


@define(eq=False)
class Quiescence:
    """Says whether a run is at its end, and checks it there."""

    _env: Environment
    _server: Server
    _client: Client
    _network: Network

    def is_reached(self) -> bool:
        """Whether nothing is left to do, and that is saved."""
        session = self._client.session
        if self._client.driver.saved is not session:
            return False
        if is_over(session) or isinstance(session.lifecycle, Idle):
            return True
        chat = self._server.chat(session.chat.chat_id)
        return (
            self._is_polling(session)
            and isinstance(session.history, HistoryCurrent)
            and chat is not None
            and not chat.pending
            and not any(item.state.name in ("uploading", "pending", "in_doubt") for item in session.items)
            and not session.ephemeral_queue.pending
        )

    def _is_polling(self, session: Session) -> bool:
        owed = [type(command) for command in outbox(session)]
        if not self._env.knobs.hold_ms:  # then the client backs off between its polls
            return not owed and isinstance(session.connection, ConnectionBackingOff) and not session.connection.tries
        return owed == [Poll] and self._network.is_poll_held()

    def check(self, oracle: Oracle, store: VirtualStore) -> None:
        """Report to the oracle if the end is not reached, or is a wrong one."""
        session = self._client.session
        if not self.is_reached():
            oracle.fail("comes to rest", _describe(session))
            return
        window = wake_window(session)
        if window is not None and window[1] < self._client.now():
            oracle.fail("comes to rest", "a deadline lies in the past")
        for log in oracle.sessions:
            stored = store.newest(log.session_id)
            if stored is not None:
                live = log is oracle.current and stored.session.outcome is None and session.phase != "ending"
                oracle.closed(log, stored.session, live)


def _describe(session: Session) -> str:
    owed = ", ".join(type(command).__name__ for command in outbox(session))
    states = ", ".join(f"{item.id} {item.state.name}" for item in session.items)
    return (
        f"{session.phase}, connection {session.connection.name}, history {session.history.name}, "
        f"owed: {owed or 'nothing'}, items: {states or 'none'}"
    )

"""One session as JSON: each step takes an event and returns an observation.

The *observation* contains everything that is visible from outside: the public phase and outcome, the commands, the
transcript updates, the status updates, and the next deadline. The state itself is visible only as an opaque snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from attrs import evolve

from statemachine.codec.body import is_object
from statemachine.codec.errors import BadRecord
from statemachine.codec.records import decode_event, encode_command, encode_update, from_json
from statemachine.codec.snapshot import restore, snapshot

from .. import core
from ..core import Command, Event, Notification, Session, reduce

JsonObject: TypeAlias = dict[str, Any]
Reduce: TypeAlias = Callable[[Session, Event], tuple[Session, tuple[Command | Notification, ...]]]

FEATURES: Final = (
    "anomalies", "background", "changes", "codec", "entries", "files", "follow", "forms", "latest", "push", "reattach",
    "receipts", "secure_forms", "snapshot", "typing", "v1",
)  # fmt: skip
"""The optional features of this engine, as MESSAGES.md names them."""


class NotBegun(Exception):
    """No session has begun."""

    code: Final = "no_session"


class JsonSession:
    """One session at a time: `begin` or `restore` it, then feed it events.

    Args:
        reduce: Replaces this package's own `reduce`, for tests.
    """

    features: Final = frozenset(FEATURES) - {"codec"}

    def __init__(self, reduce: Reduce = reduce) -> None:
        self._reduce = reduce
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The current session. Raises NotBegun."""
        if self._session is None:
            raise NotBegun("no session has begun: begin or restore one first")
        return self._session

    def begin(self, at: int, config: JsonObject | None = None) -> JsonObject:
        """Begin a new session. `at`: milliseconds since the epoch. Raises BadRecord."""
        self._session = new = core.new_session(at, from_json({} if config is None else config, core.Config))
        return observation(new, new, ())

    def step(self, event: JsonObject) -> JsonObject:
        """The observation after this event; `{"refused": reason}` for an intent that is illegal now.

        In a `request_chat` or `reattach`, `after` is the snapshot of the session that this one follows.

        Raises:
            BadRecord: The event is invalid.
            BadSnapshot: Its `after` is invalid.
        """
        return self.feed(read_event(event))

    def feed(self, event: Event) -> JsonObject:
        """The same for a decoded event."""
        before = self.session
        try:
            self._session, out = self._reduce(before, event)
        except core.IllegalIntent as refusal:
            return {"refused": refusal.reason}
        return observation(before, self._session, out)

    def snapshot(self) -> object:
        """The session as JSON values."""
        return snapshot(self.session)

    def outbox(self) -> list[JsonObject]:
        """All commands owed now, by id."""
        return [encode_command(command) for command in core.outbox(self.session)]

    def explain(self, event: object) -> str:
        """What this event would do and why, in words; nothing changes. Raises BadRecord."""
        return str(core.explain(self.session, read_event(event)))

    def restore(self, data: object) -> JsonObject:
        """Restore a session; the observation's commands are all owed ones. Raises BadSnapshot."""
        self._session = session = restore(data)
        return observation(session, session, core.outbox(session))


def read_event(said: object) -> Event:
    """Decode an event; its `after` is a snapshot. Raises BadRecord, BadSnapshot."""
    if not is_object(said) or "after" not in said:
        return decode_event(said)
    event = decode_event({key: item for key, item in said.items() if key != "after"})
    if not isinstance(event, core.RequestChat | core.Reattach):
        raise BadRecord("$: unknown field after")
    return evolve(event, after=core.carry_over(restore(said["after"])))


def observation(before: Session, after: Session, out: tuple[Command | Notification, ...]) -> JsonObject:
    """The observation of a step. `deadline` and `latest`: when to send the next tick, at the earliest and latest."""
    window = core.wake_window(after)
    seen: JsonObject = {
        "phase": after.phase,
        "commands": [encode_command(one) for one in out if isinstance(one, Command)],
        "updates": [encode_update(one) for one in out if isinstance(one, Notification)],
        "changes": [encode_update(one) for one in core.changes(before, after)],
        "owed": [command.id for command in core.outbox(after)],
        "deadline": None if window is None else window[0],
        "latest": None if window is None else window[1],
    }
    if after.outcome is not None:
        seen["outcome"] = after.outcome
    return seen

"""One session seen from outside: an event as JSON goes in, what it did comes out as JSON.

The answer to each step, the *observation*, holds all that anybody outside may see: the public phase and outcome, the
commands, the news, what changed of what merely stands, and when to wake. The state itself stays behind the door; only
a snapshot of it, which nobody else need understand, may leave.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from attrs import evolve

from statemachine.codec.body import is_object
from statemachine.codec.errors import BadRecord
from statemachine.codec.records import decode_event, encode_command, encode_update, from_json
from statemachine.codec.snapshot import restore, snapshot

from ..core import (
    Command,
    Config,
    Event,
    IllegalIntent,
    Notification,
    Reattach,
    RequestChat,
    Session,
    carry_over,
    changes,
    new_session,
    outbox,
    reduce,
    wake_window,
)

__all__ = ["FEATURES", "JsonSession", "NotBegun", "Object", "observation", "read_event"]

Object: TypeAlias = dict[str, Any]
Reduce: TypeAlias = Callable[[Session, Event], tuple[Session, tuple[Command | Notification, ...]]]

FEATURES: Final = (
    "anomalies",
    "background",
    "changes",
    "codec",
    "entries",
    "files",
    "follow",
    "forms",
    "latest",
    "push",
    "reattach",
    "receipts",
    "secure_forms",
    "snapshot",
    "typing",
    "v1",
)
"""What this engine can, in the words of MESSAGES.md."""


class NotBegun(Exception):
    """A step, or a snapshot, of a session that was never begun."""


class JsonSession:
    """One session at a time: `begin` or `restore` it, then feed it events.

    `reduce`: the function under test, where that is not this package's own.
    """

    features: Final = frozenset(FEATURES) - {"codec"}

    def __init__(self, reduce: Reduce = reduce) -> None:
        self._reduce = reduce
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """Where it stands. Raises NotBegun."""
        if self._session is None:
            raise NotBegun("no session has begun: begin or restore one first")
        return self._session

    def begin(self, at: int, config: Object | None = None) -> Object:
        """A new session at `at`. Raises BadRecord."""
        self._session = new = new_session(at, from_json(config or {}, Config))
        return observation(new, new, ())

    def step(self, event: Object) -> Object:
        """What this event does; `{"refused": reason}` where it is an intent that is illegal now.

        In a request or reattach, `after` is the snapshot of the session that this one follows. Raises BadRecord,
        BadSnapshot.
        """
        return self.feed(read_event(event))

    def feed(self, event: Event) -> Object:
        """The same, for an event that was read already."""
        before = self.session
        try:
            self._session, out = self._reduce(before, event)
        except IllegalIntent as refusal:
            return {"refused": refusal.reason}
        return observation(before, self._session, out)

    def snapshot(self) -> object:
        """The session written down."""
        return snapshot(self.session)

    def restore(self, data: object) -> Object:
        """A session read again; its commands are all that it owes. Raises BadSnapshot."""
        self._session = session = restore(data)
        return observation(session, session, outbox(session))


def read_event(said: object) -> Event:
    """An event, its `after` a snapshot. Raises BadRecord, BadSnapshot."""
    if not is_object(said) or "after" not in said:
        return decode_event(said)
    event = decode_event({key: item for key, item in said.items() if key != "after"})
    if not isinstance(event, RequestChat | Reattach):
        raise BadRecord("$: unknown field after")
    return evolve(event, after=carry_over(restore(said["after"])))


def observation(before: Session, after: Session, out: tuple[Command | Notification, ...]) -> Object:
    """All that a step shows. `deadline` and `latest`: the moments between which to wake."""
    window = wake_window(after)
    seen: Object = {
        "phase": after.phase,
        "commands": [encode_command(one) for one in out if isinstance(one, Command)],
        "updates": [encode_update(one) for one in out if isinstance(one, Notification)],
        "changes": [encode_update(one) for one in changes(before, after)],
        "owed": [command.id for command in outbox(after)],
        "deadline": None if window is None else window[0],
        "latest": None if window is None else window[1],
    }
    if after.outcome is not None:
        seen["outcome"] = after.outcome
    return seen

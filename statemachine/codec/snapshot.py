"""A session as plain JSON and back: never pickle, never eval.

`{"schema": 2, "now": …, …}`; the configuration only where it differs from the defaults. A snapshot of an
older schema is lifted by pure functions, one schema at a time; one of a newer schema is refused. Golden files
hold every schema ever released (tests/codec/golden).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from ..core import Session
from .body import Object, is_object
from .errors import BadRecord, BadSnapshot
from .records import from_json, to_json
from .upgrades import session_from_format_1

SCHEMA: Final = 2

UPGRADES: Final[dict[int, Callable[[Object], Object]]] = {1: session_from_format_1}
"""Schema -> a pure function that makes of its snapshot one of the next schema, `schema` itself left aside."""

_ADVICE: Final = "Begin a new session with Reattach: it finds the chat again if it is still active."


def snapshot(session: Session, *, redacted: bool = False) -> Object:
    """This session as JSON values.

    Args:
        session: In any phase.
        redacted: Leave out private texts; queued items are then not sent after `restore`.
    """
    data = {"schema": SCHEMA, **to_json(session, Session, redacted)}
    if not data["config"]:
        del data["config"]
    return data


def restore(data: object) -> Session:
    """The session of a snapshot.

    Args:
        data: The value that `snapshot` returned, also of an older version.

    Raises:
        BadSnapshot: It is no snapshot, or one of a newer version.
    """
    if not is_object(data):
        raise BadSnapshot("$: expected an object. This is no snapshot of a session", _ADVICE)
    fields = dict(data)
    schema = fields.pop("schema", None)
    if type(schema) is not int or schema < 1:
        raise BadSnapshot("$.schema: expected a number from 1. This is no snapshot of a session", _ADVICE)
    if schema > SCHEMA:
        raise BadSnapshot(
            f"$.schema: {schema} was written by a newer version; this one reads up to {SCHEMA}. "
            "Update chat-session-statemachine to read it"
        )
    try:
        for older in range(schema, SCHEMA):
            fields = UPGRADES[older](fields)
        return cast(Session, from_json({"config": {}, **fields}, Session))
    except BadRecord as error:
        raise BadSnapshot(f"{error}. The snapshot is damaged", _ADVICE) from None

"""Finds a stored chat by the label that log lines, errors and traces give it; also while the database is in use."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from attrs import frozen

from statemachine.adapters.driver import label

from .database import open_reading, translated_errors
from .schema import rows
from .sealing import Sealing, reason


@frozen
class StoredChat:
    """One stored chat, without its texts. `version`: number of saves; `unread`: updates not acknowledged.

    `queued`: items not sent yet; `updated`: in ms since the epoch. Where the snapshot cannot be read, `fault` says why,
    `phase` is "unreadable", and `outcome`, `chat_id`, `queued` and `updated` are None.
    """

    label: str
    client_id: str
    app_id: str
    tenant: str
    version: int
    unread: int
    phase: str = "unreadable"
    outcome: str | None = None
    chat_id: str | None = None
    queued: int | None = None
    updated: int | None = None
    fault: str | None = None


def find(path: Path, wanted: str) -> tuple[StoredChat, ...]:
    """The chats with this label: one, or none. Raises a `StoreError` where the database cannot be read."""
    link, _ = open_reading(path)
    with translated_errors(path), closing(link):
        ids = [session_id for (session_id,) in rows(link, (str,), "SELECT id FROM session ORDER BY id")]
        return tuple(
            stored_chat(session_id, *rows(link, (object, int, int), _CHAT, session_id)[0])
            for session_id in ids
            if label(session_id) == wanted
        )


_UNREAD: Final = "(SELECT count(*) FROM journal WHERE session = key AND seq > cursor)"
_CHAT: Final = f"SELECT snapshot, version, {_UNREAD} FROM session WHERE id = ?"


def stored_chat(session_id: str, text: Any, version: int, count: int) -> StoredChat:
    """One chat from its snapshot, its version, and the number of its unread updates."""
    tenant, app_id, client_id = ([""] * 2 + [unquote(part) for part in session_id.split("/")])[-3:]
    known = (label(session_id), client_id, app_id, tenant, version, count)
    try:
        session = Sealing().open_session(text)
    except Exception as error:
        return StoredChat(*known, fault=reason(error))
    queued = sum(item.state.name in ("pending", "sending", "in_doubt") for item in session.items)
    return StoredChat(*known, session.phase, session.outcome, session.chat.chat_id, queued, session.now)

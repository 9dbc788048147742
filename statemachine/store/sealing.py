"""The bodies that a store keeps (snapshots, updates, intents) as text; a hook of the application may encrypt them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

from attrs import frozen

from statemachine.adapters.driver import label
from statemachine.codec.errors import BadSnapshot
from statemachine.codec.records import decode_update, encode_update
from statemachine.codec.snapshot import restore, snapshot

from ..core import Session, TranscriptUpdate
from ..logs import Logger, error_values
from .errors import UnreadableSession

_log = Logger()
# ASCII: a lone surrogate, which chat text may hold, has no UTF-8 that a database would take. Records hold no cycles.
_text: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), check_circular=False).encode

_MARK: Final = "sealed:"
"""JSON never begins so: bodies from before the hook stay readable."""


class Cipher(Protocol):
    """Encrypts, with authentication, by keys of the application; called in several threads, for every save and read."""

    def seal(self, data: bytes) -> bytes:
        """Encrypt these bytes.

        Args:
            data: A body as UTF-8.

        Returns:
            Any bytes from which `open` makes the body again.
        """
        ...

    def open(self, data: bytes) -> bytes:
        """Decrypt what `seal` returned.

        Args:
            data: The encrypted body.

        Returns:
            The body as UTF-8.

        Raises:
            Exception: Any, for data that it has not sealed: the body counts as unreadable.
        """
        ...


@frozen
class Sealing:
    """Bodies as they are kept: as they are without a `cipher`, else encrypted and in Base64."""

    cipher: Cipher | None = None

    def seal(self, text: str) -> str:
        """The form to keep."""
        if self.cipher is None:
            return text
        return _MARK + base64.b64encode(self.cipher.seal(text.encode())).decode()

    def open(self, text: str) -> str:
        """The text in its kept form. Raises ValueError where it is encrypted and there is no cipher."""
        if not is_sealed(text):
            return text
        if self.cipher is None:
            raise ValueError("it is encrypted: give Options.cipher")
        return self.cipher.open(base64.b64decode(text.removeprefix(_MARK))).decode()

    def seal_session(self, session: Session) -> str:
        """The snapshot to keep."""
        return self.seal(_text(snapshot(session)))

    def seal_update(self, update: TranscriptUpdate) -> str:
        """The update to keep."""
        return self.seal(_text(encode_update(update)))

    def open_session(self, text: str) -> Session:
        """The session of a kept snapshot. Raises any exception where it cannot be read back."""
        return restore(json.loads(self.open(text)))

    def open_updates(self, session_id: str, kept: Iterable[tuple[int, Any]]) -> Iterator[TranscriptUpdate]:
        """The updates of `kept` (`seq`, and a body or an update); what cannot be read back is logged and left out."""
        for seq, body in kept:
            try:
                update = body if isinstance(body, TranscriptUpdate) else decode_update(json.loads(self.open(body)))
                if not isinstance(update, TranscriptUpdate):
                    raise TypeError(f"{type(update).__name__} does not belong in the journal")
            except Exception as error:  # the other updates of this chat must still be delivered
                _log.error("update_unreadable", session=label(session_id), seq=seq, **error_values(error))
            else:
                yield update


def unreadable(place: object, session_id: str, error: Exception, version: int, last: int) -> UnreadableSession:
    """The error for a snapshot that cannot be read back. `place`: the store, as in a command."""
    name = label(session_id)
    return UnreadableSession(
        f"{place}: chat {name}: its snapshot cannot be read back: {reason(error)}. To continue with this customer: "
        f"ChatClient.session(CLIENT_ID, new_chat=True) begins a new chat in its place; or delete it: "
        f"statemachine store forget {place} CLIENT_ID. The client id: statemachine store show {place} {name}",
        version,
        last,
    )


def reason(error: Exception) -> str:
    """Why a snapshot cannot be read back."""
    return error.reason if isinstance(error, BadSnapshot) else str(error)


def is_sealed(text: object) -> bool:
    """Whether this body is encrypted."""
    return isinstance(text, str) and text.startswith(_MARK)

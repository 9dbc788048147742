"""Encrypts the bodies that a store keeps (snapshots, updates, intents) by a hook of the application."""

from __future__ import annotations

import base64
from typing import Final, Protocol

from attrs import frozen

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


def is_sealed(text: object) -> bool:
    """Whether this body is encrypted."""
    return isinstance(text, str) and text.startswith(_MARK)

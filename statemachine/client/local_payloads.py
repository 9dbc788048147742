"""Payloads that sessions refer to by name only: bytes of files, values of secure forms. No snapshot holds them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from statemachine.adapters.payload import UploadProgress

_FILE: Final = "file:"


class LocalPayloads:
    """Keeps bytes and values in memory, by reference. The reference of a path is valid after a restart too."""

    def __init__(self) -> None:
        self._bytes: dict[str, bytes] = {}
        self._values: dict[str, Mapping[str, object]] = {}
        self._observers: dict[str, UploadProgress] = {}

    def keep_file(self, source: bytes | str, uploaded: UploadProgress | None = None) -> str:
        """The reference of these bytes, or of the file at this path. `uploaded`: called with the upload's progress."""
        if isinstance(source, bytes):
            ref = f"bytes:{secrets.token_hex(8)}"
            self._bytes[ref] = source
        else:
            ref = _FILE + str(Path(source).absolute())
        if uploaded:
            self._observers[ref] = uploaded
        return ref

    def keep_values(self, values: Mapping[str, object]) -> str:
        """The reference of these form values."""
        ref = f"form:{secrets.token_hex(8)}"
        self._values[ref] = dict(values)
        return ref

    def open_file(self, ref: str) -> tuple[bytes | Path, UploadProgress | None]:
        """The bytes or their path, and the progress callback. Raises LookupError for bytes that are gone."""
        source = Path(ref.removeprefix(_FILE)) if ref.startswith(_FILE) else self._bytes[ref]
        return source, self._observers.get(ref)

    def values(self, ref: str) -> Mapping[str, object]:
        """The form values. Raises LookupError for values that this process does not have."""
        return self._values[ref]

    def retain(self, refs: set[str]) -> None:
        """Drop all but these."""
        for ref in {*self._bytes, *self._values, *self._observers} - refs:
            self.forget(ref)

    def forget(self, ref: str) -> None:
        """Drop this payload."""
        self._bytes.pop(ref, None)
        self._values.pop(ref, None)
        self._observers.pop(ref, None)

"""Writes the calls as a HAR file, without credentials and, unless asked for, without the texts of people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Final, TextIO

from attrs import evolve

from statemachine.conformance.blackbox.audit import redacted_exchange
from statemachine.conformance.blackbox.recorded import as_har
from statemachine.emulator.redaction import without_secrets_in_body
from statemachine.emulator.traffic import Exchange
from statemachine.files import open_private
from statemachine.logs import Logger

_log = Logger()

_SECRET_HEADERS: Final = frozenset(("authorization", "cookie", "set-cookie", "proxy-authorization"))


class HarRecorder:
    """Writes each call to the file when it has ended, so that memory does not grow. Use it in `with`.

    The file is readable for its owner alone. It is complete after `close`.

    Args:
        file: The path; a file there is replaced. Raises OSError.
        url: The contact centre's URL, as the requests name it.
        texts: Keep the texts of people. Credentials and values of secure forms are never kept.
    """

    def __init__(self, file: Path, url: str, *, texts: bool = False) -> None:
        self._file: Final = file
        self._error: OSError | None = None
        self._url = url
        self._texts = texts
        self._last = 0
        self._out: Final[TextIO] = TextIOWrapper(open_private(file), encoding="utf-8")
        self._out.write('{"log": {"version": "1.2", "creator": {"name": "statemachine", "version": "1"}, "entries": [')
        self._separator = "\n"

    def __enter__(self) -> HarRecorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, exchange: Exchange) -> None:
        """Write one call. After an error (a full disk) nothing more is written, and `close` raises it."""
        if self._error is not None:
            return
        self._last = max(self._last, exchange.replied_at or exchange.at)
        har = as_har(self._url, [_without_credentials(exchange, self._texts)], self._last)
        try:
            self._out.write(self._separator + json.dumps(har["log"]["entries"][0]))
        except OSError as error:
            self._error = self._named(error)
            _log.error("recording_failed", file=str(self._file), error=error.strerror)
            with suppress(OSError):
                self._out.close()
        self._separator = ",\n"

    def close(self) -> None:
        """Complete the file. Raises OSError, also for an earlier call that could not be written."""
        if self._error is not None:
            raise self._error
        if not self._out.closed:
            try:
                with self._out:
                    self._out.write(f'\n], "_until": {self._last}}}}}\n')
            except OSError as error:
                raise self._named(error) from None

    def _named(self, error: OSError) -> OSError:
        return OSError(error.errno, error.strerror, str(self._file))


def _without_credentials(one: Exchange, texts: bool) -> Exchange:
    shown = one if texts else redacted_exchange(one)
    request, reply = shown.request, shown.reply
    request = evolve(request, headers=tuple(_public(request.headers)), body=without_secrets_in_body(request.body))
    if reply is not None:
        reply = evolve(reply, headers=tuple(_public(reply.headers)))
    return evolve(shown, request=request, reply=reply)


def _public(headers: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    return (pair for pair in headers if pair[0].lower() not in _SECRET_HEADERS)

"""The transport over HTTP: one request for each command, its outcome as a `Reply` (see `http_client`)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from statemachine.codec.http import Endpoint, read_reply, to_http

from ..core import Command, Failure, Post, Reply
from ..core.wire import SecureFormData
from ..logs import Logger, error_values
from .aio import Tasks
from .circuit_breaker import RequestBlocked
from .http_client import CallFailed, ConnectionPool, HttpClient
from .payload import UploadProgress
from .protocols import Answer

__all__ = ["FormValues", "HttpTransport", "OpenFile"]

OpenFile: TypeAlias = Callable[[str], "tuple[bytes | Path, UploadProgress | None]"]
"""From a file's `ref` to its bytes or path, and its progress callback. Raises LookupError for a file that is gone."""
FormValues: TypeAlias = Callable[[str], Mapping[str, object]]
"""From a secure form's `ref` to its values. Raises LookupError for values that are gone."""

_log = Logger()


class HttpTransport:
    """Carries one session's commands to `endpoint`, which may be replaced at any time."""

    def __init__(
        self,
        pool: ConnectionPool,
        endpoint: Endpoint,
        *,
        open_file: OpenFile,
        form_values: FormValues,
        label: str | None = None,
    ) -> None:
        """`label`: the session's name in log lines."""
        self.endpoint = endpoint
        self._open_file = open_file
        self._form_values = form_values
        self._tasks = Tasks()
        self._label = label
        self.http: Final = HttpClient(pool)

    async def close(self) -> None:
        """Cancel all calls in flight."""
        await self._tasks.close()

    def execute(self, command: Command, answer: Answer) -> None:
        """See `Transport.execute`."""
        self._tasks.spawn(command.id, self._call(command, answer))

    def abort(self, command_id: int) -> None:
        """See `Transport.abort`."""
        self._tasks.cancel(command_id)

    async def _call(self, command: Command, answer: Answer) -> None:
        answer(await self._reply(command))

    async def _reply(self, command: Command) -> Reply:
        try:
            return await self._exchange(command)
        except CallFailed as failed:
            return self._failed(command, failed)
        except (LookupError, ValueError) as error:  # the payload is gone, or cannot be encoded
            return self._failed(command, CallFailed("unsent", error))
        except Exception as error:  # an error in this package; the server may have received the request
            _log.error("call_crashed", session=self._label, call=type(command).__name__, **error_values(error))
            return Failure("cut")

    async def _exchange(self, command: Command) -> Reply:
        request = to_http(command, self.endpoint, nonce=secrets.token_hex(8), secret=self._secret(command))
        source = (None, None) if request.upload_ref is None else self._open_file(request.upload_ref)
        response = await self.http.exchange(request, *source)
        return read_reply(command, response.status, response.headers, response.body)

    def _secret(self, command: Command) -> Mapping[str, object] | None:
        if isinstance(command, Post) and isinstance(command.entry, SecureFormData):
            return self._form_values(command.entry.ref)
        return None

    def _failed(self, command: Command, failed: CallFailed) -> Failure:
        if failed.error != RequestBlocked.__name__:  # the circuit breaker has logged it, once for all chats
            reason = {"reason": failed.reason} if failed.reason else {}
            call = type(command).__name__
            _log.warning("call_failed", session=self._label, call=call, kind=failed.kind, error=failed.error, **reason)
        return Failure(failed.kind)

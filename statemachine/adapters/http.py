"""The transport over HTTP: one request for each command, its outcome as a `Reply` (see `http_client`)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from attrs import evolve

from statemachine.codec.http import Endpoint, HttpRequest, read_reply, to_http
from statemachine.codec.side_calls import says_no_chat

from ..core import Command, CreateChat, Failure, FindChat, Post, Reply
from ..core.wire import SecureFormData
from ..logs import Logger, error_values
from .aio import Tasks
from .http_client import ConnectionPool, HttpClient
from .http_errors import CallFailed, Cause
from .payload import UploadProgress
from .protocols import Answer

OpenFile: TypeAlias = Callable[[str], "tuple[bytes | Path, UploadProgress | None]"]
"""From a file's `ref` to its bytes or path, and its progress callback. Raises LookupError for a file that is gone."""
FormValues: TypeAlias = Callable[[str], Mapping[str, object]]
"""From a secure form's `ref` to its values. Raises LookupError for values that are gone."""
Remedy: TypeAlias = Callable[[Failure, Cause, str], str]
"""From a failure, its cause and the endpoint's URL to what to do, in words; "" for nothing."""

LONG_BODY: Final = 64 * 1024
"""Bytes of an answer that are read at once; longer ones beside the event loop."""


class HttpTransport:
    """Carries one session's commands to `endpoint`, which may be replaced at any time."""

    def __init__(
        self,
        pool: ConnectionPool,
        endpoint: Endpoint,
        *,
        open_file: OpenFile,
        form_values: FormValues,
        remedy: Remedy | None = None,
        cookies: str = "",
        on_cookies: Callable[[str], None] | None = None,
        log: Logger | None = None,
    ) -> None:
        """`remedy`: completes the `detail` of failures. `cookies`, `on_cookies`: see `HttpClient`.

        `log`: writes the session's log lines.
        """
        self.endpoint = endpoint
        self._open_file = open_file
        self._form_values = form_values
        self._remedy = remedy
        self._tasks = Tasks("task_failed")
        self._log = log or Logger()
        self.http: Final = HttpClient(pool, cookies, on_cookies)

    async def close(self) -> None:
        """Cancel all calls in flight."""
        await self._tasks.close()

    def execute(self, command: Command, answer: Answer) -> None:
        """See `Transport.execute`."""
        self._tasks.spawn(self._call(command, answer), command.id)

    def abort(self, command_id: int) -> None:
        """See `Transport.abort`."""
        self._tasks.cancel(command_id)

    async def _call(self, command: Command, answer: Answer) -> None:
        answer(await self._reply(command))

    async def _reply(self, command: Command) -> Reply:
        try:
            return await self._exchange(command)
        except CallFailed as failed:
            failure = self._explained(Failure(failed.kind, detail=failed.reason), failed.cause)
            if failed.cause != "blocked":  # the circuit breaker has logged it, once for all chats
                self._warn(command, failure, failed.error)
            return failure
        except Exception as error:  # an error in this package; the server may have received the request
            self._log.error("call_crashed", call=type(command).__name__, **error_values(error))
            return Failure("cut")

    async def _exchange(self, command: Command) -> Reply:
        request, source = self._request(command)
        response = await self.http.exchange(request, *source)
        read = partial(read_reply, command, response.status, response.headers, response.body, redirected=False)
        reply = await self.http.worker.run(read) if len(response.body) > LONG_BODY else read()
        if not isinstance(reply, Failure):
            return reply
        leads_to = redirects_to(response.status, response.headers)
        cause = self.http.cause_of(request.url, response.status)
        failure = self._explained(evolve(reply, detail=describe(reply, leads_to)), cause)
        if failure.kind == "unreadable" or (isinstance(command, CreateChat | FindChat) and not says_no_chat(failure)):
            self._warn(command, failure, "")
        return failure

    def _request(self, command: Command) -> tuple[HttpRequest, tuple[bytes | Path | None, UploadProgress | None]]:
        """The request, and the file to upload. Raises CallFailed where the payload is gone or cannot be written."""
        try:
            request = to_http(command, self.endpoint, nonce=secrets.token_hex(8), secret=self._secret(command))
            return request, (None, None) if request.upload_ref is None else self._open_file(request.upload_ref)
        except LookupError as error:
            raise CallFailed("no_payload", error, "this process does not have what is to be sent", "payload") from error
        except (ValueError, TypeError) as error:
            raise CallFailed("no_payload", error, "what is to be sent cannot be written as JSON", "payload") from error

    def _secret(self, command: Command) -> Mapping[str, object] | None:
        if isinstance(command, Post) and isinstance(command.entry, SecureFormData):
            return self._form_values(command.entry.ref)
        return None

    def _explained(self, failure: Failure, cause: Cause) -> Failure:
        remedy = self._remedy(failure, cause, self.endpoint.url) if self._remedy else ""
        return evolve(failure, detail=f"{failure.detail}: {remedy}") if remedy else failure

    def _warn(self, command: Command, failure: Failure, error: str) -> None:
        values = {"error": error} if error else {}
        call = type(command).__name__
        self._log.warning("call_failed", call=call, kind=failure.kind, reason=failure.detail, **values)


def describe(failure: Failure, leads_to: str = "") -> str:
    """The server's answer, in words. `leads_to`: the target of its redirect."""
    if failure.kind == "unreadable":
        return f"the answer is not from the chat API (HTTP status {failure.status})"
    code = "" if failure.code is None else f", error {failure.code}"
    return f"HTTP status {failure.status}{code}{f', redirects to {leads_to}' if leads_to else ''}"


def redirects_to(status: int, headers: Mapping[str, str]) -> str:
    """Scheme and host of the target of a redirect, or "": the rest may contain the ids that were sent."""
    if not 300 <= status < 400:
        return ""
    try:
        parts = urlsplit(headers.get("Location", ""))
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
    except ValueError:
        return ""

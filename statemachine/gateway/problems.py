"""Errors as problem details (RFC 9457). `code` is a stable name; `detail` says what happened and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web
from attrs import asdict

from statemachine.client import (
    BadSetting,
    CentreError,
    ChatClosed,
    ChatError,
    ChatStopped,
    NotPossible,
    NotSaved,
    SessionOver,
    TooLarge,
)
from statemachine.codec.body import json_text
from statemachine.store.errors import StoreError

_RETRY: Final = {"Retry-After": "5"}


class Problem(Exception):
    """A request that is refused or has failed. `more`: further members of the answer."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: object
    ) -> None:
        super().__init__(code)
        self.status: Final = status
        self.code: Final = code
        self._detail = detail
        self._headers = dict(headers or {})
        self._more = more

    def response(self) -> web.Response:
        """The answer."""
        known = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status}
        return web.Response(
            status=self.status,
            text=json_text({**known, "code": self.code, "detail": self._detail, **self._more}),
            content_type="application/problem+json",
            headers={"Cache-Control": "no-store", **self._headers},
        )


def no_chat(client_id: str) -> Problem:
    """There is no chat of this customer."""
    return Problem(404, "no_chat", f"{client_id} has no chat: start one with PUT /chats/{client_id}")


def problem_of(error: Exception) -> Problem | None:
    """The problem that tells of this error; None for an unexpected one."""
    match error:
        case Problem():
            return error
        case web.HTTPException():
            return _of_server(error)
        case web.RequestPayloadError():
            return Problem(400, "unreadable_body", "the body breaks the rules of its encoding")
        case BadSetting():
            return Problem(400, "bad_value", str(error))
        case SessionOver():
            return Problem(409, "chat_over", str(error), phase=error.phase, reason=error.reason, outcome=error.outcome)
        case NotPossible():
            return Problem(409, "not_possible", str(error), phase=error.phase, reason=error.reason)
        case TooLarge():
            return Problem(502, "too_large", str(error))
        case CentreError():
            status = 404 if error.failure.status == 404 or error.failure.code in (5005, 5502) else 502
            return Problem(status, "contact_centre", str(error), advice=asdict(error.advice))
        case NotSaved():
            return Problem(503, "not_saved", f"{error}; repeat it with the same Idempotency-Key", headers=_RETRY)
        case ChatClosed():
            return Problem(503, "closing", "the gateway is closing: repeat it", headers=_RETRY)
        case ChatStopped() | StoreError() | ChatError():
            return Problem(503, "store_failed", str(error), headers=_RETRY)
        case _:
            return None


_CODES: Final = {404: "no_such_path", 405: "no_such_method", 413: "too_large"}


def _of_server(error: web.HTTPException) -> Problem:
    """An answer of aiohttp, or of the shared guards."""
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    code = _CODES.get(error.status, "refused")
    return Problem(error.status, code, error.text or error.reason, headers=headers)

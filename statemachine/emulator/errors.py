"""The API's error codes and bodies (protocol.md section 7)."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from statemachine.emulator.knobs import Knobs
from statemachine.emulator.shapes import json_response
from statemachine.emulator.wire import HttpResponse

HTML_PAGE: Final = b"<html><head><title>Error</title></head><body><h1>Something is wrong</h1><hr>proxy</body></html>"

_KNOWN: Final[dict[int, tuple[int, str]]] = {
    1000: (400, "Bad tenant URL"),
    2000: (403, "No authorization header"),
    2001: (403, "Wrong format of the authorization header"),
    2002: (403, "Bad authorization scheme"),
    2003: (403, "Authorization without appId"),
    2004: (403, "Authorization without clientId"),
    3000: (403, "Unknown appId"),
    5000: (504, "Server timeout"),
    5001: (503, "Server not available"),
    5003: (400, "Invalid JSON"),
    5004: (502, "Server disconnected"),
    5005: (404, "Chat session not found"),
    5006: (404, "Scenario entry not found"),
    5500: (500, "Internal server error"),
    5501: (400, "Upload size limit exceeded"),
    5502: (404, "File not found"),
    5509: (429, "Too many poll requests"),
    5511: (200, "No events"),
    5558: (500, "File error"),
    5601: (406, "Case is not specified"),
    5602: (500, "CRM server error"),
    5603: (406, "Too many parameters"),
    5955: (500, "Unspecified server error"),
}


@frozen
class ApiError(Exception):
    """A refusal with one of the API's codes; ``status`` overrides the usual HTTP status of the code."""

    code: int
    status: int | None = None
    message: str | None = None

    @property
    def text(self) -> str:
        """The message that is sent."""
        return self.message or _KNOWN.get(self.code, (500, "Error"))[1]


@frozen
class PlainError(Exception):
    """A refusal that does not come from the chat server: a page without any error code."""

    status: int


def status_of(code: int) -> int:
    """The HTTP status a code usually travels with (section 7; inferred where the vendor says nothing)."""
    return _KNOWN.get(code, (500, ""))[0]


def error_response(knobs: Knobs, error: ApiError, retry_after_s: int | None = None) -> HttpResponse:
    """``{"error_code", "error_message"}`` with the code as a string or a number, as the knob says."""
    usual = status_of(error.code)
    status = error.status or (knobs.auth_status if 2000 <= error.code < 3000 else usual)
    code: object = error.code if knobs.error_code_type == "number" else str(error.code)
    reply = json_response({"error_code": code, "error_message": error.text}, status)
    if retry_after_s is None:
        return reply
    return HttpResponse(status, (*reply.headers, ("Retry-After", str(retry_after_s))), reply.body)


def html_response(status: int) -> HttpResponse:
    """The answer of a proxy that does not reach the server: a page, no error code (section 8, F24)."""
    return HttpResponse(status, (("Content-Type", "text/html; charset=utf-8"),), HTML_PAGE)


def gone_response(knobs: Knobs) -> HttpResponse:
    """404 for a chat the server does not know: with 5005, bare, or as a page."""
    if knobs.gone_style == "bare":
        return HttpResponse(404)
    if knobs.gone_style == "html":
        return html_response(404)
    return error_response(knobs, ApiError(5005))

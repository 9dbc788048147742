"""Requests that are no valid HTTP: answered with 400, and logged in one line that quotes nothing of them."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import InvalidURLError
from aiohttp.typedefs import Handler


def _shortened(record: logging.LogRecord) -> bool:
    """Replace the traceback of a bad request: it is the client's fault, and it may quote an Authorization header."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError | web.RequestPayloadError):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args = "The server refused a request that is no valid HTTP: %s", (_reason(error),)
        record.exc_info = None
    return True


def _reason(error: BaseException) -> str:
    """The parser's words, less the part of the request that follows them."""
    if isinstance(error, InvalidURLError):
        return "invalid URL"
    words = error.message if isinstance(error, HttpProcessingError) else str(error).rpartition("message:")[2]
    return words.strip().partition("\n")[0].partition(":")[0]


SERVER_LOG: Final = logging.getLogger("statemachine.server")
"""For aiohttp's server."""
SERVER_LOG.addFilter(_shortened)


@web.middleware
async def unreadable_body_is_400(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 400 where a body breaks the rules of its transfer or content encoding."""
    try:
        return await handler(request)
    except web.RequestPayloadError:
        raise web.HTTPBadRequest(text="The body cannot be read.") from None

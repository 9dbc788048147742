"""Recorded traffic: HAR in, as what crossed the line; and an emulator's traffic out, as HAR."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from attrs import frozen

from statemachine.emulator.traffic import Exchange
from statemachine.emulator.wire import HttpRequest, HttpResponse

__all__ = ["BadRecording", "Recorded", "Recording", "as_har", "read_recording"]

Object = dict[str, Any]
_API: Final = "/clientweb/"
_UNTIL: Final = "_until"
"""A field of our own, as the format allows: when the recording ended, in milliseconds since the epoch."""


class BadRecording(ValueError):
    """No HAR file, or one without a call of the chat's interface."""


@frozen
class Recorded:
    """One call, from `at` to `end` in milliseconds since the epoch. `response` has status 0 where none came."""

    at: int
    end: int
    request: HttpRequest
    response: HttpResponse


@frozen
class Recording:
    """The calls of the chat's interface, in order of their start. `until`: when the recording ended."""

    calls: tuple[Recorded, ...]
    until: int


def read_recording(value: object) -> Recording:
    """What a HAR file holds of the chat's interface. Raises BadRecording."""
    log = cast(Object, value).get("log") if isinstance(value, dict) else None
    entries = cast(Object, log).get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise BadRecording("this is no HAR file: a browser's or a proxy's export of its network traffic")
    calls = [call for entry in cast("list[object]", entries) if (call := _read(_object(entry))) is not None]
    ours = sorted((call for call in calls if call.request.path.startswith(_API)), key=lambda call: call.at)
    if not ours:
        raise BadRecording("no call of the chat's interface is in it (no path with /clientweb/api/)")
    said = cast(Object, log).get(_UNTIL)
    until = max((call.end for call in calls), default=0)  # whatever else was fetched shows that it went on
    return Recording(tuple(ours), max(until, said) if isinstance(said, int) else until)


def _object(value: object) -> Object:
    return cast(Object, value) if isinstance(value, dict) else {}


def _read(entry: Object) -> Recorded | None:
    asked, answered = _object(entry.get("request")), _object(entry.get("response"))
    try:
        url = urlsplit(str(asked.get("url", "")))
        at = round(datetime.fromisoformat(str(entry.get("startedDateTime"))).timestamp() * 1_000)
    except (ValueError, OverflowError, OSError):
        return None
    method = str(asked.get("method", "")).upper()
    body = str(_object(asked.get("postData")).get("text") or "").encode(errors="replace")
    path = url.path[url.path.index(_API) :] if _API in url.path and method != "OPTIONS" else ""
    request = HttpRequest(method, path, tuple(parse_qsl(url.query, True)), _headers(asked.get("headers")), body)
    status, took = answered.get("status"), entry.get("time")
    response = HttpResponse(
        status if isinstance(status, int) and 100 <= status < 600 else 0,
        _headers(answered.get("headers")),
        _content(_object(answered.get("content"))),
    )
    length = round(took) if isinstance(took, int | float) and 0 < took < 86_400_000 else 0
    return Recorded(at, at + length, request, response)


def _headers(value: object) -> tuple[tuple[str, str], ...]:
    pairs = [_object(one) for one in cast("list[object]", value)] if isinstance(value, list) else []
    return tuple((str(pair.get("name", "")), str(pair.get("value", ""))) for pair in pairs)


def _content(content: Object) -> bytes:
    text = content.get("text")
    if not isinstance(text, str):
        return b""
    if content.get("encoding") != "base64":
        return text.encode(errors="replace")
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""


# --- and out --------------------------------------------------------------------------------------------------------


def as_har(url: str, exchanges: Iterable[Exchange], now: int) -> Object:
    """What an emulator at `url` has seen, as any browser would have recorded it. What is still open is cut at `now`."""
    entries = [_entry(url, one, now) for one in exchanges]
    creator = {"name": "statemachine", "version": "1"}
    return {"log": {"version": "1.2", "creator": creator, "entries": entries, _UNTIL: now}}


def _entry(url: str, one: Exchange, now: int) -> Object:
    request, reply = one.request, one.reply or HttpResponse(0)
    end = one.replied_at if one.replied_at is not None else now
    query = f"?{urlencode(request.query)}" if request.query else ""
    return {
        "startedDateTime": datetime.fromtimestamp(one.at / 1_000, UTC).isoformat(timespec="milliseconds"),
        "time": end - one.at,
        "request": {
            "method": request.method,
            "url": url + quote(request.path, safe="/%") + query,
            "headers": _pairs(request.headers),
            "postData": {
                "mimeType": request.header("Content-Type") or "",
                "text": request.body.decode(errors="replace"),
            },
        },
        "response": {
            "status": reply.status,
            "headers": _pairs(reply.headers),
            "content": {"size": len(reply.body), "text": reply.body.decode(errors="replace")},
        },
    }


def _pairs(headers: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]

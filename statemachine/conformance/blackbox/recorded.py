"""Recorded traffic: HAR in, as what crossed the line; and an emulator's traffic out, as HAR."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from attrs import frozen

from statemachine.codec.body import Problem
from statemachine.codec.har import HarCall, is_har, read_har_calls
from statemachine.emulator.traffic import Exchange
from statemachine.emulator.wire import HttpRequest, HttpResponse

Object = dict[str, Any]
_API: Final = "/clientweb/"
_UNTIL: Final = "_until"
"""A field of our own, as the format allows: when the recording ended, in milliseconds since the epoch."""


class BadRecording(ValueError):
    """No HAR file, or one without a call of the chat's interface."""


@frozen
class Recorded:
    """One call, from `at` to `end` in milliseconds since the epoch. `response` has status 0 where none came.

    `timed`: whether the file says when. `request_problem`, `response_problem`: why the body could not be read, or "".
    """

    at: int
    end: int
    request: HttpRequest
    response: HttpResponse
    timed: bool = True
    request_problem: str = ""
    response_problem: str = ""


@frozen
class Recording:
    """The calls of the chat's interface, in order of their start. `until`: when the recording ended."""

    calls: tuple[Recorded, ...]
    until: int


def read_recording(value: object) -> Recording:
    """What a HAR file holds of the chat's interface. Raises BadRecording."""
    if not is_har(value):
        cause = f" ({value.text})" if isinstance(value, Problem) else ""
        raise BadRecording(f"this is no HAR file, a browser's or a proxy's export of its network traffic{cause}")
    calls = read_har_calls(value)
    ours = tuple(map(_recorded, (call for call in calls if _API in call.path and call.method != "OPTIONS")))
    if not ours:
        raise BadRecording("no call of the chat's interface is in it (no path with /clientweb/api/)")
    said = cast(Object, value)["log"].get(_UNTIL)
    until = max(call.end for call in calls)  # whatever else was fetched shows that it went on
    return Recording(ours, max(until, said) if isinstance(said, int) else until)


def _recorded(call: HarCall) -> Recorded:
    path = call.path[call.path.index(_API) :]
    query = tuple(parse_qsl(urlsplit(call.url).query, keep_blank_values=True))
    return Recorded(
        call.at,
        call.end,
        HttpRequest(call.method, path, query, call.request_headers, call.request.data),
        HttpResponse(call.status, call.response_headers, call.response.data),
        call.timed,
        call.request.problem,
        call.response.problem,
    )


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

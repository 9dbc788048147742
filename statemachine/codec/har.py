"""HAR files, as browsers and proxies write them: the calls in them, however a tool records bodies and times.

Exporters differ: a body is text, base64 with or without saying so, text that says it is base64, in a field of the
exporter's own, split into form parameters, or left out. What cannot be read is named, never dropped.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Final, TypeAlias, cast
from urllib.parse import unquote_plus, urlencode, urlsplit

from attrs import frozen

from .body import MAX_BODY, Object, Problem, as_object, is_array, is_object, parse_body
from .lenient import header, read_body

Headers: TypeAlias = tuple[tuple[str, str], ...]

ABSENT: Final = "the file does not hold it"
_NO_STATUS: Final = "the file does not say how it was answered"
_LONGEST_DATE: Final = 64
_LONGEST_MS: Final = 86_400_000
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_GUARD: Final = re.compile(rb"(?:\)\]\}'?,?|for *\(;;\) *;|while *\((?:1|true)\) *;)\s*")
"""Written before JSON so that a page of another origin cannot run it as a script."""
_DATA_URL: Final = re.compile(r"data:[^,]*;base64,", re.IGNORECASE)
_FIELDS_IN_BASE64: Final = ("_textBase64", "textBase64", "_base64")
_URLSAFE: Final = str.maketrans("-_", "+/")
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


@frozen
class HarBody:
    """A body. `problem`: why it could not be read, "" if it could; `data` is empty then."""

    data: bytes = b""
    problem: str = ""


@frozen
class HarCall:
    """One call, from `at` to `end` in milliseconds since the epoch.

    `timed`: whether the file says when; if not, `at` is the time of the call before it. `status`: 0 where no answer
    came. Header names are as recorded.
    """

    at: int
    end: int
    timed: bool
    method: str
    url: str
    request_headers: Headers
    request: HarBody
    status: int
    response_headers: Headers
    response: HarBody

    @property
    def path(self) -> str:
        """The path of the URL, "" if it has none."""
        try:
            return urlsplit(self.url).path
        except ValueError:
            return ""


def is_har(value: object) -> bool:
    """Whether this JSON has the shape of a HAR file."""
    return isinstance(as_object(as_object(value).get("log")).get("entries"), list)


def read_har_calls(value: object) -> tuple[HarCall, ...]:
    """All calls of a HAR file (see `is_har`), in order of their start."""
    calls: list[HarCall] = []
    for entry in _list(as_object(as_object(value).get("log")).get("entries")):
        calls.append(_call(as_object(entry), calls[-1].at if calls else 0))
    return tuple(sorted(calls, key=lambda call: call.at))


def unreadable_part(body: bytes, headers: Headers) -> str:
    """Why this body cannot be read as JSON as a whole, "" if it can."""
    value = read_body(body, dict(headers)).value
    if isinstance(value, Problem):
        return value.text
    if is_array(value) and not all(map(is_object, value)):  # broken ones are text
        return "it is cut off or broken"
    return "" if isinstance(value, dict | list) else "no JSON object"


def unpacked(data: bytes) -> bytes:
    """The content of a file in UTF-8: gzip is unpacked, UTF-16 (which PowerShell's `>` writes) is transcoded.

    At most one byte more than `MAX_BODY` is unpacked.
    """
    data = _inflated(data)
    return data.decode("utf-16", errors="replace").encode() if data.startswith(_UTF16) else data


# --- a call -----------------------------------------------------------------------------------------------------------


def _call(entry: Object, last: int) -> HarCall:
    request, response = as_object(entry.get("request")), as_object(entry.get("response"))
    at = _instant(entry.get("startedDateTime"))
    start = last if at is None else at
    number = _number(response.get("status"))
    status = int(number) if number is not None and 100 <= number < 600 else 0
    method = _text(request.get("method")).upper()
    asked, answered = _headers(request.get("headers")), _headers(response.get("headers"))
    return HarCall(
        start,
        start + _duration(entry),
        at is not None,
        method,
        _url(request),
        asked,
        _request_body(method, request, dict(asked)),
        status,
        answered,
        HarBody(problem=_NO_STATUS) if number is None else _response_body(status, response, dict(answered)),
    )


def _url(request: Object) -> str:
    url = _text(request.get("url"))
    pairs = _pairs(request.get("queryString"))
    return f"{url}?{urlencode(pairs, errors='replace')}" if pairs and "?" not in url else url


def _headers(value: object) -> Headers:
    if isinstance(value, dict):
        return tuple((_text(name), _text(one)) for name, one in cast("dict[object, object]", value).items())
    return tuple(pair for pair in _pairs(value) if pair[0])


def _pairs(value: object) -> Headers:
    pairs = [as_object(one) for one in _list(value)]
    return tuple((_text(pair.get("name")), _text(pair.get("value"))) for pair in pairs)


# --- bodies -----------------------------------------------------------------------------------------------------------


def _request_body(method: str, request: Object, headers: Mapping[str, str]) -> HarBody:
    posted, size = as_object(request.get("postData")), _number(request.get("bodySize"))
    given = isinstance(posted.get("text"), str)  # an empty one is an empty body, if the size does not say otherwise
    is_empty = method not in ("POST", "PUT", "PATCH") or size == 0 or (given and (size is None or size < 0))
    return _body(posted, headers, is_empty)


def _response_body(status: int, response: Object, headers: Mapping[str, str]) -> HarBody:
    content = as_object(response.get("content"))
    size, sent = _number(content.get("size")), _number(response.get("bodySize"))
    given = isinstance(content.get("text"), str) and (size is None or size <= 0)
    is_empty = status in (0, 204, 304) or given or size == 0 or (size is None and sent == 0)
    return _body(content, headers, is_empty)


def _body(content: Object, headers: Mapping[str, str], is_empty: bool) -> HarBody:
    recorded = next(_recorded(content), None)
    if recorded is None:
        return HarBody() if is_empty else HarBody(problem=ABSENT)
    data = _unguarded(recorded)
    packing = header(headers, "content-encoding").lower()
    if isinstance(read_body(data, headers).value, Problem) and any(one in packing for one in ("br", "zstd")):
        return HarBody(problem=f"it is recorded as it was compressed ({packing})")
    return HarBody(data)


def _recorded(content: Object) -> Iterator[bytes]:
    """The body in each of the fields that may hold it."""
    text = content.get("text")
    if isinstance(text, dict | list):
        yield json.dumps(text).encode()
    elif isinstance(text, str) and text:
        yield _decoded(text, _says_base64(content.get("encoding")))
    for name in _FIELDS_IN_BASE64:
        if inner := _text(content.get(name)):
            yield _decoded(inner, in_base64=True)
    if nested := as_object(content.get("_content")):
        yield from _recorded(nested)
    if pairs := _pairs(content.get("params")):
        yield _joined(pairs)


def _joined(pairs: Headers) -> bytes:
    """The body that an exporter took for the fields of a form and split at `&` and `=`."""
    text = "&".join(f"{name}={value}" if value else name for name, value in pairs)
    plain = text.encode(errors="replace")
    return plain if _is_json(plain) else unquote_plus(text).encode(errors="replace")


def _says_base64(encoding: object) -> bool:
    return re.sub("[^a-z0-9]", "", _text(encoding).lower()) in ("base64", "b64", "base64url")


def _decoded(text: str, in_base64: bool) -> bytes:
    """The bytes of a recorded text. What an exporter says about base64 counts less than what can be read."""
    plain = text.encode(errors="replace")
    if _is_json(plain):
        return plain
    data = _from_base64(text)
    if data is None or not (in_base64 or _unguarded(data).startswith((b"{", b"["))):
        return plain
    return data


def _from_base64(text: str) -> bytes | None:
    """The bytes, or None if the text is no base64; padding may be missing, lines may be wrapped."""
    digits = re.sub(r"\s", "", _DATA_URL.sub("", text.strip(), count=1))
    if not _BASE64.fullmatch(digits):
        return None
    digits = digits.rstrip("=").translate(_URLSAFE)
    return None if len(digits) % 4 == 1 else base64.b64decode(digits + "=" * (-len(digits) % 4))


def _is_json(data: bytes) -> bool:
    return not isinstance(parse_body(data), Problem)


def _unguarded(data: bytes) -> bytes:
    """The content, without a guard before it."""
    data = _inflated(data).lstrip()
    return data[guard.end() :] if (guard := _GUARD.match(data)) else data


def _inflated(data: bytes) -> bytes:
    """The content of gzip or zlib data, at most one byte more than `MAX_BODY`; other bytes are returned as they are."""
    is_zlib = data[:1] == b"\x78" and data[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda")
    if not (is_zlib or data.startswith(b"\x1f\x8b")):
        return data
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(data, MAX_BODY + 1)
    except zlib.error:
        return data


# --- times ------------------------------------------------------------------------------------------------------------


def _instant(value: object) -> int | None:
    """Milliseconds since the epoch of a date in ISO 8601 or RFC 5322, or of seconds, milli-, micro- or nanoseconds."""
    number = _number(value)
    if number is not None:
        return _scaled(number)
    text = _text(value).strip()
    if len(text) > _LONGEST_DATE:
        return None
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max(0, round(moment.timestamp() * 1_000))
        except (ValueError, TypeError, IndexError, OverflowError, OSError):
            continue
    return None


def _scaled(number: float) -> int | None:
    """Milliseconds; the unit is the one in which the number is a date of this century."""
    for limit, factor in ((1e11, 1_000), (1e14, 1), (1e17, 1e-3), (1e20, 1e-6)):
        if 0 < number < limit:
            return round(number * factor)
    return None


def _duration(entry: Object) -> int:
    took = _number(entry.get("time"))
    if took is None or took <= 0:
        phases = as_object(entry.get("timings"))
        numbers = [_number(one) for name, one in phases.items() if name != "ssl"]  # it is a part of `connect`
        took = sum(one for one in numbers if one is not None and one > 0)
    return round(took) if 0 < took < _LONGEST_MS else 0


# --- JSON -------------------------------------------------------------------------------------------------------------


def _list(value: object) -> list[object]:
    return value if is_array(value) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None

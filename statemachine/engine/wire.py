"""The codec as JSON: commands to HTTP requests, HTTP answers to replies, single entries in both directions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from statemachine.codec.body import is_object
from statemachine.codec.errors import BadRecord
from statemachine.codec.http import Endpoint, read_reply, to_http
from statemachine.codec.outwards import encode_entry
from statemachine.codec.records import decode_command, from_json, to_json
from statemachine.codec.wire import decode_entry

from ..core import Entry, Reply
from .session import JsonObject

Codec = Callable[[JsonObject], JsonObject]


def decode(asked: JsonObject) -> JsonObject:
    """`{"wire": <one entry of an events list>}` -> `{"entry": …}`. Accepts every value."""
    return {"entry": to_json(decode_entry(asked.get("wire")), Entry)}


def encode(asked: JsonObject) -> JsonObject:
    """`{"entry": …, "secret"?: {…}}` -> `{"wire": …}`. Raises BadRecord."""
    entry = from_json(asked.get("entry"), Entry)
    return {"wire": encode_entry(entry, _secret(asked))}


def request(asked: JsonObject) -> JsonObject:
    """`{"command": …, "endpoint": {…}, "nonce"?, "secret"?}` -> `{"request": …}`. Raises BadRecord, ValueError."""
    endpoint = _endpoint(asked.get("endpoint"))
    http = to_http(decode_command(asked.get("command")), endpoint, nonce=_text(asked, "nonce"), secret=_secret(asked))
    said: JsonObject = {"method": http.method, "url": http.url, "headers": dict(http.headers), "timeout": http.timeout}
    if http.body is not None:
        said["body"] = http.body.decode()
    if http.upload_ref is not None:
        said["upload"] = {"ref": http.upload_ref, "name": http.upload_name}
    return {"request": said}


_DEFAULTS: Final[JsonObject] = {"tenant": ""}


def _endpoint(said: object) -> Endpoint:
    values: dict[str, Any] = _DEFAULTS | said if is_object(said) else {}
    for name, value in values.items():
        kind = "true or false" if name == "quoted" else "text"
        if not isinstance(value, bool if name == "quoted" else str):
            raise BadRecord(f"$.endpoint.{name}: expected {kind}")
    try:
        return Endpoint(**values)
    except TypeError:
        names = ", ".join(Endpoint.__match_args__)
        raise BadRecord(f"$.endpoint: expected an object of {names}; url, app_id and client_id are needed") from None


def _text(asked: JsonObject, name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str | None):
        raise BadRecord(f"$.{name}: expected text")
    return value or ""


def _secret(asked: JsonObject) -> Mapping[str, object] | None:
    secret = asked.get("secret")
    if secret is not None and not is_object(secret):
        raise BadRecord("$.secret: expected an object")
    return secret


_NONE: Final[JsonObject] = {}


def reply(asked: JsonObject) -> JsonObject:
    """`{"command": …, "status": 200, "headers"?: {…}, "body": "…"}` -> `{"reply": …}`, to be sent in `answered`.

    `body` is text; for any other bytes use `base64` instead. `redirected`: the HTTP library followed a redirect.
    Raises BadRecord.
    """
    status, headers = asked.get("status"), asked.get("headers", _NONE)
    if type(status) is not int:
        raise BadRecord("$.status: expected a whole number")
    if not is_object(headers) or not all(isinstance(value, str) for value in headers.values()):
        raise BadRecord("$.headers: expected an object of texts")
    redirected = asked.get("redirected", False)
    if not isinstance(redirected, bool):
        raise BadRecord("$.redirected: expected true or false")
    named = {name: str(value) for name, value in headers.items()}
    answer = read_reply(decode_command(asked.get("command")), status, named, _body(asked), redirected=redirected)
    return {"reply": to_json(answer, Reply)}


def _body(asked: JsonObject) -> bytes:
    body, packed = _text(asked, "body"), asked.get("base64")
    if not isinstance(packed, str | None):
        raise BadRecord("$.base64: expected text")
    try:
        return body.encode("utf-8", "surrogatepass") if packed is None else base64.b64decode(packed, validate=True)
    except binascii.Error:
        raise BadRecord("$.base64: expected base64") from None


CODEC: Final[dict[str, Codec]] = {"decode": decode, "encode": encode, "request": request, "reply": reply}
"""Name of the operation -> function; all are pure."""

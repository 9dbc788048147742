"""The codec seen from outside: commands as HTTP requests, HTTP answers as replies, single entries both ways."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from statemachine.codec.body import is_object
from statemachine.codec.errors import BadRecord
from statemachine.codec.http import Endpoint, read_reply, to_http
from statemachine.codec.records import decode_command, from_json, to_json
from statemachine.codec.wire import decode_entry, encode_entry

from ..core import Entry, Reply
from .session import Object

__all__ = ["CODEC", "Codec"]

Codec = Callable[[Object], Object]


def decode(asked: Object) -> Object:
    """`{"wire": <one entry of an events list>}` -> `{"entry": …}`. Never refuses."""
    return {"entry": to_json(decode_entry(asked.get("wire")), Entry)}


def encode(asked: Object) -> Object:
    """`{"entry": …, "secret"?: {…}}` -> `{"wire": …}`. Raises BadRecord."""
    entry = from_json(asked.get("entry"), Entry)
    return {"wire": encode_entry(entry, cast("Mapping[str, object] | None", asked.get("secret")))}


def request(asked: Object) -> Object:
    """`{"command": …, "endpoint": {…}, "nonce"?, "secret"?}` -> `{"request": …}`. Raises BadRecord, ValueError."""
    endpoint = _endpoint(asked.get("endpoint"))
    http = to_http(
        decode_command(asked.get("command")),
        endpoint,
        nonce=str(asked.get("nonce") or ""),
        secret=cast("Mapping[str, object] | None", asked.get("secret")),
    )
    said: Object = {"method": http.method, "url": http.url, "headers": dict(http.headers), "timeout": http.timeout}
    if http.body is not None:
        said["body"] = http.body.decode()
    if http.upload_ref is not None:
        said["upload"] = {"ref": http.upload_ref, "name": http.upload_name}
    return {"request": said}


_DOOR: Final[Object] = {"tenant": ""}


def _endpoint(said: Any) -> Endpoint:
    try:
        return Endpoint(**_DOOR | said)
    except TypeError:
        names = ", ".join(Endpoint.__match_args__)
        raise BadRecord(f"$.endpoint: expected an object of {names}; url, app_id and client_id are needed") from None


_NONE: Final[Object] = {}


def reply(asked: Object) -> Object:
    """`{"command": …, "status": 200, "headers"?: {…}, "body": "…"}` -> `{"reply": …}`, to be fed as `answered`.

    `body` is text; where it may be anything else, `base64` holds its bytes instead. Raises BadRecord.
    """
    status, headers = asked.get("status"), asked.get("headers", _NONE)
    if type(status) is not int:
        raise BadRecord("$.status: expected a whole number")
    if not is_object(headers):
        raise BadRecord("$.headers: expected an object of texts")
    named = {str(name): str(value) for name, value in headers.items()}
    answer = read_reply(decode_command(asked.get("command")), status, named, _body(asked))
    return {"reply": to_json(answer, Reply)}


def _body(asked: Object) -> bytes:
    body, packed = asked.get("body") or "", asked.get("base64")
    if not isinstance(body, str) or not isinstance(packed, str | None):
        raise BadRecord("$.body: expected text")
    try:
        return body.encode("utf-8", "surrogatepass") if packed is None else base64.b64decode(packed, validate=True)
    except binascii.Error:
        raise BadRecord("$.base64: expected base64") from None


CODEC: Final[dict[str, Codec]] = {"decode": decode, "encode": encode, "request": request, "reply": reply}
"""Name of the operation -> what it does; all are pure."""

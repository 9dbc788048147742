"""How values look on the wire: one place for every shape that sources disagree about (protocol.md 3.0)."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final
from uuid import UUID

from statemachine.core.wire import Message
from statemachine.emulator import names
from statemachine.emulator.knobs import Knobs
from statemachine.emulator.wire import HttpResponse

Event = dict[str, object]
"""One event as decoded JSON; ``event`` is its name."""

_JSON: Final = (("Content-Type", "application/json; charset=utf-8"),)


def json_response(value: object, status: int = 200) -> HttpResponse:
    """A JSON reply in UTF-8."""
    text = json.dumps(value, ensure_ascii=False)
    # Half a surrogate pair, as a client may send it, has no UTF-8; its escape is good JSON.
    return HttpResponse(status, _JSON, text.encode(errors="backslashreplace"))


def seeded_uuid(seed: int, kind: str, number: int) -> str:
    """A lower-case UUID that depends on nothing but its arguments (no entropy in the model)."""
    return str(UUID(bytes=blake2b(f"{seed}:{kind}:{number}".encode(), digest_size=16).digest(), version=4))


def jitter(seed: int, number: int, width: int) -> int:
    """A number in ``0..width`` that depends on nothing but its arguments."""
    digest = blake2b(f"{seed}:jitter:{number}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % (width + 1)


def timestamp(knobs: Knobs, now: int) -> object:
    """``now`` (ms) as the knobs say: a string or number of seconds or milliseconds (row 3 of section 10)."""
    return typed(now if knobs.timestamp_unit == "ms" else now // 1000, knobs.timestamp_type)


def typed(value: int, kind: str) -> object:
    """A number as JSON number or as string."""
    return value if kind == "number" else str(value)


def waiting_time(knobs: Knobs, seconds: int | None) -> Event:
    """The ``ewt`` field: digits, a number, an empty string, or no field at all (section 3.0)."""
    if knobs.ewt_style == "absent":
        return {}
    if seconds is None or knobs.ewt_style == "empty":
        return {"ewt": ""}
    return {"ewt": typed(seconds, knobs.ewt_style)}


def own_party_id(knobs: Knobs, chat_id: str) -> str:
    """The client's own party id is the chat id, perhaps in another case (section 5, F33)."""
    return chat_id.upper() if knobs.id_case == "mixed" else chat_id


def party_uuid(knobs: Knobs, chat_id: str, label: str) -> str:
    """The id of a party, the same for ever for one chat and label; upper-case was observed."""
    value = seeded_uuid(knobs.seed, f"party:{chat_id}:{label}", 0)
    return value if knobs.id_case == "lower" else value.upper()


def server_event(knobs: Knobs, now: int, name: str, fields: Mapping[str, object]) -> Event:
    """A server event with its timestamp, less the fields the knobs leave out."""
    event: Event = {"event": name, **fields}
    if name not in names.WITHOUT_TIMESTAMP or knobs.timestamp_everywhere:
        event["timestamp"] = timestamp(knobs, now)
    for field in knobs.omit_fields:
        if field != "event":
            event.pop(field, None)
    return event


def plain_text(event: Mapping[str, object]) -> str:
    """The text of a message, a warning or a typing signal, as clients show it; "" where it has none."""
    msg, msg_text = event.get("msg"), event.get("msg_text")
    return Message(
        msg=msg if isinstance(msg, str) else "", msg_text=msg_text if isinstance(msg_text, str) else None
    ).text


def message_texts(knobs: Knobs, text: str, markup: str | None) -> Event:
    """``msg`` as an HTML fragment, and ``msg_text`` as plain text where the knob sends it."""
    fragment = markup if markup is not None else html.escape(text, quote=False).replace("\n", "<br>")
    return {"msg": fragment, "msg_text": text} if knobs.msg_text else {"msg": fragment}

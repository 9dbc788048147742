"""HAR files as browsers write them, made call by call."""

import base64
import gzip
import json
from datetime import UTC, datetime
from typing import Any

CHAT = "5f3c1e0a-7a44-4c1e-9f0e-1d2c3b4a5f60"
ADA = "0D5A27B4-9AF6-41B3-9BB7-5A3E9A4C1F10"
START = 1_780_000_000_000


class Har:
    """A recording. Times are milliseconds from its start."""

    def __init__(self, api: str = "v2", host: str = "https://chat.example.com") -> None:
        self.base = f"{host}/clientweb/api/{api}"
        self.entries: list[dict[str, Any]] = []

    def call(
        self,
        at: int,
        method: str,
        path: str,
        status: int = 200,
        body: object = None,
        *,
        took: int = 20,
        sent: object = None,
        packed: bool = False,
        content: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> "Har":
        text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        shown: dict[str, Any] = {"size": len(text), "mimeType": "application/json", "text": text}
        if packed:
            shown |= {"encoding": "base64", "text": base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()}
        request: dict[str, Any] = {
            "method": method,
            "url": f"{self.base}/{path}?tenantUrl=example.com",
            "headers": [{"name": "Authorization", "value": "MOBILE-API-140-327-PLAIN appId=top-secret"}],
        }
        if sent is not None:
            request["postData"] = {"mimeType": "application/json", "text": json.dumps(sent)}
        self.entries.append(
            {
                "startedDateTime": datetime.fromtimestamp((START + at) / 1_000, UTC).isoformat().replace("+00:00", "Z"),
                "time": took,
                "request": request,
                "response": {
                    "status": status,
                    "headers": [{"name": name, "value": value} for name, value in (headers or {}).items()],
                    "content": shown if content is None else content,
                },
            }
        )
        return self

    def create(self, at: int = 0, chat: str = CHAT, **rest: Any) -> "Har":
        body = {"chat_id": chat, "state": "ivr", "is_new_chat": True}
        return self.call(at, "POST", "chats", body=body, sent={"parameters": {"name": "Eve"}}, **rest)

    def poll(self, at: int, *events: object, took: int = 20, status: int = 200, chat: str = CHAT, **rest: Any) -> "Har":
        body = rest.pop("body", {"events": list(events)})
        return self.call(at, "GET", f"chats/{chat}/events", status, body, took=took, **rest)

    def post(self, at: int, *events: object, status: int = 200, chat: str = CHAT, **rest: Any) -> "Har":
        body = rest.pop("body", None)
        return self.call(at, "POST", f"chats/{chat}/events", status, body, sent={"events": list(events)}, **rest)

    def history(self, at: int, *events: object, status: int = 200, chat: str = CHAT, **rest: Any) -> "Har":
        body = rest.pop("body", {"events": list(events)})
        return self.call(at, "GET", f"chats/{chat}/history", status, body, **rest)

    def data(self) -> bytes:
        return json.dumps({"log": {"version": "1.2", "creator": {"name": "test"}, "entries": self.entries}}).encode()


def status(state: str, **rest: object) -> dict[str, object]:
    return {"event": "chat_session_status", "state": state, **rest}


def joined(party: str = ADA, name: str = "Ada Larsen", kind: str = "internal", at: int = 3) -> dict[str, object]:
    return {
        "event": "chat_session_party_joined",
        "party_id": party,
        "display_name": name,
        "type": kind,
        "timestamp": stamp(at),
    }


def left(party: str = ADA, at: int = 9) -> dict[str, object]:
    return {"event": "chat_session_party_left", "party_id": party, "timestamp": stamp(at)}


def said(text: str, msg_id: str, party: str = ADA, at: int = 4) -> dict[str, object]:
    return {
        "event": "chat_session_message",
        "msg": text,
        "msg_id": msg_id,
        "party_id": party,
        "timestamp": stamp(at),
    }


def receipt(kind: str, msg_id: str, party: str = ADA, at: int = 6) -> dict[str, object]:
    name = f"chat_session_message_{kind}"
    return {"event": name, "ref_msg_id": msg_id, "party_id": party, "timestamp": stamp(at)}


def own(text: str, msg_id: str) -> dict[str, object]:
    return {"event": "chat_session_message", "msg": text, "msg_id": msg_id}


def stamp(seconds: int) -> str:
    return str(START // 1_000 + seconds)


ENDED: dict[str, object] = {"event": "chat_session_ended"}


def whole() -> Har:
    """A chat from its request to its end, with what goes wrong on the way."""
    return (
        Har()
        .call(0, "GET", "configuration", body={"widgets": []})
        .create(100)
        .poll(130, status("queued", ewt="30"), took=900, packed=True)
        .poll(1_050, status("connecting"), status("connected"), joined(), took=2_000)
        .poll(3_100, said("Hello, this is Ada", "0"), took=500)
        .post(3_650, {"event": "chat_session_message_delivered", "ref_msg_id": "0"})
        .poll(3_620, status=502, body="<html>Bad Gateway</html>", took=300)
        .post(4_000, {"event": "chat_session_typing"})
        .post(4_500, own("Where is my order?", "1"), took=60)
        .poll(4_000, receipt("delivered", "1", at=5), took=700)
        .poll(4_710, status=400, body={"error_code": "5509", "error_message": "Too many"}, took=15)
        .poll(4_800, receipt("read", "1"), {"event": "chat_session_smiley", "code": 7}, took=800)
        .poll(5_700, said("It is on its way", "2", at=7), left(), took=900)
        .post(7_000, {"event": "chat_session_end"})
        .poll(6_700, ENDED, took=500)
    )

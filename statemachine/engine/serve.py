"""The loop over lines: one request and one answer per line, in order. `bye` or the end of input ends it.

An answer carries the `seq` of its request. An invalid request is answered with `error`, a text, and `code`, and
changes nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final, cast

from statemachine.codec.body import is_object

from ..version import __version__
from .session import FEATURES, JsonObject, JsonSession, NotBegun

PROTOCOL: Final = 1
MAX_DIGITS: Final = 30
"""Of a whole number in a request: more than any time, id or count has."""


class BadRequest(ValueError):
    """A request of unknown form; the text says what is possible."""


def _number(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise BadRequest(f"a whole number has more than {MAX_DIGITS} digits")
    return int(text)


def _fraction(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _constant(text)


def _constant(_: str) -> float:
    raise BadRequest("a number is not finite")


_READ: Final = json.JSONDecoder(parse_int=_number, parse_float=_fraction, parse_constant=_constant).decode
_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
CODEC_OPERATIONS: Final = ("decode", "encode", "request", "reply")
"""The operations of `wire.py`."""
HELLO: Final[JsonObject] = {
    "protocol": PROTOCOL,
    "name": "chat-session-statemachine",
    "version": __version__,
    "language": "python",
    "features": list(FEATURES),
}


class UnknownProtocol(BadRequest):
    """A version of the protocol that is not spoken here."""

    code: Final = "unknown_protocol"


class Server:
    """Answers requests for many sessions; without a name, a request is for the session ""."""

    def __init__(self) -> None:
        self._sessions: dict[str, JsonSession] = {}
        self._operations: dict[str, Callable[[JsonObject], JsonObject]] = {
            "hello": _hello,
            "begin": self._begin,
            "step": self._step,
            "explain": lambda asked: {"explanation": self._session(asked).explain(asked.get("event"))},
            "outbox": lambda asked: {"commands": self._session(asked).outbox()},
            "snapshot": lambda asked: {"snapshot": self._session(asked).snapshot()},
            "restore": self._restore,
            "drop": self._drop,
            **dict.fromkeys(CODEC_OPERATIONS, _codec),
        }

    def answer(self, line: str) -> JsonObject:
        """The answer to one line; never raises."""
        asked: object = None
        try:
            asked = _READ(line)
            if not is_object(asked):
                raise BadRequest('a request is a JSON object, such as {"op": "hello"}')
            said = self._operation(asked.get("op"))(asked)
        except RecursionError:
            said = {"error": "nested too deep", "code": "not_json"}
        except json.JSONDecodeError as error:
            said = {"error": f"this line is not JSON (character {error.pos})", "code": "not_json"}
        except (ValueError, NotBegun) as error:
            said = {"error": str(error), "code": getattr(error, "code", "bad_request")}
        except Exception as error:  # an error in this package must not end the sessions of all others
            said = {"error": f"the engine has failed: {type(error).__name__}", "code": "bad_request"}
        seq: JsonObject = {"seq": asked["seq"]} if is_object(asked) and "seq" in asked else {}
        return {**seq, **said}

    def answer_text(self, line: str) -> str:
        """The same as a line of JSON."""
        said = self.answer(line)
        try:
            return _ENCODE(said) + "\n"
        except (ValueError, RecursionError):
            return _ENCODE({"error": "the answer cannot be written as JSON"}) + "\n"

    def _operation(self, name: object) -> Callable[[JsonObject], JsonObject]:
        operation = self._operations.get(name) if isinstance(name, str) else None
        if operation is None:
            raise BadRequest(f"unknown op; it is one of {', '.join(self._operations)}, bye")
        return operation

    def _session(self, asked: JsonObject) -> JsonSession:
        name = _name(asked)
        if name not in self._sessions:
            raise NotBegun("no session of this name has begun: begin or restore it first")
        return self._sessions[name]

    def _begin(self, asked: JsonObject) -> JsonObject:
        at, new = asked.get("at"), JsonSession()
        if type(at) is not int:
            raise BadRequest("$.at: expected milliseconds since the epoch, a whole number")
        said = new.begin(at, cast("JsonObject | None", asked.get("config")))
        self._sessions[_name(asked)] = new
        return said

    def _step(self, asked: JsonObject) -> JsonObject:
        session = self._session(asked)
        said = session.step(cast(JsonObject, asked.get("event")))
        return {**said, "snapshot": session.snapshot()} if asked.get("snapshot") is True else said

    def _restore(self, asked: JsonObject) -> JsonObject:
        new = JsonSession()
        said = new.restore(asked.get("snapshot"))
        self._sessions[_name(asked)] = new
        return said

    def _drop(self, asked: JsonObject) -> JsonObject:
        self._sessions.pop(_name(asked), None)
        return {}


def _hello(asked: JsonObject) -> JsonObject:
    """Refuse a version of the protocol that this engine does not speak."""
    if asked.get("protocol", PROTOCOL) != PROTOCOL:
        raise UnknownProtocol(f"$.protocol: this engine speaks version {PROTOCOL} only")
    return HELLO


def _codec(asked: JsonObject) -> JsonObject:
    """Import the codec on demand: it takes half of the start, and most clients do not use it."""
    from . import wire

    return wire.CODEC[asked["op"]](asked)


def _name(asked: JsonObject) -> str:
    name = asked.get("session", "")
    if not isinstance(name, str):
        raise BadRequest("$.session: expected text")
    return name


def serve(
    lines: Iterable[str], write: Callable[[str], object], server: Server | None = None, lock: Lock | None = None
) -> None:
    """Answer each line with one line. `write` must flush. `server`, `lock`: shared with others."""
    server, lock = server or Server(), lock or Lock()
    for line in lines:
        if not line.strip(" \t\r\n"):
            continue
        if _is_bye(line):
            return
        with lock:
            answer = server.answer_text(line)
        write(answer)


def _is_bye(line: str) -> bool:
    try:
        asked: object = _READ(line) if '"bye"' in line else None
    except (ValueError, RecursionError):
        return False
    return is_object(asked) and asked.get("op") == "bye"

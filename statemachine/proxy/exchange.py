"""One call of the chat's interface with its answer, decoded; and the calls of one chat together."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from attrs import define, field, frozen

from statemachine.conformance.blackbox.audit import events_of, json_of
from statemachine.emulator import names
from statemachine.emulator.chat import ClientKey
from statemachine.emulator.routes import Route
from statemachine.emulator.wire import HttpRequest, HttpResponse

Event = dict[str, Any]
_ENDS: Final = {names.ENDED: "ended", names.TIMEOUT: "timed_out", names.TIMEOUT_MISSPELT: "timed_out"}


@frozen
class DecodedExchange:
    """A call and its answer. `number` counts the requests; times in milliseconds since the epoch.

    `response.status` is 0 where no answer came; `complete`: its body was kept whole.
    """

    number: int
    at: int
    end: int
    route: Route
    client: ClientKey
    request: HttpRequest
    response: HttpResponse
    complete: bool

    @cached_property
    def asked(self) -> Event:
        """The body of the request; empty where it cannot be decoded."""
        return json_of(self.request)

    @cached_property
    def body(self) -> Event:
        """The body of the answer; empty where it cannot be decoded."""
        return json_of(self.response)

    @property
    def status(self) -> int:
        """The HTTP status, 0 for none."""
        return self.response.status

    @property
    def is_ok(self) -> bool:
        """Any 2xx with a readable body, or none, and no error code."""
        return 200 <= self.status < 300 and self.code is None

    @property
    def code(self) -> int | None:
        """The error code, None where there is none."""
        code = str(self.body.get("error_code", ""))
        return int(code) if code.isdecimal() else None

    @property
    def took(self) -> int:
        """Milliseconds until the answer had ended."""
        return self.end - self.at

    @property
    def events(self) -> list[Event]:
        """The events of the answer, without entries that are none."""
        return events_of(self.body)

    @property
    def sent_events(self) -> list[Event]:
        """The events that the client posted."""
        return events_of(self.asked)


@frozen
class Received:
    """An event that a poll brought, when its answer ended and in which request."""

    at: int
    number: int
    event: Event


@define
class ChatRecord:
    """The calls of one chat, as far as questions about the server need them; at most `_KEPT` of each kind."""

    chat_id: str
    version: int
    polled: list[Received] = field(factory=list[Received])
    posts: dict[str, DecodedExchange] = field(factory=dict[str, DecodedExchange])
    """The accepted post of each message id."""
    histories: list[DecodedExchange] = field(factory=list[DecodedExchange])
    signals: list[str] = field(factory=list[str])
    """The terminal signals in their order, each once."""
    last_number: int = 0
    last_batch: bytes = b""
    repeats: int = 0
    """How often the latest batch was repeated."""
    cut: DecodedExchange | None = None
    """The latest poll, if its client closed the connection."""
    replied: dict[str, int] = field(factory=dict[str, int])
    """Message ids that came with the answer to a post (v1), and with which request."""
    active_at: int | None = None
    """When the customer wrote last, or the first agent joined."""

    def add_events(self, seen: DecodedExchange) -> None:
        """Keep the events of a poll's answer."""
        self.polled += [Received(seen.end, seen.number, event) for event in seen.events]
        del self.polled[:-_KEPT]
        for event in seen.events:
            self.add_signal(terminal_signal(event))

    def add_signal(self, signal: str | None) -> None:
        """Keep a terminal signal."""
        if signal is not None and signal not in self.signals:
            self.signals.append(signal)


_KEPT: Final = 2_000


def terminal_signal(event: Event) -> str | None:
    """The end that an event reports, or None (protocol.md 2.2)."""
    if event.get("event") == names.STATUS and event.get("state") in ("failed", "completed"):
        return str(event["state"])
    return _ENDS.get(str(event.get("event")))


def is_own(event: Event, chat_id: str) -> bool:
    """Whether the customer wrote it: the own party id is the chat id, in any case (section 5)."""
    return str(event.get("party_id", "")).lower() == chat_id.lower()

"""The latest requests with their replies, and those that violations refer to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import define, evolve, field

from statemachine.emulator.chat import ClientKey
from statemachine.emulator.identity import claimed
from statemachine.emulator.redaction import without_secrets_in_body
from statemachine.emulator.wire import HttpRequest, HttpResponse

_LATEST: Final = 4_096
KEPT: Final = 2_000
"""Exchanges that violations refer to; beyond it the oldest are forgotten."""
_CLIENTS: Final = 16_384
BODY_BYTES: Final = 16 * 1024
"""Longer bodies are clipped: a few uploads would otherwise fill the memory."""


@define
class Exchange:
    """One request and what became of it; times in milliseconds of the centre.

    ``number`` is the request's ticket in the model, ``client`` the sender that it claims. ``reply`` is None while it is
    owed; its status is 0 where the connection broke. Bodies are clipped to 16 KB, and the values of secure forms are
    left out.
    """

    number: int
    at: int
    client: ClientKey
    request: HttpRequest
    reply: HttpResponse | None = None
    replied_at: int | None = None

    @property
    def cut(self) -> bool:
        """The connection broke before an answer came through it."""
        return self.reply is not None and self.reply.status == 0


@define
class Traffic:
    """The latest exchanges by number, oldest first; of the ``kept`` ones more."""

    latest: dict[int, Exchange] = field(factory=dict[int, Exchange])
    kept: dict[int, Exchange] = field(factory=dict[int, Exchange])
    requests: dict[ClientKey, int] = field(factory=dict[ClientKey, int])
    """How many requests each client has made, the latest clients last."""

    def received(self, number: int, at: int, request: HttpRequest) -> Exchange:
        """Record a request."""
        client = claimed(request)
        self.requests[client] = self.requests.pop(client, 0) + 1
        if len(self.requests) > _CLIENTS:
            del self.requests[next(iter(self.requests))]
        exchange = Exchange(number, at, client, evolve(request, body=_kept(request.body)))
        self.latest[number] = exchange
        if len(self.latest) > _LATEST:
            del self.latest[next(iter(self.latest))]
        return exchange

    def replied(self, number: int, at: int, reply: HttpResponse) -> Exchange | None:
        """Record the reply, or that the connection broke. None: the request is too long ago."""
        exchange = self.find(number)
        if exchange is not None:
            exchange.replied_at, exchange.reply = at, evolve(reply, body=_kept(reply.body))
        return exchange

    def count(self, request: HttpRequest) -> int:
        """How many requests its client has made so far."""
        return self.requests.get(claimed(request), 0)

    def keep(self, numbers: Iterable[int]) -> None:
        """Keep these longer than others."""
        self.kept |= {number: self.latest[number] for number in numbers if number in self.latest}
        while len(self.kept) > KEPT:
            del self.kept[next(iter(self.kept))]

    def find(self, number: int) -> Exchange | None:
        """The exchange, if it is still known."""
        return self.latest.get(number) or self.kept.get(number)


def _kept(body: bytes) -> bytes:
    """The body, clipped, without the values of secure forms."""
    return without_secrets_in_body(body)[:BODY_BYTES]

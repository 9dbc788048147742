"""The customers of the page: ``/_console/customers``.

Each is a `ChatClient` of this process that uses the emulator over HTTP. So the page shows a correct client beside what
the server sees, and the lifecycle is not written again in the browser.

======================================== ============================================================================
``GET /customers``                       ``{"customers": […]}``: the screen of each
``POST /customers``                      new customer: ``client_id``, ``app_id`` and ``text``, all optional
``POST /customers/{id}/{command}``       a command of the customer: a name of `COMMANDS`
``DELETE /customers/{id}``               close the page; the chat is not ended
``GET /customers/feed``                  server-sent: ``customer``, a changed screen; ``left``, an id
======================================== ============================================================================
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from statemachine.client import BadSetting, ChatError
from statemachine.console.customer import COMMANDS, ConsoleCustomer
from statemachine.emulator.control.common import EMULATOR, ControlledEmulator, answer, body, refusal, refusing
from statemachine.scripted import StepFailed
from statemachine.serving.event_stream import Readers, message, serve

MAX_CUSTOMERS: Final = 20
"""Customers at once: each holds a poll."""

routes = web.RouteTableDef()


class Customers:
    """The customers by client id, oldest first."""

    def __init__(self, emulator: ControlledEmulator) -> None:
        self._emulator: Final = emulator
        self.present: Final[dict[str, ConsoleCustomer]] = {}
        self.readers: Final = Readers()

    async def open(self, client_id: str, app_id: str) -> ConsoleCustomer:
        """The customer of this id, a new one if there is none. Raises BadSetting."""
        if client_id not in self.present:
            if len(self.present) >= MAX_CUSTOMERS:
                raise refusal(409, f"there are {MAX_CUSTOMERS} customers already; close one")
            knobs = self._emulator.centre.knobs
            tenant = knobs.tenants[0] if knobs.tenants else "console.example"
            changed = self.readers.wake
            self.present[client_id] = await ConsoleCustomer.open(self._emulator.url, tenant, app_id, client_id, changed)
        return self.present[client_id]

    async def close(self, client_id: str) -> None:
        """Close the page of a customer."""
        customer = self.present.pop(client_id)
        await customer.close()
        self.readers.wake()

    def unused_id(self) -> str:
        """customer-1, customer-2…"""
        chats = self._emulator.centre.chats.values()
        taken = {*self.present, *(chat.key.client_id for chat in chats)}
        return next(name for number in range(1, len(taken) + 2) if (name := f"customer-{number}") not in taken)


_CUSTOMERS: Final[web.AppKey[Customers]] = web.AppKey("customers", Customers)


def install(app: web.Application) -> None:
    """Create the customers at the server's start, close them at its stop."""

    async def begin(app: web.Application) -> None:
        app[_CUSTOMERS] = Customers(app[EMULATOR])

    async def close_all(app: web.Application) -> None:
        customers = app[_CUSTOMERS]
        customers.readers.close()
        await asyncio.gather(*map(customers.close, list(customers.present)))

    app.add_routes(routes)
    app.on_startup.append(begin)
    app.on_shutdown.append(close_all)


@routes.get("/customers")
async def listed(request: web.Request) -> web.Response:
    """See above."""
    return answer({"customers": [customer.screen() for customer in request.app[_CUSTOMERS].present.values()]})


@routes.post("/customers")
async def create(request: web.Request) -> web.Response:
    """See above."""
    customers = request.app[_CUSTOMERS]
    fields = await body(request)
    client_id = str(fields.get("client_id") or customers.unused_id())
    app_id = str(fields.get("app_id") or "console")
    with _refusing():
        customer = await customers.open(client_id, app_id)
        await customer.do("start", {"text": fields.get("text") or ""})
    return answer({"customer": customer.screen()})


@routes.get("/customers/feed")
async def feed(request: web.Request) -> web.StreamResponse:
    """See above."""
    customers = request.app[_CUSTOMERS]
    known: dict[str, int] = {}

    def take() -> str:
        text = ""
        for customer in customers.present.values():
            if known.get(customer.id) != customer.version:
                known[customer.id] = customer.version
                text += message("customer", customer.screen())
        for closed in known.keys() - customers.present.keys():
            del known[closed]
            text += message("left", {"id": closed})
        return text

    return await serve(request, customers.readers, take)


@routes.post("/customers/{id}/{command}")
async def do(request: web.Request) -> web.Response:
    """See above."""
    customer = _found(request)
    command = request.match_info["command"]
    if command not in COMMANDS:
        raise refusal(404, f"there is no {command!r}; there are {', '.join(COMMANDS)}")
    with _refusing():
        await customer.do(command, await body(request))
    return answer({"customer": customer.screen()})


@routes.delete("/customers/{id}")
async def delete(request: web.Request) -> web.Response:
    """See above."""
    await request.app[_CUSTOMERS].close(_found(request).id)
    return answer({})


@contextmanager
def _refusing() -> Generator[None]:
    with refusing(409, ChatError, StepFailed), refusing(400, BadSetting, ValueError):
        yield


def _found(request: web.Request) -> ConsoleCustomer:
    customer = request.app[_CUSTOMERS].present.get(request.match_info["id"])
    if customer is None:
        raise refusal(404, "there is no such customer")
    return customer

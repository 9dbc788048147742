"""A client of the model for tests: by hand, without a network, with a clock that only the test moves."""

from __future__ import annotations

import json
from typing import Any

from statemachine.emulator import Centre, HttpRequest, HttpResponse, Knobs, Scenario
from statemachine.emulator.actions import Action
from statemachine.emulator.chat import Chat

START = 1_700_000_000_000


def authorization(client_id: str = "client-1", app_id: str = "app") -> str:
    return f'MOBILE-API-140-327-PLAIN appId="{app_id}", clientId="{client_id}"'


def message(text: str, msg_id: str | None = None) -> dict[str, Any]:
    event = {"event": "chat_session_message", "msg": text}
    return event if msg_id is None else {**event, "msg_id": msg_id}


class Driver:
    """One client and the centre it talks to."""

    def __init__(self, scenario: str | Scenario = "silent", *, version: int = 2, **knobs: Any) -> None:
        self.centre = Centre(Knobs(**knobs), scenario)
        self.now = START
        self.version = version
        self.client_id = "client-1"
        self.answers: dict[int, HttpResponse] = {}
        self.ticket = 0
        self.chat_id = ""
        self.held = 0

    @property
    def chat(self) -> Chat:
        return self.centre.chats[self.chat_id]

    @property
    def rules(self) -> list[str]:
        """The rules broken so far."""
        return [violation.rule for violation in self.centre.violations]

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        query: tuple[tuple[str, str], ...] = (("tenantUrl", "tenant.example"),),
        version: int | None = None,
    ) -> int:
        """Send a request and return its ticket; the answer may come later."""
        self.ticket += 1
        usual = {"Authorization": authorization(self.client_id), "Cache-Control": "no-cache"}
        wanted = {**usual, **(headers or {})}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        full = path if path.startswith("/") else f"/clientweb/api/v{version or self.version}/{path}"
        kept = tuple((name, value) for name, value in wanted.items() if value)
        self.take(self.centre.request(self.now, self.ticket, HttpRequest(method, full, query, kept, raw)))
        return self.ticket

    def take(self, answers: list[tuple[int, HttpResponse]]) -> None:
        for ticket, response in answers:
            assert ticket not in self.answers, "answered twice"
            self.answers[ticket] = response

    def call(self, method: str, path: str, body: object = None, **more: Any) -> HttpResponse:
        return self.answers[self.ask(method, path, body, **more)]

    def get(self, path: str, **more: Any) -> Any:
        response = self.call("GET", path, **more)
        assert response.status == 200, response
        return json.loads(response.body)

    def post(self, path: str, body: object = None, **more: Any) -> Any:
        response = self.call("POST", path, body, **more)
        assert response.status == 200, response
        return json.loads(response.body) if response.body else None

    def error(self, method: str, path: str, body: object = None, **more: Any) -> tuple[int, object]:
        """(HTTP status, error_code) of a call that has to fail."""
        response = self.call(method, path, body, **more)
        assert response.status != 200 or b"error_code" in response.body, response
        return response.status, json.loads(response.body)["error_code"]

    def open(self, **more: Any) -> Driver:
        self.chat_id = self.post("chats", {}, **more)["chat_id"]
        return self

    def send(self, *events: dict[str, Any]) -> Any:
        return self.post(f"chats/{self.chat_id}/events", {"events": list(events)})

    def act(self, *actions: Action) -> None:
        self.take(self.centre.act(self.now, self.chat_id, *actions))

    def start_poll(self) -> int:
        return self.ask("GET", f"chats/{self.chat_id}/events")

    def poll_once(self) -> None:
        """One poll, from its beginning to the end of its hold."""
        ticket = self.start_poll()
        while ticket not in self.answers:
            due = self.centre.next_deadline()
            assert due is not None
            self._tick(due)

    def poll(self) -> list[Any]:
        """The events that wait now; the poll must not be held."""
        events = self.get(f"chats/{self.chat_id}/events")["events"]
        assert isinstance(events, list)
        return events

    def history(self) -> list[Any]:
        events = self.get(f"chats/{self.chat_id}/history")["events"]
        assert isinstance(events, list)
        return events

    def wait(self, ms: int) -> None:
        """Let the time pass, stopping at every deadline."""
        end = self.now + ms
        while (due := self.centre.next_deadline()) is not None and due <= end:
            self._tick(max(self.now, due))
        self._tick(end)

    def polled(self, ms: int) -> list[Any]:
        """Poll for so long, one poll after the other, and return all events in order.

        The poll that is held at the end stays open, and the next call goes on with it.
        """
        end = self.now + ms
        events: list[Any] = []
        while self.now < end and (self.held in self.answers or not self.chat.end_handed_over):
            if self.held not in self.chat_tickets():
                self.held = self.start_poll()
            while self.held not in self.answers and self.now < end:
                due = self.centre.next_deadline()
                self._tick(end if due is None else min(end, max(due, self.now)))
            answer = self.answers.get(self.held)
            if answer is None or answer.status != 200:
                return events
            events += json.loads(answer.body)["events"]
            self.held = 0
        return events

    def chat_tickets(self) -> set[int]:
        """The ticket of the poll that the chat's slot holds, or that was just answered."""
        held = self.chat.held
        return ({held.ticket} if held is not None else set()) | (self.answers.keys() & {self.held})

    def _tick(self, now: int) -> None:
        self.now = now
        self.take(self.centre.tick(now))
        due = self.centre.next_deadline()
        assert due is None or due > now, "a deadline that stays due"


def names(events: list[Any]) -> list[str]:
    """The events' names, without the common prefix."""
    return [event["event"].removeprefix("chat_session_") for event in events]

"""One customer of the page: the scripted customer, with a client of its own, and the screen of this customer."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import attrs
from attrs import define, field

from statemachine.client import ChatClient, ChatError, Options
from statemachine.emulator.script import values
from statemachine.replay.words import session_names
from statemachine.scripted import Customer, EntrySent, PlayEvent, ScriptStep, script
from statemachine.scripted.events import UpdatesFailed

from ..core import DeliveryUpdate, Finished, Received
from ..core.wire import CobrowsingRequested, Entry, File, FormShow, Location, Message, SecureFormShow, TimeoutWarning

_CLOSE_WITHIN: Final = timedelta(milliseconds=500)
KEPT: Final = 300
"""Lines on the screen."""

Fields = Mapping[str, object]
"""The body of a request of the page."""


@define
class ScreenLine:
    """One line of the screen. `state` is of the customer's own entries: pending, sent, delivered, read, failed."""

    kind: str
    text: str
    own: bool = False
    who: str = ""
    item: str = ""
    state: str = ""


@define
class ConsoleCustomer:
    """`changed` is called at each change of the screen."""

    app_id: str
    client_id: str
    changed: Callable[[], None]
    client: ChatClient
    lines: list[ScreenLine] = field(factory=list[ScreenLine])
    version: int = 0
    _customer: Customer = field(init=False)

    @classmethod
    async def open(
        cls, url: str, tenant: str, app_id: str, client_id: str, changed: Callable[[], None]
    ) -> ConsoleCustomer:
        """A customer without a chat. Raises ChatError."""
        options = Options(close_within=_CLOSE_WITHIN, tls=_own_certificate(url))
        client = ChatClient(url, tenant=tenant, app_id=app_id, options=options)
        await client.__aenter__()
        try:
            chat = await client.session(client_id, start=False, parameters={"first_name": client_id})
        except ChatError:
            await client.close()
            raise
        made = cls(app_id, client_id, changed, client)
        made._customer = Customer(chat, made._show)
        return made

    @property
    def id(self) -> str:
        """The client id."""
        return self.client_id

    async def close(self) -> None:
        """Close the page; the chat is not ended."""
        await self.client.close()
        await self._customer.stop()

    def screen(self) -> dict[str, Any]:
        """The screen as JSON values, with the client's view of the chat."""
        session = self._customer.chat.session
        names = session_names(session)
        return {
            "id": self.client_id,
            "app_id": self.app_id,
            "version": self.version,
            "chat_id": session.chat.chat_id,
            "phase": session.phase,
            "outcome": session.outcome,
            "connection": session.connection.name,
            "parties": [*names.values()],
            "typing": [names.get(typist.party_id.lower(), "") for typist in session.participants.typists],
            "forms": [
                {"id": form.id, "name": form.name, "secure": form.secure}
                for form in session.participants.forms
                if not form.answer
            ],
            "lines": [attrs.asdict(line) for line in self.lines],
        }

    async def do(self, command: str, fields: Fields) -> None:
        """Execute a command of `COMMANDS`.

        Raises KeyError for another one, ValueError for a wrong field, ChatError and StepFailed where it is impossible.
        """
        if command == "typing":
            await self._customer.chat.typing(_text(fields, "draft", ""))
        elif command == "read":
            await self._customer.chat.mark_read(_text(fields, "msg_id"))
        else:
            await self._customer.execute(_STEPS[command](fields))
        self._redraw()

    # --- the screen -------------------------------------------------------------------------------------------------

    def _show(self, event: PlayEvent) -> None:
        match event:
            case EntrySent(kind, item, text):
                self._add(ScreenLine(kind, text, own=True, item=item, state="pending"))
            case Received():
                self._add_received(event)
            case DeliveryUpdate():
                for line in self.lines:
                    if line.own and line.item == event.item:
                        line.state = event.state if event.reason is None else f"{event.state}: {event.reason}"
            case Finished():
                self._add(ScreenLine("note", f"The chat is over: {event.outcome}. {event.text}".rstrip()))
            case UpdatesFailed(reason):
                self._add(ScreenLine("note", reason))
            case _:
                pass
        self._redraw()

    def _add_received(self, update: Received) -> None:
        kind, text = _described(update.entry)
        name = session_names(self._customer.chat.session).get(str(getattr(update.entry, "party_id", "")).lower(), "")
        self._add(ScreenLine(kind, text, update.own, name, str(getattr(update.entry, "msg_id", ""))))

    def _add(self, line: ScreenLine) -> None:
        self.lines.append(line)
        del self.lines[:-KEPT]

    def _redraw(self) -> None:
        self.version += 1
        self.changed()


def _file(fields: Fields) -> script.FileStep:
    content = values.read_bytes(values.BASE64 + _text(fields, "content"))
    return script.FileStep(_text(fields, "name"), content=content)


def _answer(fields: Fields) -> script.AnswerFormStep:
    return script.AnswerFormStep(values.read_table(fields.get("data")), _text(fields, "form"), within=0)


def _call(name: script.MethodName) -> Callable[[Fields], script.CallStep]:
    return lambda _: script.CallStep(name)


_STEPS: Final[dict[str, Callable[[Fields], ScriptStep]]] = {
    "start": lambda fields: script.StartStep(_text(fields, "text", "")),
    "say": lambda fields: script.SayStep(_text(fields, "text")),
    "stop_typing": _call("stop_typing"),
    "location": lambda fields: script.LocationStep(_text(fields, "latitude"), _text(fields, "longitude")),
    "file": _file,
    "answer": _answer,
    "cancel": lambda fields: script.CancelFormStep(_text(fields, "form"), within=0),
    "disconnect": _call("disconnect"),
    "end": _call("end"),
    "background": _call("background"),
    "foreground": _call("foreground"),
}
"""Command -> the step that its fields describe."""
COMMANDS: Final = (*_STEPS, "typing", "read")


def _described(entry: Entry) -> tuple[str, str]:
    """The kind of line, and its text."""
    match entry:
        case Message():
            return "text", entry.text
        case File():
            return "file", entry.file_name or entry.file_id
        case Location():
            return "location", f"{entry.latitude}, {entry.longitude}"
        case TimeoutWarning():
            return "warning", entry.text or "Are you still there?"
        case FormShow():
            return "form", entry.form_name or "a question: your next text answers it"
        case SecureFormShow():
            return "form", f"{entry.form_id} (secure)"
        case CobrowsingRequested():
            return "note", "The agent asks to see your page."
        case _:
            return "note", type(entry).__name__


def _text(fields: Fields, name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise ValueError(f"{name} is needed, a text")
    return value


def _own_certificate(url: str) -> ssl.SSLContext | None:
    """The server is this same process: its temporary certificate is accepted without checks."""
    if not url.startswith("https:"):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

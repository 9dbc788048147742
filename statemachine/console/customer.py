"""One customer who chats from the page: a `ChatClient`, and the lines on its screen."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final, cast

import attrs
from attrs import define, field

from statemachine.client import ChatClient, ChatError, ChatSession, Options, Sending
from statemachine.codec.text import shown
from statemachine.core import DeliveryUpdate, Finished, Received, Session
from statemachine.core.wire import (
    CobrowsingRequested,
    Entry,
    File,
    FormShow,
    Location,
    Message,
    SecureFormShow,
    TimeoutWarning,
)

__all__ = ["COMMANDS", "ConsoleCustomer", "Wish"]

_CLOSE_WITHIN: Final = timedelta(milliseconds=500)
KEPT: Final = 300
"""Lines on the screen."""

Wish = Mapping[str, object]


@define
class ScreenLine:
    """One line of the screen. `state` of an own line: pending, sent, delivered, read, failed."""

    kind: str
    text: str
    own: bool = False
    who: str = ""
    item: str = ""
    state: str = ""


@define
class ConsoleCustomer:
    """`changed` is called whenever the screen looks different. Commands raise ChatError and ValueError, in words."""

    app_id: str
    client: ChatClient
    chat: ChatSession
    changed: Callable[[], None]
    lines: list[ScreenLine] = field(factory=list[ScreenLine])
    version: int = 0
    _follower: asyncio.Task[None] | None = None

    @classmethod
    async def enter(
        cls, url: str, tenant: str, app_id: str, client_id: str, changed: Callable[[], None]
    ) -> ConsoleCustomer:
        """Open a client for a new customer, without a chat. Raises ChatError."""
        options = Options(close_within=_CLOSE_WITHIN, tls=_of_this_process(url))
        client = ChatClient(url, tenant=tenant, app_id=app_id, options=options)
        await client.__aenter__()
        try:
            chat = await client.session(client_id, start=False, parameters={"first_name": client_id})
        except ChatError:
            await client.close()
            raise
        return cls(app_id, client, chat, changed)

    @property
    def id(self) -> str:
        """The client id."""
        return self.chat.client_id

    async def leave(self) -> None:
        """Close the page; the chat is not ended."""
        await self.client.close()
        if self._follower is not None:
            await self._follower

    def screen(self) -> dict[str, Any]:
        """The whole screen, and the state of the client's session."""
        session = self.chat.session
        return {
            "id": self.id,
            "app_id": self.app_id,
            "version": self.version,
            "chat_id": session.chat.chat_id,
            "phase": session.phase,
            "stage": session.lifecycle.name,
            "outcome": session.outcome,
            "connection": session.connection.name,
            "parties": [party.display_name or party.type for party in session.participants.parties],
            "typing": [_name(session, typist.party_id) for typist in session.participants.typists],
            "forms": [
                {"id": form.id, "name": form.name, "secure": form.secure}
                for form in session.participants.forms
                if not form.answer
            ],
            "lines": [attrs.asdict(line) for line in self.lines],
        }

    async def do(self, command: str, wish: Wish) -> None:
        """Execute one of `COMMANDS`. Raises KeyError for another name."""
        if command in _WITHOUT_FIELDS:
            await getattr(self.chat, command)()
        else:
            await _WITH_FIELDS[command](self, wish)
        self._redraw()

    # --- commands with fields -----------------------------------------------------------------------------------------

    async def start(self, wish: Wish) -> None:
        """Request a chat, with `text` as its first message."""
        text = _text(wish, "text", "")
        if text:
            self._mine("text", text, await self.chat.send(text, new_chat=True))
        else:
            await self.chat.request()
        if self._follower is None or self._follower.done():
            self._follower = asyncio.create_task(self._follow())

    async def say(self, wish: Wish) -> None:
        """Send `text`."""
        text = _text(wish, "text")
        self._mine("text", text, await self.chat.send(text))

    async def location(self, wish: Wish) -> None:
        """Send a location: `latitude` and `longitude`, degrees as text."""
        latitude, longitude = _text(wish, "latitude"), _text(wish, "longitude")
        self._mine("location", f"{latitude}, {longitude}", await self.chat.send_location(latitude, longitude))

    async def file(self, wish: Wish) -> None:
        """Send a file: `name`, and `content` in base64."""
        name = _text(wish, "name")
        try:
            content = base64.b64decode(_text(wish, "content"), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("content is no base64") from None
        self._mine("file", name, await self.chat.send_file(content, name=name))

    async def answer(self, wish: Wish) -> None:
        """Answer the form `form` with `data`."""
        data = wish.get("data")
        if not isinstance(data, dict):
            raise ValueError("data is needed: the form's fields")
        values = cast("dict[str, object]", data)
        sending = await self.chat.answer_form(_text(wish, "form"), values)
        self._mine("form", f"form answered: {', '.join(values)}", sending)

    # --- the screen -------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        try:
            async for update in self.chat.updates():
                if isinstance(update, Received):
                    self._received(update)
                elif isinstance(update, DeliveryUpdate):
                    self._progress(update)
                elif isinstance(update, Finished):
                    self._add(ScreenLine("note", f"The chat is over: {update.outcome}. {update.text}".rstrip()))
                self._redraw()
        except ChatError as error:
            self._add(ScreenLine("note", str(error)))
            self._redraw()

    def _received(self, update: Received) -> None:
        kind, text = _kind_and_text(update.entry)
        who = _name(self.chat.session, str(getattr(update.entry, "party_id", "")))
        self._add(ScreenLine(kind, text, update.own, who, str(getattr(update.entry, "msg_id", ""))))

    def _progress(self, update: DeliveryUpdate) -> None:
        for line in self.lines:
            if line.own and line.item == update.item:
                line.state = update.state if update.reason is None else f"{update.state}: {update.reason}"

    def _mine(self, kind: str, text: str, sending: Sending) -> None:
        self._add(ScreenLine(kind, text, own=True, item=sending.id, state=sending.state))

    def _add(self, line: ScreenLine) -> None:
        self.lines.append(line)
        del self.lines[:-KEPT]

    def _redraw(self) -> None:
        self.version += 1
        self.changed()


_WITHOUT_FIELDS: Final = ("stop_typing", "disconnect", "end", "background", "foreground")
_WITH_FIELDS: Final[Mapping[str, Callable[[ConsoleCustomer, Wish], Awaitable[object]]]] = {
    "start": ConsoleCustomer.start,
    "say": ConsoleCustomer.say,
    "location": ConsoleCustomer.location,
    "file": ConsoleCustomer.file,
    "answer": ConsoleCustomer.answer,
    "typing": lambda customer, wish: customer.chat.typing(_text(wish, "draft", "")),
    "read": lambda customer, wish: customer.chat.mark_read(_text(wish, "msg_id")),
    "cancel": lambda customer, wish: customer.chat.cancel_form(_text(wish, "form")),
}
COMMANDS: Final = (*_WITH_FIELDS, *_WITHOUT_FIELDS)
"""The names of what a customer can do."""


def _kind_and_text(entry: Entry) -> tuple[str, str]:
    """Kind of line, and its text."""
    match entry:
        case Message():
            return "text", shown(entry)
        case File():
            return "file", entry.file_name or entry.file_id
        case Location():
            return "location", f"{entry.latitude}, {entry.longitude}"
        case TimeoutWarning():
            return "warning", entry.msg or "Are you still there?"
        case FormShow():
            return "form", entry.form_name or "a question: your next text answers it"
        case SecureFormShow():
            return "form", f"{entry.form_id} (secure)"
        case CobrowsingRequested():
            return "note", "The agent asks to see your page."
        case _:
            return "note", type(entry).__name__


def _name(session: Session, party_id: str) -> str:
    found = (party for party in session.participants.parties if party.id.lower() == party_id.lower())
    return next((party.display_name or party.type for party in found), "")


def _text(wish: Wish, name: str, default: str | None = None) -> str:
    value = wish.get(name, default)
    if not isinstance(value, str):
        raise ValueError(f"{name} is needed, a text")
    return value


def _of_this_process(url: str) -> ssl.SSLContext | None:
    """The server is this process, with a temporary certificate: it needs no check."""
    if not url.startswith("https:"):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

"""Executes typed lines: texts are sent, lines that begin with a slash are commands."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, suppress
from shutil import get_terminal_size
from typing import ClassVar, Final

from attrs import frozen

from statemachine.client import CentreError, ChatError, ChatSession, NotPossible, NotSaved, Sending, SessionOver, Update

from ...core import DeliveryUpdate, FormsChanged, Received
from ...core.wire import Message
from .files import BadPath, readable, save
from .forms import Questions
from .keyboard import Face
from .view import View


@frozen
class ChatParameters:
    """What a chat is requested with."""

    parameters: Mapping[str, object]
    name: str | None


@frozen
class Command:
    """`usage`: how it is typed; `about`: what it does."""

    usage: str
    about: str
    run: Callable[[Talk, list[str]], Awaitable[None]]


class _Usage(Exception):
    """A command was typed wrongly. The text says how to type it."""


class Talk:
    """A chat and the person at the keyboard."""

    def __init__(self, chat: ChatSession, view: View, about: ChatParameters) -> None:
        self._chat: Final = chat
        self._view: Final = view
        self._about: Final = about
        self._forms: tuple[tuple[str, str, bool], ...] = ()
        self.questions: Questions | None = None
        self.leaving = False
        self.begun: Final = asyncio.Event()
        """Set when a chat is requested; cleared by the task that waits for the next one."""
        self._unreported: set[str] = set()  # sent items without a delivery update
        self._updated: Final = asyncio.Event()

    def face(self) -> Face:
        """The look of the line that is being typed."""
        return Face(
            status=lambda: self._view.status(self._chat.phase),
            prompt=lambda: self.questions.prompt if self.questions else "answer" if self._question else "",
            secret=lambda: self.questions is not None and self.questions.secure,
        )

    async def begin(self) -> None:
        """Request a chat; an open chat of this customer is continued."""
        await self._chat.start(parameters=self._about.parameters, from_=self._about.name)
        self.begun.set()

    async def receive(self, update: Update) -> None:
        """Show an update, and react to it."""
        self._view.show(update)
        self._updated.set()
        if isinstance(update, DeliveryUpdate):
            self._unreported.discard(update.item)
        elif isinstance(update, FormsChanged):
            self._forms_changed(update)
        elif isinstance(update, Received) and isinstance(update.entry, Message) and not (update.own or update.historic):
            with suppress(ChatError):  # receipts are best effort
                await self._chat.mark_read(update.entry.msg_id)

    def _forms_changed(self, updates: FormsChanged) -> None:
        self._forms = updates.forms
        if self.questions and self.questions.request_id not in {request_id for request_id, _, _ in updates.forms}:
            self.questions = None
            self._view.note("the form is not asked for any more")

    async def enter(self) -> None:
        """Continue the open chat and show its history; after a chat that is over, begin a new one."""
        if self._chat.outcome is not None:
            await self.follow_updates()
        if self._chat.outcome is not None or self._chat.phase == "idle":
            await self.begin()
            return
        session = self._chat.session
        if session.chat.chat_id:
            try:
                self._view.recall(session.chat.chat_id, await self._chat.centre.history(session.chat.chat_id))
            except CentreError as error:
                self._view.trouble(f"what was said before cannot be shown: {error}")
        for form in session.participants.forms:
            self._view.asks(form.name, secure=form.secure)

    async def follow_updates(self) -> None:
        """Show the updates until the chat is over."""
        async for update in self._chat.updates():
            await self.receive(update)

    async def execute(self, line: str) -> None:
        """Execute a typed line. Raises only ChatStopped, where the store failed."""
        try:
            if line.startswith("/") and not line.startswith("//"):
                await self._command(line)
            elif self.questions is not None:
                await self._answer_question(self.questions, line)
            elif line.strip():
                await self._say(line.removeprefix("/") if line.startswith("//") else line)
        except (_Usage, BadPath) as wrong:
            self._view.trouble(str(wrong))
        except SessionOver:
            self._view.trouble("the chat is over: /new begins another, /quit leaves")
        except (NotPossible, NotSaved, CentreError) as refusal:
            self._view.trouble(str(refusal))

    async def typing(self, text: str) -> None:
        """Send the typing signal for the line that is being typed."""
        with suppress(ChatError):
            if self.questions is None and text and not text.startswith("/"):
                await self._chat.typing()
            else:
                await self._chat.stop_typing()

    async def finish(self) -> None:
        """Wait until everything sent has arrived or failed; after /end, until this task is cancelled."""
        while self._unreported or self._chat.phase == "ending":
            self._updated.clear()
            await self._updated.wait()

    # --- texts and forms --------------------------------------------------------------------------------------------

    async def _say(self, text: str) -> None:
        if self._question is not None:
            sending = await self._chat.answer_form(self._question, {"text": text})
        else:
            sending = await self._chat.send(text)
        self._sent(sending, text)

    @property
    def _question(self) -> str | None:
        """The form without a name that is open: a question, whose answer is a text (protocol.md 3.2)."""
        return next((request_id for request_id, name, secure in self._forms if not name and not secure), None)

    def _sent(self, sending: Sending, text: str) -> None:
        self._unreported.add(sending.id)
        self._view.sent(sending.id, text)

    async def _answer_question(self, questions: Questions, line: str) -> None:
        if wrong := questions.take(line):
            self._view.trouble(wrong)
        if questions.done:
            self.questions = None
            sending = await self._chat.answer_form(questions.request_id, questions.values)
            self._sent(sending, f"(the form {questions.name}, filled in)")

    def _form(self, words: list[str]) -> tuple[str, str, bool]:
        named = [form for form in self._forms if form[1]]
        if not named:
            raise _Usage("no form is open")
        if not words:
            return named[0]
        found = next((form for form in named if form[1] == words[0]), None)
        if found is None:
            raise _Usage(f"no such form is open; there is {', '.join(name for _, name, _ in named)}")
        return found

    async def _answer(self, words: list[str]) -> None:
        request_id, name, secure = self._form(words)
        fields: tuple[str, ...] = ()
        with suppress(CentreError):  # without it the user types the names of the fields
            definition = (await self._chat.centre.configuration()).form(name)
            fields = definition.fields if definition else ()
        self.questions = Questions(request_id, name, fields, secure=secure)
        self._view.note(f"{name}: answer each question; /cancel cancels the form")

    async def _cancel(self, words: list[str]) -> None:
        request_id = self.questions.request_id if self.questions else self._form(words)[0]
        self.questions = None
        await self._chat.cancel_form(request_id)

    # --- commands ---------------------------------------------------------------------------------------------------

    async def _command(self, line: str) -> None:
        name, _, rest = line[1:].partition(" ")
        command = self.commands.get(name)
        if command is None:
            raise _Usage(f"there is no command /{name}; /help lists them. To send a text that begins with /, type //")
        try:
            words = shlex.split(rest)
        except ValueError:
            raise _Usage("a quotation mark is not closed") from None
        if words and command.usage == f"/{name}":  # "/end of the story" is a text
            raise _Usage(f"{command.usage} stands alone. To send a text that begins with /, type //")
        await command.run(self, words)

    async def _help(self, words: list[str]) -> None:
        columns = get_terminal_size().columns
        for line in help_lines(self.commands.values(), columns):
            self._view.note(line)

    async def _file(self, words: list[str]) -> None:
        path = readable(_one(words, "/file PATH"))
        self._sent(await self._chat.send_file(path), f"(file {path.name})")

    async def _save(self, words: list[str]) -> None:
        if not words or not words[0].isdecimal() or len(words) > 2:
            raise _Usage("which one? /save NUMBER [PATH]")
        number = int(words[0])
        if not 1 <= number <= len(self._view.files):
            raise _Usage(f"there is no file {number} in this chat")
        file = self._view.files[number - 1]
        async with aclosing(self._chat.download(file.file_id)) as pieces:
            path, size = await save(pieces, file.file_name, words[1] if len(words) == 2 else "")
        self._view.note(f"saved as {path}, {size} bytes")

    async def _location(self, words: list[str]) -> None:
        if len(words) != 2:
            raise _Usage("where? /location LATITUDE LONGITUDE, in degrees")
        try:
            latitude, longitude = map(float, words)
        except ValueError:
            raise _Usage("a latitude and a longitude are numbers, such as 48.2082 16.3738") from None
        if not (abs(latitude) <= 90 and abs(longitude) <= 180):
            raise _Usage("a latitude is between -90 and 90, a longitude between -180 and 180")
        self._sent(await self._chat.send_location(words[0], words[1]), f"(location {words[0]}, {words[1]})")

    async def _case(self, words: list[str]) -> None:
        history = await self._chat.centre.case_history(self._chat.session.chat.chat_id)
        for session in history.sessions:
            self._view.recall(session.chat_id, session.entries)

    async def _disconnect(self, words: list[str]) -> None:
        await self._chat.disconnect()

    async def _end(self, words: list[str]) -> None:
        await self._chat.end()

    async def _new(self, words: list[str]) -> None:
        if self._chat.outcome is None:
            raise _Usage("this chat is not over: /end ends it")
        await self.begin()

    async def _quit(self, words: list[str]) -> None:
        self.leaving = True

    commands: ClassVar[dict[str, Command]] = {
        one.usage[1:].partition(" ")[0]: one
        for one in (
            Command("/help", "these lines", _help),
            Command("/file PATH", "send a file", _file),
            Command("/save NUMBER [PATH]", "save a file that was sent to you", _save),
            Command("/location LATITUDE LONGITUDE", "send a place, in degrees", _location),
            Command("/answer [FORM]", "fill in a form", _answer),
            Command("/cancel [FORM]", "close a form without an answer", _cancel),
            Command("/case", "what was said in other chats of this case", _case),
            Command("/disconnect", "end the conversation; a survey may follow", _disconnect),
            Command("/end", "end the chat", _end),
            Command("/new", "after the end: begin another chat", _new),
            Command("/quit", "leave; the chat stays open, and is continued next time", _quit),
        )
    }
    """What may follow a slash."""


def help_lines(commands: Iterable[Command], columns: int) -> Iterator[str]:
    """A line for each command, in two columns where that fits."""
    listed = list(commands)
    width = max(len(command.usage) for command in listed)
    is_narrow = any(width + 4 + len(command.about) > columns for command in listed)
    for command in listed:
        yield f"{command.usage}: {command.about}" if is_narrow else f"{command.usage:<{width}}  {command.about}"


def _one(words: list[str], usage: str) -> str:
    if len(words) != 1:
        raise _Usage(f"{usage}; a path with spaces goes between quotation marks")
    return words[0]

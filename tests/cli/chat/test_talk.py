"""What is typed, done: a person's session against the emulator, without the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from statemachine import ChatClient, Finished
from statemachine.cli.chat.talk import ChatParameters, Talk
from statemachine.cli.chat.view import View
from statemachine.cli.screen import Screen
from statemachine.client import Options
from statemachine.emulator import Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from tests.cli.chat.paper import Paper

pytestmark = pytest.mark.asyncio

QUICK = Knobs(pace=0.02, hold_ms=300, inactivity_timeout_ms=None)
OPTIONS = Options(close_within=timedelta(seconds=1))


class Person:
    """Types, and reads the screen."""

    def __init__(self, emulator: Emulator, talk: Talk, screen: Paper) -> None:
        self.emulator = emulator
        self.talk = talk
        self._screen = screen

    async def types(self, *lines: str) -> None:
        for line in lines:
            await self.talk.execute(line)

    async def sees(self, words: str) -> None:
        """Wait for them."""
        await self._screen.shows(words)

    def shown(self) -> str:
        return self._screen.getvalue()

    @property
    def chat(self) -> Any:
        return list(self.emulator.centre.chats.values())[-1]

    async def until(self, wanted: Callable[[Any], bool]) -> None:
        await self.emulator.until(lambda centre: bool(centre.chats) and wanted(self.chat), 20)


@asynccontextmanager
async def person(
    scenario: str, store: Path | None = None, emulator: Emulator | None = None, about: ChatParameters | None = None
) -> AsyncIterator[Person]:
    """Somebody in a chat."""
    async with Emulator(scenario, QUICK) as own:
        used = emulator or own
        async with ChatClient(used.url, app_id="chat", store=store, options=OPTIONS) as client:
            session = await client.session("ann", start=False)
            stream = Paper()
            talk = Talk(session, View(Screen(stream), chatty=True), about or ChatParameters({}, None))
            await talk.enter()
            hearing = asyncio.create_task(talk.follow_updates())
            try:
                yield Person(used, talk, stream)
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
    assert used.centre.violations == []


async def test_a_chat(tmp_path: Path) -> None:
    async with person("plain", about=ChatParameters({"topic": "bill"}, "Ann")) as ann:
        await ann.types("hello", "", "  ", "//slash")
        await ann.sees("You said: /slash")
        assert [text for _, text in ann.chat.texts_received] == ["hello", "/slash"]
        assert ann.chat.parameters["parameters"] == {"topic": "bill"}
        assert ann.chat.parameters["from"] == "Ann"
        await ann.types("/end")
        await ann.sees("The chat ended in good order")
        await ann.types("more?")
        assert "the chat is over: /new begins another" in ann.shown()
        await ann.types("/new")
        await ann.until(lambda chat: chat.live)
        assert len(ann.emulator.centre.chats) == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/nonsense", "there is no command /nonsense; /help lists them"),
        ("/", "there is no command /;"),
        ("/file", "/file PATH"),
        ("/file a b", "a path with spaces goes between quotation marks"),
        ("/file 'a", "a quotation mark is not closed"),
        ("/file /no/such/file", "No such file"),
        ("/save", "which one? /save NUMBER [PATH]"),
        ("/save one", "which one?"),
        ("/save 1", "there is no file 1 in this chat"),
        ("/save 0", "there is no file 0 in this chat"),
        ("/location 1", "where? /location LATITUDE LONGITUDE"),
        ("/location a b", "are numbers"),
        ("/location nan 1", "between -90 and 90"),
        ("/location 91 1", "between -90 and 90"),
        ("/answer", "no form is open"),
        ("/cancel", "no form is open"),
        ("/new", "this chat is not over"),
        ("/end of the story", "/end stands alone. To send a text that begins with /, type //"),
        ("/disconnect me, please", "/disconnect stands alone"),
        ("/quit smoking", "/quit stands alone"),
        ("/new idea", "/new stands alone"),
        ("/case", "the session has no case"),
        ("/\x1b[31m", "there is no command /\\x1b[31m"),
    ],
)
async def test_bad_input_is_one_line_and_changes_nothing(line: str, words: str) -> None:
    async with person("silent") as ann:
        await ann.until(lambda chat: chat.live)
        await ann.sees("ivr")
        before = ann.shown()
        await ann.types(line)
        told = ann.shown().removeprefix(before)
        assert words in told
        assert told.count("\n") == 1
        assert ann.chat.texts_received == []


async def test_help_names_every_command() -> None:
    async with person("silent") as ann:
        await ann.types("/help")
        for command in Talk.commands.values():
            assert f"— {command.usage}" in ann.shown()


async def test_files_there_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my letter.txt").write_bytes(b"dear centre")
    async with person("silent") as ann:
        await ann.until(lambda chat: chat.live)
        await ann.types("/file 'my letter.txt'")
        await ann.sees("✓ sent")
        (sent,) = ann.emulator.centre.files.values()
        assert (sent.name, sent.content) == ("my letter.txt", b"dear centre")
        await ann.emulator.act(ann.chat.chat_id, do.ShareFile("../reply.txt", b"dear Ann"))
        await ann.sees("/save 1")
        await ann.types("/save 1")
    assert (tmp_path / "reply.txt").read_bytes() == b"dear Ann"


async def test_forms_are_filled_in_question_by_question() -> None:
    async with person("forms") as ann:
        await ann.sees("an answer is expected")
        assert ann.talk.face().prompt() == "answer"
        await ann.types("4711")
        await ann.sees("fill in a form, contact_form")
        await ann.types("/answer other")
        await ann.sees("no such form is open; there is contact_form")
        await ann.types("/answer")
        assert ann.talk.face().prompt() == "first_name"
        assert not ann.talk.face().secret()
        await ann.types("Ann", "ann@example.com")
        await ann.sees("(the form contact_form, filled in)")
        await ann.sees("a secure form, payment")
        await ann.types("/answer payment")
        assert ann.talk.face().secret()
        await ann.types("hunter2", "12/30")
        await ann.sees("that is all I need")
        sent = repr(ann.chat.log)
        for value in ("4711", "ann@example.com", "chat_session_secure_form_data"):
            assert value in sent
        assert "hunter2" not in ann.shown()


async def test_a_form_may_be_cancelled_and_may_go() -> None:
    async with person("silent") as ann:
        await ann.until(lambda chat: chat.live)
        await ann.emulator.act(ann.chat.chat_id, do.ShowForm("odd_form"), do.ShowSecureForm("payment"))
        await ann.sees("a secure form, payment")
        await ann.types("/answer odd_form")
        assert "name=value" in ann.talk.face().prompt()
        await ann.types("five", "/cancel")
        assert "expected name=value" in ann.shown()
        assert ann.talk.face().prompt() == ""
        await ann.types("/answer payment")
        await ann.emulator.act(ann.chat.chat_id, do.CancelSecureForm())
        await ann.sees("the form is not asked for any more")


async def test_what_was_said_is_there_again_and_nothing_twice(tmp_path: Path) -> None:
    async with Emulator("plain", QUICK) as emulator:
        async with person("plain", tmp_path / "s", emulator) as ann:
            await ann.types("hello")
            await ann.sees("You said: hello")
        (chat_id,) = emulator.centre.chats
        await emulator.act(chat_id, do.Say("while you were away"))
        async with person("plain", tmp_path / "s", emulator) as ann:
            await ann.types("back")
            await ann.sees("You said: back")
            shown = ann.shown()
            assert shown.index("earlier in this chat") < shown.index("while you were away") < shown.index("— now")
            for words in ("you          hello", "You said: hello", "while you were away"):
                assert shown.count(words) == 1
        assert len(emulator.centre.chats) == 1


async def test_the_rest_of_a_chat_that_is_over_is_told_before_the_next(tmp_path: Path) -> None:
    async with Emulator("silent", QUICK) as emulator:
        async with ChatClient(emulator.url, app_id="chat", store=tmp_path / "s", options=OPTIONS) as client:
            session = await client.session("ann")
            await emulator.until(lambda centre: bool(centre.chats))
            (chat_id,) = emulator.centre.chats
            await emulator.act(chat_id, do.Say("goodbye"), do.EndChat())
            async with asyncio.timeout(20):
                async for update in session.updates(auto_ack=False):
                    if isinstance(update, Finished):
                        break
        async with person("silent", tmp_path / "s", emulator) as ann:
            shown = ann.shown()
            assert shown.index("goodbye") < shown.index("The chat ended in good order")
            await ann.until(lambda chat: chat.live)
        assert len(emulator.centre.chats) == 2


async def test_the_agent_sees_typing_and_reading() -> None:
    async with person("silent") as ann:
        await ann.until(lambda chat: chat.live)
        await ann.sees("ivr")
        await ann.talk.typing("he")
        await ann.until(lambda chat: "chat_session_typing" in repr(chat.log))
        await ann.talk.typing("")
        await ann.emulator.act(ann.chat.chat_id, do.Say("hello"))
        await ann.until(lambda chat: "chat_session_message_read" in repr(chat.log))
        await ann.talk.typing("/quit")
        await ann.types("/quit")
        assert ann.talk.leaving


async def test_finish_waits_until_all_is_sent() -> None:
    async with person("plain") as ann:
        await ann.types("one", "two")
        await ann.talk.finish()
        assert [text for _, text in ann.chat.texts_received] == ["one", "two"]

"""`statemachine chat`: a person chats with a contact centre, line by line."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from contextlib import AsyncExitStack, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from statemachine.client import CentreError, ChatClient, ChatError, ChatSession, ContactCentre
from statemachine.codec.http import Endpoint
from statemachine.emulator import Knobs
from statemachine.emulator.http import Emulator
from statemachine.store.errors import StoreError

from ...logs import silenced
from ..app import Trouble, named_values
from ..connection_options import ConnectionOptions, connection_options, in_flags
from ..screen import Screen
from ..state import folder, found_emulator, identity, settings_name
from ..stopping import run_interruptibly
from .keyboard import Interrupted, Keyboard, Pipe, Terminal, above_the_line, at_terminal
from .talk import ChatParameters, Talk
from .view import View

__all__ = ["command"]


@click.command(name="chat")
@connection_options
@click.option("--name", metavar="TEXT", help="Your name, as the agent sees it.")
@click.option("--parameter", multiple=True, metavar="NAME=VALUE", help="For the contact centre's scenario; repeatable.")
@click.option("--emulator", is_flag=True, help="Start a contact centre on this machine for this chat.")
def command(connection: ConnectionOptions, name: str | None, parameter: tuple[str, ...], emulator: bool) -> int:
    """Chat with a contact centre from the terminal.

    Without --url, it uses the emulator on this machine, and offers to start one if none runs. Each line is sent
    as a message; /help lists the commands. The bottom line shows the phase. Leaving (/quit, Ctrl-D) does not end the
    chat: the next `statemachine chat` with this contact centre continues it, and shows its history.

    Your state directory (or STATEMACHINE_STATE_DIR) keeps your customer id and your chat for each contact centre. Only
    you can read it.

    Input from a pipe is sent line by line. At its end, the command waits until all lines are sent. If the last line
    is /end, it waits until the chat is over.

    Exit status: 0 you left, or the chat ended as it should; 1 it did not; 2 it could not begin; 130 interrupted.
    """
    about = ChatParameters(named_values("--parameter", "NAME", parameter), name)
    with silenced():
        outcome = run_interruptibly(_chat(connection, about, emulator))
    return 0 if outcome in (None, "ended", "completed") else 1


async def _chat(connection: ConnectionOptions, about: ChatParameters, emulator: bool) -> str | None:
    """The outcome of the chat; None while it is open."""
    with in_flags():
        options = connection.options(close_within=timedelta(seconds=3))
    async with AsyncExitStack() as stack:
        emulated = None if connection.url is not None else await _emulated(stack, emulator)
        url = emulated.url if emulated else None
        client_id = connection.client_id
        if client_id is None:
            client_id = _identity(connection.endpoint(options, "nobody", url))
        endpoint = connection.endpoint(options, client_id, url)
        client = ChatClient(
            endpoint.url, tenant=endpoint.tenant, app_id=endpoint.app_id, store=_store(endpoint), options=options
        )
        try:
            await stack.enter_async_context(client)
            session = await client.session(client_id, start=False)
            if session.outcome is not None or session.phase == "idle":
                await _report_availability(session.centre)
            ours = emulated is not None and emulated.started
            try:
                await _run_chat(session, about)
            except Interrupted:
                _report_leaving(session, ours=ours)
                raise click.Abort from None
            _report_leaving(session, ours=ours)
            return session.outcome
        except CentreError as error:
            raise Trouble(f"{error}. More: statemachine doctor, with the same options") from None
        except (ChatError, StoreError) as error:
            raise Trouble(str(error)) from None


async def _report_availability(centre: ContactCentre) -> None:
    """Ask for the availability first: wrong settings are reported before a chat is requested."""
    if not (await centre.availability()).available:
        click.echo("The contact centre reports that no agent is available; the chat is requested nevertheless.")


# --- the contact centre ---------------------------------------------------------------------------------------------


@frozen
class _Emulated:
    """An emulator. `started`: by us, for this chat alone."""

    url: str
    started: bool


async def _emulated(stack: AsyncExitStack, wanted: bool) -> _Emulated | None:
    """One that runs, or one that is started now; None: there is none."""
    if not wanted and (running := await found_emulator()):
        return _Emulated(running, started=False)
    if not wanted and not (at_terminal() and await _agrees()):
        return None
    emulator = await stack.enter_async_context(Emulator("plain", Knobs()))
    return _Emulated(emulator.url, started=True)


async def _agrees() -> bool:
    question = "No emulator runs on this machine. Start one for this chat?"
    return await asyncio.to_thread(click.confirm, question, default=True)


def _identity(endpoint: Endpoint) -> str:
    with suppress(OSError):
        return identity(endpoint.url, endpoint.tenant, endpoint.app_id)
    click.echo("Your client id cannot be stored on this machine: this chat cannot be continued later.", err=True)
    return f"cli-{secrets.token_hex(8)}"


def _store(endpoint: Endpoint) -> Path | None:
    name = settings_name(endpoint.url, endpoint.tenant, endpoint.app_id, endpoint.client_id)
    with suppress(OSError):
        return folder("chats") / f"{name}.sqlite"
    return None


# --- the conversation -----------------------------------------------------------------------------------------------


async def _run_chat(session: ChatSession, about: ChatParameters) -> None:
    person = at_terminal()
    with above_the_line() if person else nullcontext():
        view = View(Screen(), chatty=not person)
        talk = Talk(session, view, about)
        typed = asyncio.Queue[str]()
        keyboard = Terminal(talk.face(), typed.put_nowait) if person else Pipe()
        view.note(f"{session.endpoint.url}; /help lists what can be done", "bold")
        await talk.enter()
        await _until_one_is_done(_read(keyboard, talk), _follow_chats(talk, keyboard), _send_typing(typed, talk))


def _report_leaving(session: ChatSession, *, ours: bool) -> None:
    """Report a chat that was left open. `ours`: the contact centre was started for it."""
    if session.outcome is not None:
        return
    if ours:
        click.echo("You left; the contact centre that was started for this chat stops.")
        return
    waiting = any(item.state.name in ("pending", "sending", "in_doubt") for item in session.session.items)
    kept = ", and sends the texts that wait" if waiting else ""
    click.echo(f"You left; the chat stays open. The next statemachine chat continues it{kept}.")


async def _until_one_is_done(*works: Coroutine[Any, Any, None]) -> None:
    """Run these concurrently until the first one returns or raises."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


async def _read(keyboard: Keyboard, talk: Talk) -> None:
    """Execute typed lines until the person leaves, or the pipe is empty and everything is sent."""
    while not talk.leaving:
        line = await keyboard.line()
        if line is None:
            break
        await talk.execute(line)
    if isinstance(keyboard, Pipe) and not talk.leaving:
        await talk.finish()


async def _follow_chats(talk: Talk, keyboard: Keyboard) -> None:
    """Show the updates of one chat after the other; from a pipe, only of the first."""
    while True:
        talk.begun.clear()
        await talk.follow_updates()
        if isinstance(keyboard, Pipe):
            return
        await talk.begun.wait()


async def _send_typing(typed: asyncio.Queue[str], talk: Talk) -> None:
    """Send typing signals: only the latest state of the line counts."""
    while True:
        text = await typed.get()
        while not typed.empty():
            text = typed.get_nowait()
        await talk.typing(text)

"""`statemachine emulate`."""

from __future__ import annotations

import asyncio
import errno
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from socket import gethostname
from ssl import SSLContext
from typing import Final

import click
from click.core import ParameterSource

from statemachine.emulator import Centre, Chat, Knobs
from statemachine.emulator.clock import Clock
from statemachine.emulator.http import Emulator
from statemachine.emulator.knobs import describe, from_settings
from statemachine.emulator.script import catalogue
from statemachine.emulator.steps import Scenario
from statemachine.proxy import BadProfile, read_profile
from statemachine.serving.addresses import is_loopback

from .. import console
from .app import Trouble, in_trouble, named_values, needing_extras
from .files import FILE, read_text
from .listening import Listening, listening_options, ready, why_not
from .numbers import FiniteRange
from .scenario import scenario_of
from .screen import Screen
from .state import announced
from .stopping import run_many, stop_signal
from .text import clipped

_YEAR_S: Final = 365 * 86_400.0
_GLANCE_S: Final = 0.2
"""Between two looks at all chats: thousands of them change all the time."""
_EPILOG: Final = "\b\n" + "\n".join(["Scenarios:", *(f"  {one.name:<20} {one.about}" for one in catalogue().values())])


@click.command(name="emulate", epilog=_EPILOG)
@listening_options(
    8080, "0: a free one. If the default is in use, a free one is taken.", "the console, its page for agents,"
)
@click.option(
    "--scenario",
    metavar="NAME|FILE.toml",
    default="plain",
    show_default=True,
    help="For chats whose app id names no scenario; see below.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of ids and jitter.")
@click.option(
    "--pace", type=FiniteRange(0, 1_000), default=1.0, show_default=True, help="Factor for the scenario's pauses."
)
@click.option("--set", "settings", multiple=True, metavar="KNOB=VALUE", help="Set a knob; --knobs lists them.")
@click.option(
    "--profile",
    type=FILE,
    metavar="FILE.toml",
    help="Behave like the contact centre that statemachine proxy learned this from; --set overrides it.",
)
@click.option("--speed", type=FiniteRange(0, 100_000), default=1.0, show_default=True, help="Speed of its clock.")
@click.option("--knobs", "list_knobs", is_flag=True, help="List the knobs, and exit.")
@click.pass_context
def command(
    ctx: click.Context,
    at: Listening,
    scenario: str,
    seed: int,
    pace: float,
    settings: tuple[str, ...],
    profile: Path | None,
    speed: float,
    list_knobs: bool,
) -> int:
    """Run a contact centre on this machine, for trials of clients.

    It serves v1 and v2 of the interface and checks its clients: their faults are listed when it stops. A person can
    play its agents, and a customer, on a web page: the console. Ctrl-C stops it.

    Exit status: 130 stopped by Ctrl-C; 0 stopped by SIGTERM; 2 it could not listen there, or wrong usage.
    """
    screen = Screen()
    if list_knobs:
        _list(screen)
        return 0
    at.check()
    wanted = ({} if profile is None else _profile(profile)) | _settings(settings)
    is_default_port = ctx.get_parameter_source("port") is ParameterSource.DEFAULT
    chosen, knobs = scenario_of(scenario), Knobs(seed=seed, pace=pace)

    def emulator(port: int, tls: SSLContext | None) -> Emulator:
        parts = {console.PREFIX: console.part}
        clock = Clock(speed)
        return Emulator(chosen, knobs, host=at.host, port=port, names=at.names, parts=parts, tls=tls, clock=clock)

    with needing_extras("statemachine emulate --tls"):
        return run_many(_serve(screen, at, is_default_port, emulator, wanted))


def _settings(settings: Iterable[str]) -> dict[str, object]:
    values: dict[str, object] = {
        name: str(value).strip() for name, value in named_values("--set", "KNOB", settings).items()
    }
    try:
        from_settings(values)
    except ValueError as error:
        raise click.UsageError(f"{error}. statemachine emulate --knobs lists them.") from None
    return values


def _profile(file: Path) -> dict[str, object]:
    with in_trouble(BadProfile, about=file):
        return read_profile(read_text(file))


async def _serve(
    screen: Screen,
    at: Listening,
    is_default_port: bool,
    make: Callable[[int, SSLContext | None], Emulator],
    settings: Mapping[str, object],
) -> int:
    """Serve until a signal; the exit status. Raises Trouble."""
    stop = stop_signal()
    with at.certificate() as (tls, authority):
        async with AsyncExitStack() as stack:
            try:
                emulator = await stack.enter_async_context(make(at.port, tls))
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not is_default_port:
                    raise Trouble(why_not(error, at.host, at.port)) from None
                screen.line((f"Port {at.port} is in use: a free one is taken.", "dim"))
                emulator = await stack.enter_async_context(make(0, tls))
            await emulator.set_knobs(settings)
            with announced(emulator.url), ready(at.ready_file, emulator.url, emulator.token, authority):
                page = console.page_url(emulator.url, emulator.token)
                _introduce(screen, emulator.url, page, emulator.centre.selection.scenario, at)
                await at.introduce(screen, page, authority)
                follower = _Follower(screen, emulator)
                following = asyncio.create_task(follower.follow())
                status = await stop
            following.cancel()
            follower.look()
            screen.line()
            _farewell(screen, emulator.centre)
    return status


class _Follower:
    """Prints a line for each thing that clients do."""

    def __init__(self, screen: Screen, emulator: Emulator) -> None:
        self._screen = screen
        self._emulator = emulator
        self._told: dict[str, tuple[int, bool]] = {}

    async def follow(self) -> None:
        """Look again after each change, until cancelled."""
        while True:
            await self._emulator.until(_after_the_next_change(), _YEAR_S)
            await asyncio.sleep(_GLANCE_S)
            self.look()

    def look(self) -> None:
        """Print what is new."""
        chats = list(self._emulator.centre.chats.values())
        for chat in chats:
            self._tell(chat)
        # The chats that the centre has forgotten are left out.
        self._told = {chat.chat_id: (len(chat.texts_received), chat.live) for chat in chats}

    def _tell(self, chat: Chat) -> None:
        texts, live = self._told.get(chat.chat_id, (0, True))
        name = (f"chat {chat.chat_id[:8]}  ", "dim")
        if chat.chat_id not in self._told:
            self._screen.line(name, "begins; client ", (chat.key.client_id, "bold"), f", v{chat.version}")
        for _, text in chat.texts_received[texts:]:
            self._screen.line(name, f"“{clipped(text, 200)}”", indent=15)
        if live and not chat.live:
            self._screen.line(name, f"is over: {chat.terminal or 'gone'}")


def _after_the_next_change() -> Callable[[Centre], bool]:
    """True at the second look: the first comes at once, before anything has happened."""
    looks = count()
    return lambda _: next(looks) > 0


def _introduce(screen: Screen, url: str, page: str, scenario: Scenario, at: Listening) -> None:
    screen.line(("A contact centre listens on ", ""), (url, "bold green"))
    screen.line(("Play its agents on ", ""), (page, "bold green"))
    screen.line((f"scenario {scenario.name}: {scenario.about}", "dim"))
    screen.line()
    for name, value in (
        ("url", f"{url}   (the interface is below /clientweb/api/v2/ and v1/)"),
        ("tenant", "any that is not empty"),
        ("app id", "any that is not empty; the name of a scenario chooses that one"),
        ("client id", "one of its own for each customer"),
    ):
        screen.line(f"  {name:<10} ", (value, ""), indent=13)
    screen.line()
    screen.line(("  from statemachine import ChatClient", "dim"))
    screen.line(
        (
            f'  ChatClient("{url}", tenant="example", app_id="my-app")  # then: await client.session("customer-1")',
            "dim",
        ),
        indent=4,
    )
    screen.line()
    if at.tls:
        screen.line(("The vendor's Swift client always uses port 443: --port 443.", "dim"))
    if not is_loopback(at.host):
        screen.line(
            (f"Others on your network can reach it ({gethostname()}): made for trials, not for strangers.", "yellow")
        )
        screen.line(("The console and the control API ask for the token in the address above.", "yellow"))


def _farewell(screen: Screen, centre: Centre) -> None:
    chats = len(centre.chats)
    texts = sum(len(chat.texts_received) for chat in centre.chats.values())
    screen.line(f"stopped: {chats} {'chat' if chats == 1 else 'chats'}, {texts} messages from clients")
    faults = Counter((violation.rule, violation.message) for violation in centre.violations)
    for (rule, message), number in faults.most_common(20):
        times = f" ({number} times)" if number > 1 else ""
        screen.line((f"  a client {message}", "yellow"), (f" [{rule}]{times}", "dim"), indent=4)


def _list(screen: Screen) -> None:
    for knob in describe():
        values = "|".join(map(str, knob.choices)) or knob.type
        unit = f" {knob.unit}" if knob.unit else ""
        screen.line((knob.name, "bold"), f" = {knob.default}{unit}  ", (f"({values})", "dim"))
        screen.line(f"    {knob.about}", indent=4)

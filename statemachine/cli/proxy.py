"""`statemachine proxy`."""

from __future__ import annotations

import asyncio
import webbrowser
from collections import Counter
from contextlib import ExitStack, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

import click
from attrs import evolve, frozen

from statemachine.emulator.rules import RULES
from statemachine.proxy import HarRecorder, Proxy, write_profile

from .. import console
from ..files import replace_private
from .app import Trouble, grouped, needing_extras
from .authority import HOW_TO_TRUST, throw_away_authority
from .connection_options import trusting
from .files import FILE, writing
from .listening import check_host, ready, why_not
from .screen import Screen
from .stopping import run_many, stop_signal


@frozen(kw_only=True)
class _Wish:
    """The values of the options. `certified`: the names of the certificate, none without TLS."""

    to: str
    host: str
    port: int
    tls: bool
    names: tuple[str, ...]
    ca: str | None
    har: Path | None
    texts: bool
    profile: Path | None
    ready_file: Path | None
    show: bool

    @property
    def certified(self) -> tuple[str, ...]:
        local = (*self.names, self.host, "localhost", "127.0.0.1", "::1")
        return tuple(dict.fromkeys(local)) if self.tls else ()


@click.command(name="proxy")
@grouped(
    "wish",
    _Wish,
    click.option("--to", required=True, metavar="URL", help="The contact centre, as https://chat.example.com."),
    click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="0: a free one."),
    click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on."),
    click.option("--tls", is_flag=True, help="Serve https with a temporary authority, and print how to trust it."),
    click.option(
        "--name", "names", multiple=True, help="Another name of this machine to answer under, and to certify."
    ),
    click.option("--ca", metavar="FILE", type=click.Path(dir_okay=False), help="Also trust these certificates (PEM)."),
    click.option("--har", type=FILE, metavar="FILE.har", help="Record all calls, without credentials."),
    click.option("--texts", is_flag=True, help="Keep the texts of people in the recording."),
    click.option(
        "--profile", type=FILE, metavar="FILE.toml", help="Write the learned settings, for emulate --profile."
    ),
    click.option("--ready-file", type=FILE, help="JSON with url, pid, token, authority; removed when it stops."),
    click.option("--open", "show", is_flag=True, help="Open the page of traffic and verdicts in the browser."),
)
def command(wish: _Wish) -> int:
    """Forward the traffic between a client and a contact centre, and watch both.

    Point the client at the printed address. Everything is forwarded as it is, long polls included. The client is judged
    by the rules that the emulator checks, and the contact centre's settings are learned from its answers. A page shows
    the traffic and the verdicts. Ctrl-C stops it.

    Exit status: 130 stopped by Ctrl-C; 0 stopped by SIGTERM; 2 it could not listen there, or wrong usage.
    """
    for option, name in [("--host", wish.host), *(("--name", name) for name in wish.names)]:
        check_host(option, name)
    with needing_extras("statemachine proxy --tls"):
        return run_many(_serve(Screen(), evolve(wish, to=_origin(wish.to))))


def _origin(url: str) -> str:
    """The URL without a slash at its end. Raises UsageError."""
    host, extra = "", ""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.port != 0:
            host = parts.hostname or ""
        extra = parts.path.strip("/") or parts.query or parts.fragment or "@" * ("@" in parts.netloc)
    except ValueError:
        pass
    if not host:
        raise click.UsageError(f"--to {url}: expected an address as https://chat.example.com.")
    if extra:
        raise click.UsageError("--to: give scheme, host and port only; clients add path and credentials themselves.")
    check_host("--to", host)
    return url.rstrip("/")


async def _serve(screen: Screen, wish: _Wish) -> int:
    """Serve until a signal; the exit status. Raises Trouble."""
    stop = stop_signal()
    with ExitStack() as stack:
        tls, authority = stack.enter_context(
            throw_away_authority(wish.certified) if wish.tls else nullcontext((None, None))
        )
        recorder = None
        if wish.har is not None:
            with writing(wish.har):
                recorder = stack.enter_context(HarRecorder(wish.har, wish.to, texts=wish.texts))
        proxy = Proxy(
            wish.to,
            host=wish.host,
            port=wish.port,
            tls=tls,
            trust=None if wish.ca is None else trusting(wish.ca),
            recorder=recorder,
            parts={console.PREFIX: console.part},
            names=wish.names,
        )
        try:
            await proxy.__aenter__()
        except OSError as error:
            raise Trouble(why_not(error, wish.host, wish.port)) from None
        try:
            with ready(wish.ready_file, proxy.url, proxy.watcher.token, authority):
                await _introduced(screen, wish, proxy, authority)
                status = await stop
        finally:
            await proxy.__aexit__(None, None, None)
        _farewell(screen, wish, proxy)
        return status


async def _introduced(screen: Screen, wish: _Wish, proxy: Proxy, authority: Path | None) -> None:
    token = f"?token={proxy.watcher.token}" if proxy.watcher.token else ""
    page = f"{proxy.url}{console.PREFIX}/{token}"
    screen.line(("A proxy listens on ", ""), (proxy.url, "bold green"))
    screen.line("It forwards to ", (wish.to, "bold"))
    screen.line(("Traffic and verdicts: ", ""), (page, "bold green"))
    if authority is not None:
        screen.line("Its certificate is signed by a temporary authority, which ends with this process. To trust it:")
        for where, how in HOW_TO_TRUST:
            screen.line(f"  {where:<17} ", (how.format(file=authority), ""), indent=20)
    screen.line("Ctrl-C stops it.")
    if wish.show and not await asyncio.to_thread(webbrowser.open, page):
        screen.line(("No browser could be opened here: open the address yourself.", "yellow"))


def _farewell(screen: Screen, wish: _Wish, proxy: Proxy) -> None:
    watcher = proxy.watcher
    screen.line()
    chats = len(watcher.centre.chats)
    screen.line(f"stopped: {watcher.requests} requests, {chats} {'chat' if chats == 1 else 'chats'}")
    faults = Counter(violation.rule for violation in watcher.centre.violations)
    for rule, times in faults.most_common():
        example = next(one.message for one in watcher.centre.violations if one.rule == rule)
        screen.line((f"  {rule:<4} {RULES[rule].fault}", "yellow"), (f"  ({times} times)" if times > 1 else "", "dim"))
        screen.line((f"       the client {example}", "dim"), indent=7)
    findings = watcher.learner.findings()
    screen.line(f"{len(findings)} settings of the contact centre were learned")
    for one in findings:
        if one.differing:
            values = ", ".join(f"{value!r} ({count} times)" for value, count, _ in one.differing)
            screen.line((f"  {one.setting}: {one.value!r} ({one.count} times), but also {values}", "yellow"), indent=4)
    if wish.profile is not None:
        with writing(wish.profile):
            replace_private(wish.profile, write_profile(findings, wish.to))
        screen.line(f"written: {wish.profile}")

"""`statemachine proxy`."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import click
from attrs import evolve, frozen

from statemachine.emulator.rules import RULES
from statemachine.proxy import HarRecorder, Proxy, write_profile

from .. import console
from ..files import replace_private
from .app import Trouble, grouped, needing_extras
from .connection_options import trusting
from .files import FILE, writing
from .listening import Listening, check_host, listening_options, ready, why_not
from .screen import Screen
from .stopping import run_many, stop_signal


@frozen(kw_only=True)
class _Wish:
    """The values of its own options."""

    to: str
    ca: str | None
    har: Path | None
    texts: bool
    profile: Path | None


@click.command(name="proxy")
@listening_options(8081, "0: a free one.", "the page of traffic and verdicts")
@grouped(
    "wish",
    _Wish,
    click.option("--to", required=True, metavar="URL", help="The contact centre, as https://chat.example.com."),
    click.option("--ca", metavar="FILE", type=click.Path(dir_okay=False), help="Also trust these certificates (PEM)."),
    click.option("--har", type=FILE, metavar="FILE.har", help="Record all calls, without credentials."),
    click.option("--texts", is_flag=True, help="Keep the texts of people in the recording."),
    click.option(
        "--profile", type=FILE, metavar="FILE.toml", help="Write the learned settings, for emulate --profile."
    ),
)
def command(at: Listening, wish: _Wish) -> int:
    """Forward the traffic between a client and a contact centre, and watch both.

    Point the client at the printed address. Everything is forwarded as it is, long polls included. The client is judged
    by the rules that the emulator checks, and the contact centre's settings are learned from its answers. A page shows
    the traffic and the verdicts. Ctrl-C stops it.

    Exit status: 130 stopped by Ctrl-C; 0 stopped by SIGTERM; 2 it could not listen there, or wrong usage.
    """
    at.check()
    with needing_extras("statemachine proxy --tls"):
        return run_many(_serve(Screen(), at, evolve(wish, to=_origin(wish.to))))


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


async def _serve(screen: Screen, at: Listening, wish: _Wish) -> int:
    """Serve until a signal; the exit status. Raises Trouble."""
    stop = stop_signal()
    with ExitStack() as stack:
        tls, authority = stack.enter_context(at.certificate())
        recorder = None
        if wish.har is not None:
            with writing(wish.har):
                recorder = stack.enter_context(HarRecorder(wish.har, wish.to, texts=wish.texts))
        proxy = Proxy(
            wish.to,
            host=at.host,
            port=at.port,
            tls=tls,
            trust=None if wish.ca is None else trusting(wish.ca),
            recorder=recorder,
            parts={console.PREFIX: console.part},
            names=at.names,
        )
        try:
            await proxy.__aenter__()
        except OSError as error:
            raise Trouble(why_not(error, at.host, at.port)) from None
        try:
            with ready(at.ready_file, proxy.url, proxy.watcher.token, authority):
                page = console.page_url(proxy.url, proxy.watcher.token)
                screen.line(("A proxy listens on ", ""), (proxy.url, "bold green"))
                screen.line("It forwards to ", (wish.to, "bold"))
                screen.line(("Traffic and verdicts: ", ""), (page, "bold green"))
                await at.introduce(screen, page, authority)
                status = await stop
        finally:
            await proxy.__aexit__(None, None, None)
        _farewell(screen, wish, proxy)
        return status


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

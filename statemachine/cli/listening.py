"""Listening on an address of this machine: the options' checks, the reasons why not, and the ready file."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import ssl
import webbrowser
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import click
from attrs import frozen

from statemachine.codec.http import is_host
from statemachine.files import replace_private

from .app import F, Trouble, grouped
from .authority import HOW_TO_TRUST, throw_away_authority
from .files import FILE
from .screen import Screen


@frozen(kw_only=True)
class Listening:
    """The options of a server for clients on trial. `names`: of this machine, beside loopback's."""

    host: str
    port: int
    tls: bool
    names: tuple[str, ...]
    ready_file: Path | None
    show: bool

    def check(self) -> None:
        """Raise UsageError for a name that no resolver takes."""
        for option, name in [("--host", self.host), *(("--name", name) for name in self.names)]:
            check_host(option, name)

    def certificate(self) -> AbstractContextManager[tuple[ssl.SSLContext | None, Path | None]]:
        """With --tls: the server's context, and the file of the authority that signed its temporary certificate."""
        names = dict.fromkeys([*self.names, self.host, "localhost", "127.0.0.1", "::1"])
        return throw_away_authority(names) if self.tls else nullcontext((None, None))

    async def introduce(self, screen: Screen, page: str, authority: Path | None) -> None:
        """Print how to trust the certificate and how to stop the server; open the page if the user wants it."""
        if authority is not None:
            screen.line(
                "Its certificate is signed by a temporary authority, which ends with this process. To trust it:"
            )
            for where, how in HOW_TO_TRUST:
                screen.line(f"  {where:<17} ", (how.format(file=authority), ""), indent=20)
        screen.line("Ctrl-C stops it.")
        if self.show:
            await open_page(screen, page)


def listening_options(port: int, port_help: str, page: str) -> Callable[[F], F]:
    """The options of `Listening`, as the argument `at` of the command."""
    return grouped(
        "at",
        Listening,
        click.option("--port", type=click.IntRange(0, 65535), default=port, show_default=True, help=port_help),
        click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on."),
        click.option("--tls", is_flag=True, help="Serve https with a temporary authority, and print how to trust it."),
        click.option(
            "--name", "names", multiple=True, help="Answer under another name of this machine too, and certify it."
        ),
        click.option("--ready-file", type=FILE, help="JSON with url, pid, token, authority; removed when it stops."),
        click.option("--open", "show", is_flag=True, help=f"Open {page} in the browser."),
    )


async def open_page(screen: Screen, url: str) -> None:
    """Open a page in the user's browser, or say that none can be opened."""
    if not await asyncio.to_thread(webbrowser.open, url):
        screen.line(("No browser could be opened here: open the address yourself.", "yellow"))


def check_host(option: str, name: str) -> None:
    """Raise UsageError for a name that no resolver and no certificate takes."""
    try:
        is_right = is_host(name.encode("idna").decode()) if name else option == "--host"
    except UnicodeError:
        is_right = False
    if not is_right:
        raise click.UsageError(f"{option} {name}: this is no name and no address of a host.")


def why_not(error: OSError, host: str, port: int) -> str:
    """The reason why this address cannot be used, and a remedy."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: choose another with --port, or --port 0 for a free one"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} on {host} is not allowed here: choose one above 1023"
    return f"cannot listen on {host}, port {port}: {error.strerror or error}"


@contextmanager
def ready(file: Path | None, url: str, token: str | None, authority: Path | None) -> Generator[None]:
    """While this lasts the file says where we listen. It is written atomically: a reader never sees half of it."""
    if file is None:
        yield
        return
    about = {"url": url, "pid": os.getpid(), "token": token}
    try:
        replace_private(file, json.dumps({**about, "authority": None if authority is None else str(authority)}))
    except OSError as error:
        raise Trouble(f"cannot write {file}: {error.strerror or error}") from None
    try:
        yield
    finally:
        file.unlink(missing_ok=True)

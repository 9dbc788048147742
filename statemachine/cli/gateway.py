"""`statemachine gateway`."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from attrs import evolve, frozen

from statemachine.client import BadSetting
from statemachine.client.signals import on_first_signal
from statemachine.codec.body import is_array
from statemachine.emulator.http import Emulator
from statemachine.emulator.script.source import ScriptError, read_toml
from statemachine.gateway import Gateway, GatewaySettings, TokenSetting, WebhookSetting
from statemachine.gateway.settings import of_table
from statemachine.serving.addresses import is_loopback
from statemachine.store.errors import StoreError
from statemachine.store.names import is_url, shown

from .app import Trouble, grouped, in_trouble
from .connection_options import ConnectionOptions, centre_options, environment_option, in_flags
from .files import FILE, FOLDER, read_text
from .listening import check_host, ready, why_not
from .numbers import FiniteRange
from .screen import Screen
from .state import found_emulator
from .stopping import run_many


@frozen(kw_only=True)
class _Wish:
    """The values of the options."""

    store: str
    address: str | None
    peer_secret: Path | None
    uploads: Path | None
    lease: float
    cipher: str | None
    telemetry: bool
    host: str
    port: int
    names: tuple[str, ...]
    tls_cert: Path | None
    tls_key: Path | None
    token_file: Path | None
    keep_days: float
    drain: float
    park_hours: float
    upload_mb: float
    rate: float
    ready_file: Path | None


def _read_config(ctx: click.Context, _: click.Parameter, file: Path | None) -> dict[str, Any]:
    """The tables of the file; its other settings become the defaults of the options."""
    if file is None:
        return {}
    with in_trouble(ScriptError):
        content = read_toml(read_text(file), str(file))
    found = {name.replace("-", "_"): value for name, value in content.items()}  # as options are written
    tables = {name: found.pop(name, []) for name in ("token", "webhook")}
    options = {one.name: one for one in ctx.command.params}
    if unknown := set(found) - set(options):
        raise Trouble(f"{file}: there is no setting {min(unknown)}; see statemachine gateway --help for their names")
    ctx.default_map = {name: _checked(file, options[name], value) for name, value in found.items()}
    return tables


def _checked(file: Path, option: click.Parameter, value: object) -> object:
    """A setting as an option takes it. Raises Trouble."""
    if is_array(value) and getattr(option, "multiple", False):
        return [_checked(file, option, one) for one in value if not is_array(one)]
    if not isinstance(value, str | int | float) or "\0" in str(value):
        raise Trouble(f"{file}: {option.opts[0].lstrip('-')} must be a text, a number, true or false")
    return str(value)


@click.command(name="gateway")
@click.option(
    "--config",
    "tables",
    type=FILE,
    metavar="FILE.toml",
    envvar="STATEMACHINE_CONFIG",
    show_envvar=True,
    is_eager=True,
    callback=_read_config,
    help="Settings, tokens and webhooks; options and the environment come before it.",
)
@centre_options
@click.option("--emulate", is_flag=True, help="Serve an emulated contact centre of its own, to try the API.")
@grouped(
    "wish",
    _Wish,
    environment_option("--store", "SQLite file, or postgresql://…, for several gateways.", default="chats.sqlite"),
    environment_option("--address", "Where other gateways of the database reach this one."),
    environment_option("--peer-secret", "File of the secret that gateways of one database share.", type=FILE),
    environment_option("--uploads", "Folder of files on their way; shared by the gateways of a database.", type=FOLDER),
    environment_option("--cipher", "MODULE:NAME of a Cipher that encrypts what the store keeps."),
    environment_option("--telemetry", "Spans and metrics for OpenTelemetry's global providers.", is_flag=True),
    environment_option("--lease", "Seconds after which others take over.", type=FiniteRange(1, 10), default=5.0),
    environment_option("--host", "The address to listen on; beyond loopback, tokens are needed.", default="127.0.0.1"),
    environment_option("--port", "0: a free one.", type=click.IntRange(0, 65535), default=8090),
    click.option("--name", "names", multiple=True, help="Another name of this machine to answer under, on loopback."),
    environment_option("--tls-cert", "Serve https with this certificate chain (PEM).", type=FILE),
    environment_option("--tls-key", "Its key (PEM).", type=FILE),
    environment_option("--token-file", "Tokens with all scopes, one a line.", type=FILE),
    environment_option("--keep-days", "How long updates are kept.", type=FiniteRange(0.01, 36_500), default=30.0),
    environment_option("--drain", "Seconds that a stop may take.", type=FiniteRange(0.1, 3_600), default=10.0),
    environment_option("--park-hours", "How long a webhook may fail.", type=FiniteRange(0, 10_000), default=24.0),
    environment_option("--upload-mb", "The largest file.", type=FiniteRange(0.001, 10_000), default=25.0),
    environment_option("--rate", "Requests per second of one token.", type=FiniteRange(0.1, 1e6), default=200.0),
    click.option("--ready-file", type=FILE, help="JSON with url and pid; removed when it stops."),
)
def command(tables: dict[str, Any], connection: ConnectionOptions, emulate: bool, wish: _Wish) -> int:
    """Serve chats over HTTP, for programs in any language.

    Without --url, it uses the emulator on this machine. The API is described at /openapi.json. SIGTERM and Ctrl-C stop
    it: no new requests, queued items are sent for --drain seconds, the others after the next start. A second signal
    ends it at once.

    Exit status: 0 stopped; 2 it could not begin.
    """
    check_host("--host", wish.host)
    return run_many(_begin(tables, connection, wish, emulate))


async def _begin(tables: dict[str, Any], connection: ConnectionOptions, wish: _Wish, emulate: bool) -> int:
    if emulate:
        async with Emulator("plain") as centre:
            return await _serve(Screen(), tables, connection, wish, centre.url)
    return await _serve(Screen(), tables, connection, wish, await found_emulator(connection.url))


async def _serve(
    screen: Screen, tables: dict[str, Any], connection: ConnectionOptions, wish: _Wish, emulator: str | None
) -> int:
    with in_flags():
        options = evolve(connection.options(), cipher=_cipher(wish.cipher))
        at = connection.endpoint(options, "any", emulator)
        settings = _settings(tables, wish)
        gateway = Gateway(
            at.url, tenant=at.tenant, app_id=at.app_id, settings=settings, options=options, telemetry=_telemetry(wish)
        )
    stopped = asyncio.Event()
    undo = [_on_signal(number, stopped.set) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        with in_trouble(StoreError, BadSetting):
            await gateway.__aenter__()
    except OSError as error:
        raise Trouble(why_not(error, wish.host, wish.port)) from None
    try:
        with ready(wish.ready_file, gateway.url, None, None):
            screen.line(("The gateway listens on ", ""), (gateway.url, "bold green"))
            screen.line(f"Contact centre: {at.url}, tenant {at.tenant}, app id {at.app_id}. Chats: {shown(wish.store)}")
            screen.line("Ctrl-C stops it.")
            await stopped.wait()
            screen.line("stopping")
    finally:
        await gateway.__aexit__()
        for restore in undo:
            restore()
    return 0


def _on_signal(number: int, call: Callable[[], object]) -> Callable[[], None]:
    with suppress(ValueError, OSError):  # outside the main thread
        return on_first_signal(number, call)
    return lambda: None


def _settings(tables: dict[str, Any], wish: _Wish) -> GatewaySettings:
    """Raises BadSetting, Trouble."""
    tokens = tuple(of_table(TokenSetting, "token", one) for one in _list("token", tables))
    webhooks = tuple(of_table(WebhookSetting, "webhook", one) for one in _list("webhook", tables))
    if wish.token_file is not None:
        tokens = (*tokens, TokenSetting(name="token-file", file=wish.token_file))
    if not is_url(wish.store) and "://" in wish.store:
        raise Trouble(f"--store {shown(wish.store)}: name a SQLite file, or a database as postgresql://…")
    if is_url(wish.store) and wish.peer_secret is None:
        raise Trouble("--store: gateways on PostgreSQL share a secret: give --peer-secret FILE")
    if not (tokens or is_loopback(wish.host)):
        raise Trouble(f"--host {wish.host} is not loopback: give --token-file, or [[token]] tables in --config")
    return GatewaySettings(
        store=wish.store,
        address=wish.address,
        peer_secret=wish.peer_secret,
        uploads=wish.uploads,
        lease=timedelta(seconds=wish.lease),
        host=wish.host,
        port=wish.port,
        names=frozenset(name.lower() for name in wish.names),
        tls=_tls(wish),
        tokens=tokens,
        webhooks=webhooks,
        drain=timedelta(seconds=wish.drain),
        keep=timedelta(days=wish.keep_days),
        park_after=timedelta(hours=wish.park_hours),
        upload_limit=int(wish.upload_mb * 1_000_000),
        requests_per_second=wish.rate,
    )


def _cipher(name: str | None) -> Any:
    """The object of this name. Raises Trouble."""
    if name is None:
        return None
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise Trouble(f"--cipher {name}: {error}") from None


def _telemetry(wish: _Wish) -> Any:
    if not wish.telemetry:
        return None
    from statemachine.gateway.telemetry import Telemetry  # needs an extra

    return Telemetry()


def _list(name: str, tables: dict[str, Any]) -> list[object]:
    found = tables.get(name, [])
    if not is_array(found):
        raise Trouble(f"[[{name}]]: write the table with two brackets")
    return found


def _tls(wish: _Wish) -> ssl.SSLContext | None:
    if wish.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(wish.tls_cert, wish.tls_key)
    except (OSError, ValueError) as error:  # ValueError: a NUL character
        raise Trouble(f"--tls-cert {wish.tls_cert}: {getattr(error, 'strerror', None) or error}") from None
    return context

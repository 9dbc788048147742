"""The options of `chat`, `doctor` and `run` for the contact centre and the client id; also from the environment."""

from __future__ import annotations

import ssl
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import click
from attrs import frozen

from statemachine.client import BadSetting, Options
from statemachine.client.advice import Setting
from statemachine.codec.http import Endpoint

from ..core import Api
from .app import Trouble, grouped
from .state import APP_ID, TENANT

FLAGS: Final[dict[Setting, str]] = {
    "url": "--url",
    "tenant": "--tenant",
    "app_id": "--app-id",
    "client_id": "--client-id",
    "api": "--api",
    "quoted": "--unquoted",
    "headers": "--header",
    "proxy": "--proxy",
    "tls": "--ca",
    "scenario": "the contact centre's scenario",
    "server": "the contact centre's servers",
}
"""Setting -> its option on the command line, or where it is configured."""

_PREFIX: Final = "STATEMACHINE"


@frozen(kw_only=True)
class ConnectionOptions:
    """The values of these options. `url` None: the emulator that runs on this machine."""

    url: str | None
    tenant: str | None
    app_id: str | None
    client_id: str | None = None
    api: Api
    unquoted: bool
    proxy: str | None
    ca: str | None
    header: tuple[str, ...]

    def options(self, **more: Any) -> Options:
        """As the client's options. Raises Trouble."""
        return Options(
            api=self.api,
            quoted=not self.unquoted,
            proxy=self.proxy,
            tls=None if self.ca is None else trusting(self.ca),
            headers=dict(map(_header, self.header)) or None,
            **more,
        )

    def endpoint(self, options: Options, client_id: str, emulator: str | None = None) -> Endpoint:
        """Where this client id connects to; `emulator`: at the one that runs at this URL. Raises Trouble."""
        url = self.url or emulator
        if url is None:
            raise Trouble("which contact centre? Give --url and --app-id, or start one: statemachine emulate")
        tenant, app_id = self.tenant, self.app_id
        if self.url is None:
            tenant, app_id = tenant or TENANT, app_id or APP_ID
        if app_id is None:
            raise Trouble("--app-id is missing: it is the id of the messaging scenario entry, from the contact centre")
        with in_flags():
            return options.endpoint(url, tenant, app_id, client_id)


def environment_option(name: str, help: str, **more: Any) -> Any:
    """An option that the environment may give too, as STATEMACHINE_NAME."""
    variable = f"{_PREFIX}_{name.lstrip('-').upper().replace('-', '_')}"
    return click.option(name, envvar=variable, show_envvar=True, help=help, **more)


_CENTRE: Final = (
    environment_option("--url", "The contact centre's address, as https://chat.example.com.", metavar="URL"),
    environment_option("--tenant", "The tenant's domain; default: the host of the URL.", metavar="DOMAIN"),
    environment_option("--app-id", "Id of the messaging scenario entry.", metavar="ID"),
)
_CLIENT: Final = environment_option(
    "--client-id", "The customer's id on this device; default: a new one.", metavar="ID"
)
_HTTP: Final = (
    environment_option(
        "--api", "Version of the interface.", type=click.Choice(["v1", "v2"]), default="v2", show_default=True
    ),
    click.option("--unquoted", is_flag=True, help="No quotes around the values of the Authorization header."),
    environment_option("--proxy", "Use this proxy.", metavar="URL"),
    environment_option(
        "--ca", "Also trust the certificates in this file (PEM).", metavar="FILE", type=click.Path(dir_okay=False)
    ),
    click.option("--header", multiple=True, metavar="NAME:VALUE", help="A header for every request; may be repeated."),
)
connection_options: Final = grouped("connection", ConnectionOptions, *_CENTRE, _CLIENT, *_HTTP)
"""Give a command these options; it takes them as one `connection`."""
centre_options: Final = grouped("connection", ConnectionOptions, *_CENTRE, *_HTTP)
"""The same without a client id, for all customers."""


def trusting(ca: str) -> ssl.SSLContext:
    """The trust of the system and of the certificates in this file. Raises Trouble."""
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError:
        raise Trouble(f"--ca {ca}: this is no file of certificates (PEM)") from None
    except OSError as error:
        raise Trouble(f"--ca {ca}: {error.strerror or 'cannot be read'}") from None
    return context


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not (name + value).isprintable() or not (name + value).isascii():
        raise Trouble("--header: expected NAME:VALUE, in printable ASCII")
    return name.strip(), value.strip()


@contextmanager
def in_flags() -> Generator[None]:
    """A setting that the client refuses is named as the option that it is here. Raises Trouble."""
    try:
        yield
    except BadSetting as error:
        raise Trouble(_flagged(str(error))) from None


def _flagged(text: str) -> str:
    for setting, flag in FLAGS.items():
        if text.startswith((f"{setting}:", f"{setting} ")):
            return flag + text.removeprefix(setting)
    return text

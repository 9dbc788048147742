"""The settings of a gateway."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

from attrs import Attribute, field, fields, frozen
from attrs.converters import optional as optional_converter
from attrs.validators import deep_iterable, in_, instance_of, matches_re, optional

from statemachine.client import BadSetting
from statemachine.store.names import is_url

T = TypeVar("T")

SCOPES: Final = ("send", "read", "operate")
_SHORT_TEXT: Final = (instance_of(str), matches_re(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"))


def _texts(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


def _store(value: str | PathLike[str]) -> Path | str:
    return value if is_url(value) else Path(value)


def _address(_: object, attribute: Attribute[str], value: object) -> None:
    if not isinstance(value, str) or urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname:
        raise ValueError(f"{attribute.name} must be an address such as https://crm.example.com/chats")


@frozen(kw_only=True)
class TokenSetting:
    """Tokens of one program. `file`: one token a line, of at least 16 characters; two during a rotation.

    `tenant`, `app_id`: the token works at a gateway for these only. `prefix`: only for client ids that begin so.
    """

    name: str = field(validator=_SHORT_TEXT)
    file: Path = field(converter=Path)
    scopes: tuple[str, ...] = field(
        default=SCOPES, converter=_texts, validator=deep_iterable(in_(SCOPES), instance_of(tuple))
    )
    tenant: str | None = field(default=None, validator=optional(instance_of(str)))
    app_id: str | None = field(default=None, validator=optional(instance_of(str)))
    prefix: str = field(default="", validator=instance_of(str))


@frozen(kw_only=True)
class WebhookSetting:
    """An address that receives the updates. `secret_file`: one secret a line; each signs, two during a rotation."""

    name: str = field(validator=_SHORT_TEXT)
    url: str = field(validator=_address)
    secret_file: Path = field(converter=Path)


@frozen(kw_only=True)
class GatewaySettings:
    """All settings of a gateway but those of its contact centre, which are `ChatClient`'s."""

    store: Path | str = field(converter=_store)
    """The SQLite file of the chats, with `STORE.updates` beside it; or "postgresql://…", for several gateways."""
    uploads: Path | None = field(default=None, converter=optional_converter(Path))
    """The folder of files on their way, for several gateways a shared one. None: `STORE.uploads`."""
    address: str | None = field(default=None, validator=optional(_address))
    """Where the other gateways of the database reach this one. None: its `url`."""
    peer_secret: Path | None = field(default=None, converter=optional_converter(Path))
    """The file of the secret that all gateways of the database share; two lines during a rotation."""
    host: str = "127.0.0.1"
    port: int = 8090
    names: frozenset[str] = frozenset()
    """Further names of this machine. On loopback a request under any other name is refused."""
    tls: ssl.SSLContext | None = None
    tokens: tuple[TokenSetting, ...] = ()
    """None: no token is needed, and the gateway listens on loopback only."""
    lease: timedelta = timedelta(seconds=5)
    """How long the others wait for a gateway of the same database before they take its chats over."""
    webhooks: tuple[WebhookSetting, ...] = ()
    drain: timedelta = timedelta(seconds=10)
    """How long a closing gateway finishes requests and sends queued items."""
    keep: timedelta = timedelta(days=30)
    """How long updates and ended chats are kept."""
    park_after: timedelta = timedelta(hours=24)
    """How long the deliveries of a webhook to one chat may fail, before the chat is parked."""
    upload_limit: int = 25_000_000
    """Bytes of one file."""
    uploads_at_once: int = 16
    requests_per_second: float = 200.0
    """Of one token; twice as many at once."""
    streams: int = 2_000
    """Open event streams and waiting requests for updates."""


def of_table(kind: type[T], name: str, table: object) -> T:
    """The settings of one table of a TOML file. Raises BadSetting."""
    if not isinstance(table, Mapping):
        raise BadSetting(f"[[{name}]] must be a table")
    values = cast(Mapping[str, Any], table)
    known = {one.name for one in fields(cast(Any, kind))}
    if unknown := set(values) - known:
        raise BadSetting(f"[[{name}]] has no setting {min(unknown)}; it has {', '.join(sorted(known))}")
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        words = str(error.args[0]) if error.args else str(error)
        raise BadSetting(f"[[{name}]]: {words}") from None

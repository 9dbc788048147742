"""The settings of a `ChatClient` that have defaults."""

from __future__ import annotations

import ssl
from datetime import timedelta
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen
from attrs.validators import optional

from statemachine.adapters.http_client import ConnectionPool, HeaderSource, proxy_address
from statemachine.codec.http import Endpoint

from ..core import Config
from .errors import BadSetting

_MS: Final = timedelta(milliseconds=1)


def _positive(_: object, attribute: Attribute[timedelta], value: object) -> None:
    if not isinstance(value, timedelta) or value < _MS:
        raise BadSetting(f"{attribute.name} must be a timedelta of at least a millisecond, not {value!r}")


def _above_zero(_: object, attribute: Attribute[float], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise BadSetting(f"{attribute.name} must be a number above 0, not {value!r}")


def _proxy(_: object, _attribute: object, value: str | None) -> None:
    try:
        if value is not None:
            proxy_address(value)
    except ValueError as error:
        raise BadSetting(str(error)) from None


def _receipts(_: object, _attribute: object, value: object) -> None:
    if value not in ("auto", "on_ack", "off"):
        raise BadSetting(f"receipts must be auto, on_ack or off, not {value!r}")


_CORE_DURATIONS: Final = (
    "request_timeout",
    "upload_timeout",
    "poll_timeout",
    "settle",
    "request_within",
    "ending_within",
)


@frozen(kw_only=True)
class Options:
    """Durations and choices. A chat keeps the ones it was started with, also over a restart of the process."""

    api: Literal["v1", "v2"] = "v2"
    """The version of the server's interface; v1 has no receipts."""
    quoted: bool = True
    """Whether the values of the Authorization header stand in quotes. Servers seen take both; `doctor` finds out."""
    receipts: Literal["auto", "on_ack", "off"] = field(default="auto", validator=_receipts)
    """When the agent is told that a message has arrived (v2): at once, when its news is dealt with, or never."""
    request_timeout: timedelta = field(default=timedelta(seconds=10), validator=_positive)
    upload_timeout: timedelta = field(default=timedelta(seconds=120), validator=_positive)
    poll_timeout: timedelta = field(default=timedelta(seconds=30), validator=_positive)
    """Longer than the server holds a poll without news (15 s), or its answers are lost."""
    settle: timedelta = field(default=timedelta(seconds=10), validator=_positive)
    """How long a message whose answer was lost may still be on its way: no resend before."""
    request_within: timedelta = field(default=timedelta(seconds=60), validator=_positive)
    """When to give up a chat that no server takes."""
    ending_within: timedelta = field(default=timedelta(seconds=45), validator=_positive)
    """How long to wait for the server's word after `end()`."""
    connect_timeout: timedelta = field(default=timedelta(seconds=5), validator=_positive)
    close_within: timedelta = field(default=timedelta(seconds=5), validator=_positive)
    """How long closing goes on sending what is queued."""
    save_within: timedelta = field(default=timedelta(seconds=30), validator=_positive)
    """How long a method waits for its save, before it raises NotSaved."""
    opened_per_second: float = field(default=200.0, validator=_above_zero)
    """How fast stored chats are taken up again when a client opens: each reads its history from the server."""

    requests_per_second: float | None = field(default=None, validator=optional(_above_zero))
    """How many requests the contact centre is sent at most, on average; those beyond wait for their turn. None: all."""

    transcript: bool = False
    """Keep news after it was dealt with, until it is purged or forgotten, or dealt with by a client without this.

    An `Archive` of yours decides by itself.
    """
    trace_bytes: float = field(default=1e6, validator=_above_zero)
    """The most that a chat's trace takes on the disk, about; the older half of a longer one is let go."""

    tls: ssl.SSLContext | None = None
    """Which certificates are trusted, and shown; where None, the system's, with every check."""
    proxy: str | None = field(default=None, validator=_proxy, repr=lambda proxy: "None" if proxy is None else "…")
    """As "http://host:port", with "user:password@" before the host if it asks for them."""
    headers: HeaderSource | None = field(default=None, repr=False)
    """Headers for every request, or an async function that makes them: it is asked before each one, so a token that
    expires is renewed there. They replace ours of the same name, `Authorization` too.
    """

    def endpoint(self, url: str, tenant: str | None, app_id: str, client_id: str) -> Endpoint:
        """The contact centre's door for this customer. `tenant`: where None, the host of `url`. Raises BadSetting."""
        try:
            return Endpoint(url, _host(url) if tenant is None else tenant, app_id, client_id, self.api, self.quoted)
        except ValueError as error:
            raise BadSetting(str(error)) from None

    def pool(self) -> ConnectionPool:
        """Connections as these options want them."""
        return ConnectionPool(
            self.connect_timeout,
            tls=self.tls,
            proxy=self.proxy,
            headers=self.headers,
            per_second=self.requests_per_second,
        )

    def core(self) -> Config:
        """These options as the engine's configuration, in milliseconds."""
        durations: dict[str, Any] = {name: getattr(self, name) // _MS for name in _CORE_DURATIONS}
        return Config(api=self.api, receipts=self.receipts == "auto", **durations)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # the endpoint refuses it, and says what an address looks like
        return ""

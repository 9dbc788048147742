"""The settings of a `ChatClient`."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from attrs import Attribute, field, fields, frozen
from attrs.validators import optional

from statemachine.adapters.http_client import ConnectionPool, HeaderSource, proxy_address
from statemachine.codec.http import Endpoint
from statemachine.store.sealing import Cipher

from ..core import Api, Config
from .arguments import duration, of_type, text, with_methods
from .errors import BadSetting

_MS: Final = timedelta(milliseconds=1)


def _positive(_: object, attribute: Attribute[timedelta], value: object) -> None:
    if duration(attribute.name, value) < _MS:
        raise BadSetting(f"{attribute.name} must be a timedelta of at least a millisecond, not {value!r}")


def _above_zero(_: object, attribute: Attribute[float], value: object) -> None:
    if isinstance(value, bool) or not of_type(attribute.name, value, "a number above 0", int, float) > 0:
        raise BadSetting(f"{attribute.name} must be a number above 0, not {value!r}")


def _is_bool(_: object, attribute: Attribute[bool], value: object) -> None:
    of_type(attribute.name, value, "True or False", bool)


def _one_of(*choices: str) -> Callable[[object, Attribute[Any], object], None]:
    def check(_: object, attribute: Attribute[Any], value: object) -> None:
        if text(attribute.name, value) not in choices:
            raise BadSetting(f"{attribute.name} must be {' or '.join(choices)}")

    return check


def _proxy(_: object, _attribute: object, value: Any) -> None:
    try:
        proxy_address(text("proxy", value))
    except ValueError as error:
        raise BadSetting(str(error)) from None


def _tls(_: object, _attribute: object, value: Any) -> None:
    of_type("tls", value, "an ssl.SSLContext", ssl.SSLContext)


def _headers(_: object, _attribute: object, value: Any) -> None:
    if not callable(value):
        with_methods("headers", [value], "items")
        for name, one in value.items():
            text(f"headers: the value of {text('headers: a name', name)}", one)


def _cipher(_: object, _attribute: object, value: Any) -> None:
    with_methods("cipher", [value], "seal", "open")


@frozen(kw_only=True)
class Options:
    """The settings of a `ChatClient`. Durations are `timedelta`.

    The settings of the engine (`api`, `receipts`, and the durations from `request_timeout` to `ending_within`) are
    stored with each chat: a chat keeps those of its start, also after a restart of the process. `statemachine.Config`
    has the same names in milliseconds, and further limits.

    Fields:
        api: The version of the server's API, "v1" or "v2"; v1 has no receipts. Default: v2.
        quoted: Quote the values of the Authorization header. Known servers accept both forms; `doctor` finds out.
            Default: True.
        receipts: When to report a message as delivered (v2): "auto": at once; "on_ack": when its update is
            acknowledged; "off": never. Default: auto.
        request_timeout: For the answer to a request, except polls and uploads. Default: 10 s.
        upload_timeout: For an upload. Default: 120 s.
        poll_timeout: For a poll: longer than the server holds it (15 s), or its answers are lost. Default: 30 s.
        settle: How long a message without an answer may still be in transit: it is not sent again before. Default: 10
            s.
        request_within: How long to try to create a chat. Default: 60 s.
        ending_within: How long to wait for the server's confirmation after `end()`. Default: 45 s.
        connect_timeout: For a connection to the server, TLS included. Default: 5 s.
        close_within: How long closing continues to send queued items. Default: 5 s.
        save_within: How long a method waits for its save, before it raises NotSaved. Default: 30 s.
        opened_per_second: Stored chats resumed per second when a client opens: each reads its history from the server.
            Default: 200.
        requests_per_second: The average rate of requests to the contact centre; requests beyond it wait. None, the
            default: unlimited.
        transcript: Keep acknowledged updates until they are purged or forgotten, or until a client without this option
            acknowledges later ones. An `Archive` of the application decides by itself. Default: False.
        cipher: Encrypts snapshots and updates in a store that the client opens, and the workers' inbox. Default:
            None, they are kept as JSON).
        trace_bytes: The approximate size limit of a chat's trace in bytes; the older half of a longer one is deleted.
            Default: 1 MB.
        tls: Trusted and client certificates. None, the default: the system's, with all checks.
        proxy: The address of an HTTP proxy, such as "http://host:port" or "http://user:password@host:port". Default:
            None.
        headers: Headers for every request, or an async function called before each request, which may renew an expired
            token. They replace default headers of the same name, `Authorization` too. Default: None.
    """

    api: Api = field(default="v2", validator=_one_of("v1", "v2"))
    quoted: bool = field(default=True, validator=_is_bool)
    receipts: Literal["auto", "on_ack", "off"] = field(default="auto", validator=_one_of("auto", "on_ack", "off"))
    request_timeout: timedelta = field(default=timedelta(seconds=10), validator=_positive)
    upload_timeout: timedelta = field(default=timedelta(seconds=120), validator=_positive)
    poll_timeout: timedelta = field(default=timedelta(seconds=30), validator=_positive)
    settle: timedelta = field(default=timedelta(seconds=10), validator=_positive)
    request_within: timedelta = field(default=timedelta(seconds=60), validator=_positive)
    ending_within: timedelta = field(default=timedelta(seconds=45), validator=_positive)
    connect_timeout: timedelta = field(default=timedelta(seconds=5), validator=_positive)
    close_within: timedelta = field(default=timedelta(seconds=5), validator=_positive)
    save_within: timedelta = field(default=timedelta(seconds=30), validator=_positive)
    opened_per_second: float = field(default=200.0, validator=_above_zero)
    requests_per_second: float | None = field(default=None, validator=optional(_above_zero))
    transcript: bool = field(default=False, validator=_is_bool)
    cipher: Cipher | None = field(default=None, validator=optional(_cipher), repr=False)
    trace_bytes: float = field(default=1e6, validator=_above_zero)
    tls: ssl.SSLContext | None = field(default=None, validator=optional(_tls))
    proxy: str | None = field(
        default=None, validator=optional(_proxy), repr=lambda proxy: "None" if proxy is None else "…"
    )
    headers: HeaderSource | None = field(default=None, validator=optional(_headers), repr=False)

    def endpoint(self, url: str, tenant: str | None, app_id: str, client_id: str) -> Endpoint:
        """The endpoint of a customer.

        Args:
            url: The contact centre's.
            tenant: The tenant's domain; None: the host of `url`.
            app_id: Of the messaging scenario entry.
            client_id: The customer's id.

        Raises:
            BadSetting: A value cannot be sent.
        """
        for name, value in (("url", url), ("tenant", tenant), ("app_id", app_id), ("client_id", client_id)):
            if value is not None or name != "tenant":
                text(name, value)
        try:
            return Endpoint(url, _host(url) if tenant is None else tenant, app_id, client_id, self.api, self.quoted)
        except ValueError as error:
            raise BadSetting(str(error)) from None

    def pool(self, may_send: Callable[[], bool] = lambda: True) -> ConnectionPool:
        """A connection pool with these options.

        Args:
            may_send: See `ConnectionPool`.
        """
        return ConnectionPool(
            self.connect_timeout,
            tls=self.tls,
            proxy=self.proxy,
            headers=self.headers,
            per_second=self.requests_per_second,
            may_send=may_send,
        )

    def core(self) -> Config:
        """These options as the engine's configuration, in milliseconds."""
        own = {one.name: getattr(self, one.name) for one in fields(Options)}
        durations: dict[str, Any] = {
            one.name: own[one.name] // _MS for one in fields(Config) if isinstance(own.get(one.name), timedelta)
        }
        return Config(api=self.api, receipts=self.receipts == "auto", **durations)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # `Endpoint` refuses it, with an example
        return ""

"""The options against the engine's configuration: never two lists out of step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from statemachine import ChatClient, Config
from statemachine.client import BadSetting, Middleware, Options, WrongType

RECEIPTS: tuple[Any, ...] = ("auto", "on_ack", "off")
CLIENTS_OWN = {
    "cipher",
    "close_within",
    "connect_timeout",
    "headers",
    "opened_per_second",
    "proxy",
    "quoted",
    "requests_per_second",
    "save_within",
    "tls",
    "trace_bytes",
    "transcript",
}


def test_the_defaults_are_the_engines() -> None:
    assert Options().core() == Config()


@pytest.mark.parametrize("field", attrs.fields(Options), ids=lambda field: str(field.name))
def test_each_option_reaches_the_engine_or_is_the_clients_own(field: Any) -> None:
    if field.name in CLIENTS_OWN:
        assert not hasattr(Config(), field.name)
        return
    if field.name == "receipts":
        assert [Options(receipts=when).core().receipts for when in RECEIPTS] == [True, False, False]
        return
    other: dict[str, Any] = {"api": "v1"}
    value = other.get(field.name, timedelta(seconds=1, milliseconds=234))
    config = Options(**{field.name: value}).core()
    assert getattr(config, field.name) == (1_234 if isinstance(value, timedelta) else value)


@pytest.mark.parametrize("value", [timedelta(0), timedelta(seconds=-1), timedelta(microseconds=999)])
def test_a_duration_is_at_least_a_millisecond(value: timedelta) -> None:
    with pytest.raises(BadSetting, match="poll_timeout must be a timedelta of at least a millisecond"):
        Options(poll_timeout=value)


@pytest.mark.parametrize("value", [30, 30.0, "30", None])
def test_a_number_is_no_duration(value: Any) -> None:
    with pytest.raises(BadSetting, match="poll_timeout must be a timedelta"):
        Options(poll_timeout=value)


@pytest.mark.parametrize(
    "proxy",
    [
        "proxy.example.com:3128",
        "socks5://proxy.example.com",
        "http://",
        "http://[::1",
        "",
        "http://a..b",
        f"http://{'a' * 70}.b:3128",
    ],
)
def test_a_proxy_that_is_none(proxy: str) -> None:
    with pytest.raises(BadSetting, match="expected one like http://proxy"):
        Options(proxy=proxy)


def test_a_proxys_password_is_shown_nowhere() -> None:
    assert "hunter2" not in repr(Options(proxy="http://me:hunter2@proxy.example.com:3128"))
    with pytest.raises(BadSetting) as refused:
        Options(proxy="ftp://me:hunter2@proxy.example.com")
    assert "hunter2" not in str(refused.value)


def test_receipts_are_one_of_three() -> None:
    with pytest.raises(BadSetting, match=r"receipts must be text .*, not bool"):
        Options(receipts=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api", 2),
        ("api", "v3"),
        ("receipts", "never"),
        ("quoted", "no"),
        ("transcript", 1),
        ("request_timeout", 30),
        ("save_within", None),
        ("opened_per_second", True),
        ("requests_per_second", "5"),
        ("trace_bytes", float("nan")),
        ("proxy", b"http://proxy.test:3128"),
        ("tls", "cert.pem"),
        ("headers", ["X: y"]),
        ("headers", {"X-Retries": 5}),
        ("headers", {b"X": "y"}),
        ("cipher", open),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_the_option(name: str, value: Any) -> None:
    with pytest.raises(BadSetting, match=name):
        Options(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("store", 5),
        ("store", b"chats.db"),
        ("trace", bytearray(b"x")),
        ("options", {"api": "v1"}),
        ("observers", print),
        ("observers", [print]),
        ("middleware", Middleware()),
        ("middleware", "x"),
        ("metrics", {}),
    ],
)
def test_a_wrong_part_of_a_client_is_refused_by_the_name_of_its_argument(name: str, value: Any) -> None:
    with pytest.raises(WrongType, match=name):
        ChatClient("http://centre.test", app_id="bot", **{name: value})


@pytest.mark.parametrize("value", [True, False, 0, -1])
def test_a_rate_that_is_not_above_zero_is_refused_with_its_value(value: float) -> None:
    with pytest.raises(BadSetting, match=f"opened_per_second must be a number above 0, not {value!r}"):
        Options(opened_per_second=value)

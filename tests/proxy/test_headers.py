"""Which headers change on their way through the proxy."""

from __future__ import annotations

import pytest

from statemachine.proxy.headers import local_headers, upstream_headers

CENTRE = "https://chat.example.com"
LOCAL = "http://127.0.0.1:8081"


def test_headers_of_a_connection_go_no_further() -> None:
    given = [
        ("Host", "127.0.0.1"), ("Connection", "keep-alive, X-Hop"), ("X-Hop", "1"), ("Transfer-Encoding", "chunked"),
        ("TE", "trailers"), ("Expect", "100-continue"), ("Authorization", "secret"), ("authorization", "twice"),
    ]  # fmt: skip
    assert upstream_headers(given) == [("Authorization", "secret"), ("authorization", "twice")]
    answered = [("Keep-Alive", "timeout=5"), ("Upgrade", "h2c"), ("Content-Length", "3"), ("Content-Encoding", "gzip")]
    assert local_headers(answered, CENTRE, LOCAL) == [("Content-Length", "3"), ("Content-Encoding", "gzip")]


@pytest.mark.parametrize(
    ("cookie", "over_http", "over_https"),
    [
        ("a=b; Domain=.example.com; Path=/", "a=b; Path=/", "a=b; Path=/"),
        ("a=b; Secure; HttpOnly", "a=b; HttpOnly", "a=b; Secure; HttpOnly"),
        ("a=secure; SameSite=None; Secure", "a=secure", "a=secure; SameSite=None; Secure"),
        ("secure=1; path=/secure; domain=chat.example.com", "secure=1; path=/secure", "secure=1; path=/secure"),
    ],
)
def test_cookies_fit_the_proxys_address(cookie: str, over_http: str, over_https: str) -> None:
    given = [("Set-Cookie", cookie), ("set-cookie", "second=1")]
    assert local_headers(given, CENTRE, LOCAL) == [("Set-Cookie", over_http), ("set-cookie", "second=1")]
    assert local_headers(given, CENTRE, "https://localhost:8081")[0] == ("Set-Cookie", over_https)


@pytest.mark.parametrize(
    ("location", "local"),
    [
        ("https://chat.example.com/clientweb/x?a=1", f"{LOCAL}/clientweb/x?a=1"),
        ("https://chat.example.com:443", LOCAL),
        ("HTTPS://Chat.Example.Com/x", f"{LOCAL}/x"),
        ("https://login.example.com/x", "https://login.example.com/x"),
        ("http://chat.example.com/x", "http://chat.example.com/x"),
        ("/relative", "/relative"),
        ("https://[broken", "https://[broken"),
    ],
)
def test_redirects_within_the_contact_centre_lead_to_the_proxy(location: str, local: str) -> None:
    assert local_headers([("Location", location)], CENTRE, LOCAL) == [("Location", local)]

"""Cookies that are kept as text, bounded."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from yarl import URL

from statemachine.adapters.cookies import MAX_COOKIES, MAX_TEXT, Cookies

pytestmark = pytest.mark.asyncio

SITE = URL("https://chat.example.com/clientweb/api/v2/chats")
LOCAL = URL("http://127.0.0.1:8080/clientweb/api/v2/chats")


def sent(cookies: Cookies, url: URL) -> dict[str, str]:
    return {name: one.value for name, one in (cookies.for_url(url) or {}).items()}


@pytest.mark.parametrize("url", [SITE, LOCAL])
@pytest.mark.parametrize(
    "header",
    [
        "clientId=abc",
        "clientId=abc; Path=/; HttpOnly; SameSite=None",
        "clientId=abc; Max-Age=3600; Path=/",
        "clientId=abc; Expires=Wed, 21 Oct 2099 07:28:00 GMT",
        'clientId="a b"; Path=/',
        "AWSALB=x+/=; Path=/; Expires=Wed, 21 Oct 2099 07:28:00 GMT",
    ],
)
async def test_cookies_are_the_same_after_a_restart(url: URL, header: str) -> None:
    cookies = Cookies()
    assert cookies.update(SimpleCookie(header), url)
    assert sent(cookies, url)
    assert sent(Cookies(cookies.text), url) == sent(cookies, url)
    assert not Cookies(cookies.text).update(SimpleCookie(), url)


async def test_a_cookie_of_one_host_goes_to_no_other() -> None:
    cookies = Cookies()
    cookies.update(SimpleCookie("clientId=abc; Path=/"), SITE)
    assert sent(Cookies(cookies.text), URL("https://other.example.org/")) == {}


async def test_a_cookie_that_is_deleted_or_has_expired_is_not_kept() -> None:
    cookies = Cookies()
    cookies.update(SimpleCookie("a=1; Path=/"), SITE)
    cookies.update(SimpleCookie("a=; Max-Age=0; Path=/"), SITE)
    assert sent(Cookies(cookies.text), SITE) == {}
    expired = '["b=2; Domain=chat.example.com; Path=/; expires=Wed, 21 Oct 2015 07:28:00 GMT"]'
    assert sent(Cookies(expired), SITE) == {}


async def test_the_newest_cookies_are_kept_within_the_limits() -> None:
    cookies = Cookies()
    for number in range(MAX_COOKIES * 2):
        cookies.update(SimpleCookie(f"c{number}=x; Path=/"), SITE)
    assert len(sent(cookies, SITE)) == MAX_COOKIES
    assert f"c{MAX_COOKIES * 2 - 1}" in sent(cookies, SITE)
    for number in range(10):
        cookies.update(SimpleCookie(f"large{number}={'x' * 4_000}; Path=/"), SITE)
    assert len(cookies.text) < MAX_TEXT + 1_000
    assert "large9" in sent(cookies, SITE)


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": 1}', '["no cookie at all"]', '["a=1"]', "null", '["\\u0000=1"]'])
async def test_unreadable_text_counts_as_none(text: str) -> None:
    assert sent(Cookies(text), SITE) == {}

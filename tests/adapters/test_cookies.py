"""Cookies that are kept as text, bounded."""

from __future__ import annotations

import pytest

from statemachine.adapters.cookies import MAX_COOKIES, MAX_TEXT, Cookies

SITE = "https://chat.example.com/clientweb/api/v2/chats"
ADDRESS = "http://127.0.0.1:8080/clientweb/api/v2/chats"
LOCAL = "http://localhost:8080/clientweb/api/v2/chats"


def sent(cookies: Cookies, url: str) -> list[str]:
    headers = cookies.headers(url)
    return headers["Cookie"].split("; ") if headers else []


@pytest.mark.parametrize("url", [SITE, ADDRESS, LOCAL])
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
def test_cookies_are_the_same_after_a_restart(url: str, header: str) -> None:
    cookies = Cookies()
    assert cookies.update(url, [header])
    assert sent(cookies, url)
    assert sent(Cookies(cookies.text), url) == sent(cookies, url)
    assert not Cookies(cookies.text).update(url, [])


def test_a_cookie_of_one_host_goes_to_no_other() -> None:
    cookies = Cookies()
    cookies.update(SITE, ["clientId=abc; Path=/"])
    assert sent(Cookies(cookies.text), "https://other.example.org/") == []


def test_a_cookie_of_a_domain_goes_to_its_hosts() -> None:
    cookies = Cookies()
    cookies.update(SITE, ["a=1; Domain=example.com; Path=/", "b=2; Path=/"])
    assert sent(Cookies(cookies.text), "https://two.example.com/") == ["a=1"]


def test_a_secure_cookie_goes_over_tls_only() -> None:
    cookies = Cookies()
    cookies.update(SITE, ["a=1; Secure; Path=/"])
    assert sent(Cookies(cookies.text), SITE) == ["a=1"]
    assert sent(Cookies(cookies.text), SITE.replace("https", "http")) == []


def test_what_cannot_be_in_a_header_is_not_kept() -> None:
    cookies = Cookies()
    cookies.update(SITE, ["a=\u00e9; Path=/", "b=2; Path=/"])
    assert sent(cookies, SITE) == ["b=2"]


@pytest.mark.parametrize(
    "wrong", ["a=\udce9", "a=\ud83d; Path=/", f"a=1; Max-Age={'9' * 400}", "a=1; Expires=Mon, 99 Foo 99999"]
)
def test_a_wrong_cookie_costs_no_other_and_no_warning(wrong: str, recwarn: pytest.WarningsRecorder) -> None:
    cookies = Cookies()
    cookies.update(SITE, [wrong, "b=2; Path=/"])
    assert "b=2" in sent(cookies, SITE)
    assert not recwarn.list


def test_a_cookie_that_is_deleted_or_has_expired_is_not_kept() -> None:
    cookies = Cookies()
    cookies.update(SITE, ["a=1; Path=/"])
    cookies.update(SITE, ["a=; Max-Age=0; Path=/"])
    assert sent(Cookies(cookies.text), SITE) == []
    expired = '[["b","2","chat.example.com","/",false,1445412480]]'
    assert sent(Cookies(expired), SITE) == []


def test_the_newest_cookies_are_kept_within_the_limits() -> None:
    cookies = Cookies()
    for number in range(MAX_COOKIES * 2):
        cookies.update(SITE, [f"c{number}=x; Path=/"])
    assert len(sent(cookies, SITE)) == MAX_COOKIES
    assert f"c{MAX_COOKIES * 2 - 1}=x" in sent(cookies, SITE)
    for number in range(10):
        cookies.update(SITE, [f"large{number}={'x' * 4_000}; Path=/"])
    assert len(cookies.text) < MAX_TEXT + 1_000
    assert f"large9={'x' * 4_000}" in sent(cookies, SITE)


@pytest.mark.parametrize(
    "text",
    ["{", "[1]", '{"a": 1}', '["no cookie"]', "null", '[["a\\r\\n","1","chat.example.com","/",false,null]]', "[[]]"],
)
def test_unreadable_text_counts_as_none(text: str) -> None:
    assert sent(Cookies(text), SITE) == []

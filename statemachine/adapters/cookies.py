"""The cookies of one customer, which can be stored as text. They may identify the customer: they are never logged."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from http.cookies import CookieError, Morsel, SimpleCookie
from typing import Any, Final, cast

from .aiohttp_extra import URL, aiohttp

MAX_COOKIES: Final = 50
MAX_TEXT: Final = 16 * 1024
"""The most characters of all cookies together; the oldest are dropped beyond it."""


class Cookies:
    """A cookie jar with limits. `text`: cookies stored before; unreadable text counts as none."""

    def __init__(self, text: str = "") -> None:
        self._jar: aiohttp.CookieJar | None = None  # most servers set no cookies
        self._text = ""
        if stored := _stored(text):
            self._fill(stored)

    def update(self, cookies: SimpleCookie, url: URL) -> bool:
        """Take the cookies of an answer. Returns whether `text` has changed."""
        if not cookies:
            return False
        before = self._text
        if self._jar is None:
            self._jar = _new_jar()
        self._jar.update_cookies(cookies, url)
        lines = [_line(morsel) for morsel in self._jar]
        self._fill(_within_limits(lines))
        return self._text != before

    def for_url(self, url: URL) -> Any:
        """The cookies to send there, or None."""
        return self._jar.filter_cookies(url) if self._jar is not None else None

    @property
    def text(self) -> str:
        """All cookies, for `Cookies(text)`; "" for none."""
        return self._text

    def _fill(self, lines: list[str]) -> None:
        self._jar = _new_jar()
        for line in lines:
            try:
                cookie = SimpleCookie(line)
            except CookieError:
                continue
            domains = [morsel["domain"] for morsel in cookie.values()]
            if domains and domains[0]:
                self._jar.update_cookies(cookie, URL.build(scheme="https", host=domains[0]))
        self._text = json.dumps(lines) if lines else ""


def _new_jar() -> aiohttp.CookieJar:
    return aiohttp.CookieJar(unsafe=True)  # "unsafe": also from an IP address


def _line(morsel: Morsel[str]) -> str:
    """As a `Set-Cookie` header. A relative lifetime becomes an absolute one: it goes on while the text is stored."""
    copy: Any = morsel.copy()  # a type checker takes it for a dict
    lifetime = str(copy["max-age"])
    if lifetime.lstrip("-").isdigit():
        copy["expires"] = formatdate(time.time() + int(lifetime), usegmt=True)
    copy["max-age"] = ""
    return str(copy.OutputString())


def _within_limits(lines: list[str]) -> list[str]:
    kept: list[str] = []
    left = MAX_TEXT
    for line in reversed(lines[-MAX_COOKIES:]):
        left -= len(line)
        if left < 0:
            break
        kept.append(line)
    return kept[::-1]


def _stored(text: str) -> list[str]:
    try:
        lines: object = json.loads(text) if text else []
    except ValueError:
        return []
    if not isinstance(lines, list):
        return []
    return [one for one in cast(list[object], lines) if isinstance(one, str)]

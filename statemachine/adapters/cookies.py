"""The cookies of one customer, which can be stored as text. They may identify the customer: they are never logged."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from email.message import Message
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from types import SimpleNamespace
from typing import Any, Final, TypeAlias, cast
from urllib.request import Request

from statemachine.codec.body import is_array

MAX_COOKIES: Final = 50
MAX_TEXT: Final = 16 * 1024
"""The most characters of all cookies together; the oldest are dropped beyond it."""
_LONG_AGE: Final = re.compile(r"(max-age\s*=\s*\d{9})\d+", re.IGNORECASE)
"""Thirty years are enough; a jar fails at a number of hundreds of digits."""


class Cookies:
    """The cookie jar of one customer, with limits.

    Args:
        text: The `text` of a jar stored before; unreadable text counts as none.
    """

    def __init__(self, text: str = "") -> None:
        self._jar: CookieJar | None = None  # most servers set no cookies
        self._text = ""
        if stored := _stored(text):
            self._fill(stored)

    def update(self, url: str, set_cookie: Sequence[str]) -> bool:
        """Take the cookies of an answer.

        Args:
            url: The URL of the request.
            set_cookie: The values of the answer's `Set-Cookie` headers, each by itself.

        Returns:
            Whether `text` has changed, and must be stored.
        """
        if not set_cookie:
            return False
        headers = Message()
        for value in filter(_can_be_sent, set_cookie):  # a jar fails at others, and drops all cookies of the answer
            headers["Set-Cookie"] = _LONG_AGE.sub(r"\1", value)
        if not headers:
            return False
        before = self._text
        if self._jar is None:
            self._jar = _new_jar()
        answer: Any = SimpleNamespace(info=lambda: headers)  # all that a jar reads of an answer
        self._jar.extract_cookies(answer, Request(url))
        self._fill(_within_limits([_stored_form(one) for one in self._jar if _can_be_sent(one.name, one.value)]))
        return self._text != before

    def headers(self, url: str) -> dict[str, str]:
        """The `Cookie` header for a request, or nothing.

        Args:
            url: Of the request.
        """
        if self._jar is None:
            return {}
        request = Request(url)
        self._jar.add_cookie_header(request)
        return dict(request.header_items())

    @property
    def text(self) -> str:
        """All cookies, for `Cookies(text)`; "" for none."""
        return self._text

    def _fill(self, cookies: list[_Stored]) -> None:
        self._jar = _new_jar()
        for name, value, domain, path, secure, expires in cookies:
            self._jar.set_cookie(_cookie(name, value, domain, path, secure, expires))
        self._text = _write(cookies) if cookies else ""


_Stored: TypeAlias = tuple[str, str, str, str, bool, int | None]
"""Name, value, domain (with a dot before it: its subdomains too), path, secure, and when it expires, in seconds."""
_write: Final = json.JSONEncoder(separators=(",", ":")).encode


def _new_jar() -> CookieJar:
    return CookieJar(DefaultCookiePolicy(rfc2965=False))


def _can_be_sent(*texts: str | None) -> bool:
    return all(text is None or (text.isascii() and text.isprintable()) for text in texts)


def _stored_form(cookie: Cookie) -> _Stored:
    return cookie.name, cookie.value or "", cookie.domain, cookie.path, cookie.secure, cookie.expires


def _cookie(name: str, value: str, domain: str, path: str, secure: bool, expires: int | None) -> Cookie:
    below = domain.startswith(".")
    return Cookie(
        0, name, value, None, False, domain, below, below, path, True, secure, expires, False, None, None, {}
    )  # fmt: skip


def _within_limits(cookies: list[_Stored]) -> list[_Stored]:
    kept: list[_Stored] = []
    left = MAX_TEXT
    for one in reversed(cookies[-MAX_COOKIES:]):
        left -= len(_write(one)) + 1
        if left < 0:
            break
        kept.append(one)
    return kept[::-1]


def _stored(text: str) -> list[_Stored]:
    try:
        cookies: object = json.loads(text) if text else []
    except (ValueError, RecursionError):
        return []
    return [one for one in map(_read, cookies) if one is not None] if is_array(cookies) else []


_KINDS: Final = (str, str, str, str, bool, int | None)


def _read(value: object) -> _Stored | None:
    if not is_array(value) or len(value) != len(_KINDS) or not all(map(isinstance, value, _KINDS)):
        return None
    cookie = cast(_Stored, tuple(value))
    return cookie if _can_be_sent(*cookie[:2]) else None

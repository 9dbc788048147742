"""A message's text in its two forms: plain, and the HTML fragment of the wire's `msg`.

Fault F36 of protocol.md section 8; section 10, row 17.
"""

from __future__ import annotations

import html
import re
from typing import Final

from ..core.wire import Message

_TAG: Final = re.compile(r"<([/!]?[A-Za-z][A-Za-z0-9]*|!--)?([^<>]*)(>?)")
_ENDLESS: Final = re.compile("&#[0-9]{20,};?")
_SILENT: Final = frozenset({"script", "style", "head", "title", "template"})
_BREAKS: Final = frozenset({"br", "/p", "/div", "/li", "/tr", "/h1", "/h2", "/h3", "/h4", "/h5", "/h6"})


def to_html(text: str) -> str:
    """Plain text as an HTML fragment: escaped, a line break as `<br>`."""
    escaped = html.escape(text, quote=False)
    if "\n" in escaped or "\r" in escaped:
        escaped = escaped.replace("\r\n", "<br>").replace("\n", "<br>").replace("\r", "<br>")
    return escaped


def shown(message: Message) -> str:
    """What to show of a message, as plain text: `msg_text` where the sender gave it, else the text of `msg`.

    It is text, not HTML: whoever renders it into a page has to escape it.
    """
    return message.msg_text if message.msg_text is not None else to_plain(message.msg)


def to_plain(fragment: str) -> str:
    """The text of an HTML fragment: tags dropped, entities resolved, scripts silent.

    Blocks and `<br>` become line breaks; a `<` that opens no tag is text. Works on whatever comes, in time
    proportional to its length.
    """
    if "<" not in fragment:
        return _resolved(fragment)
    parts: list[str] = []
    position, silent = 0, ""
    while (start := fragment.find("<", position)) >= 0:
        if not silent:
            parts.append(fragment[position:start])
        word, end = _tag(fragment, start)
        if silent:
            silent = "" if word == f"/{silent}" else silent
        elif not word:
            parts.append(fragment[start:end])
        elif word in _BREAKS:
            parts.append("\n")
        elif word in _SILENT:
            silent = word
        position = end
    if not silent:
        parts.append(fragment[position:])
    return _resolved("".join(parts)).rstrip("\n")


def _resolved(text: str) -> str:
    if "&" not in text:
        return text
    try:
        return html.unescape(text)
    except ValueError:  # `&#` and thousands of digits: the one input the standard library does not take
        return html.unescape(_ENDLESS.sub("\ufffd", text))


def _tag(fragment: str, start: int) -> tuple[str, int]:
    """(lower-case name with its slash, or "" for what is no tag; where it ends)."""
    if fragment.startswith("<!--", start):
        end = fragment.find("-->", start)
        return "!--", len(fragment) if end < 0 else end + 3
    match = _TAG.match(fragment, start)
    if match is None or not match[1] or not match[3]:
        return "", start + 1
    return match[1].lower(), match.end()

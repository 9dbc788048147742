"""A message's text in its two forms: plain, and the HTML fragment of the wire's `msg`.

Fault F36 of protocol.md section 8; section 10, row 17.
"""

from __future__ import annotations

import html

from ..core.plain_text import plain_text as to_plain
from ..core.wire import Message


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


__all__ = ["shown", "to_html", "to_plain"]

"""Plain text as the HTML fragment of the wire's `msg` (protocol.md section 8, F36; section 10, row 17).

The other direction is `Message.text`.
"""

from __future__ import annotations

import html


def to_html(text: str) -> str:
    """Plain text as an HTML fragment: escaped, a line break as `<br>`."""
    escaped = html.escape(text, quote=False)
    if "\n" in escaped or "\r" in escaped:
        escaped = escaped.replace("\r\n", "<br>").replace("\n", "<br>").replace("\r", "<br>")
    return escaped

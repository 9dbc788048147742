"""The plain text of a message's HTML fragment (protocol.md 8 F36; 10 row 17; 3.0, the row of `msg`).

Evidence on `msg` is mixed: some clients show it as text, some as HTML. So a tag is only what can be one: a known
element with proper attributes which, if it needs an end tag, has one behind it. Everything else in angle brackets is
text and stays: `<ann@example.com>`, `List<String>`, `a <b and c> d`. Takes time proportional to the fragment's length.
"""

from __future__ import annotations

import html
import re
from typing import Final

_BLOCKS: Final = frozenset(
    (
        "address article aside blockquote button center dd details dialog div dl dt fieldset figcaption figure footer "
        "form h1 h2 h3 h4 h5 h6 header hr legend li main nav ol option p pre section select summary table tbody tfoot "
        "thead tr ul"
    ).split()
)
"""Elements that begin and end a line."""
_SILENT: Final = frozenset("head noscript object script style template textarea title".split())
"""Elements whose content is not shown."""
_VOID: Final = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_OPTIONAL_END: Final = frozenset("body colgroup dd dt html li option p tbody td tfoot th thead tr".split())
_INLINE: Final = frozenset(
    (
        "a abbr acronym audio b bdi bdo big canvas caption cite code data del dfn em font i iframe ins kbd label mark "
        "meter output picture progress q rp rt ruby s samp small span strike strong sub sup svg time tt u var video"
    ).split()
)
_ELEMENTS: Final = _BLOCKS | _SILENT | _VOID | _OPTIONAL_END | _INLINE
_OFFICE: Final = frozenset(("m", "o", "st1", "v", "w", "x"))
"""The XML prefixes of elements that office programs paste (`<o:p>`)."""
_FLAGS: Final = frozenset(
    (
        "allowfullscreen async autofocus autoplay checked compact controls default defer disabled download hidden "
        "inert itemscope loop multiple muted noshade novalidate nowrap open readonly required reversed selected"
    ).split()
)
"""Attributes that have no value."""

_MARKUP: Final = re.compile(
    r"""<(?:
        !--.*?(?:-->|\Z)
      | !\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)
      | !doctype\b[^<>]*> | \?xml\b[^<>]*>
      | (?P<end>/)?(?P<name>[a-z][a-z0-9]*(?::[a-z]+)?)
        (?P<attributes>(?:\s++[a-z_:@][-\w:.@]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'<>=`]++))?+)*+)\s*+/?>
    )""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_ATTRIBUTE: Final = re.compile(
    r"""([a-z_:@][-\w:.@]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>=`]+)))?""", re.IGNORECASE
)
_END_TAG: Final = re.compile(r"</([a-z][a-z0-9:]*)\s*>", re.IGNORECASE)
_ENDLESS: Final = re.compile("&#[0-9]{20,};?")
_DEEPEST_INDENT: Final = 8
_SPACE: Final = " \t\r\n"
_SHOWN_SCHEMES: Final = ("http:", "https:", "mailto:", "tel:", "sms:", "ftp:")


def plain_text(fragment: str) -> str:
    """The text of an HTML fragment, or of a text that only looks like one.

    Line breaks of `<br>` and of block elements are kept, cells are separated by tabs, list items are marked or
    numbered, a link's target follows its label where the two differ, an image is its alternative text, and entities
    are resolved.

    The result is text, not HTML: a page that shows it has to escape it.
    """
    return _resolve(_Reader(fragment).read() if "<" in fragment else fragment)


def _resolve(text: str) -> str:
    if "&" not in text:
        return text
    try:
        return html.unescape(text)
    except ValueError:  # `&#` and thousands of digits: the one input that the standard library refuses
        return html.unescape(_ENDLESS.sub("\ufffd", text))


class _Reader:
    """Reads one fragment from its beginning to its end."""

    def __init__(self, fragment: str) -> None:
        self._fragment = fragment
        self._last_end = {match[1].lower(): match.start() for match in _END_TAG.finditer(fragment)}
        self._parts: list[str] = []
        self._line_is_empty = True
        self._begins_block = False
        self._lists: list[int | None] = []  # of each open list the number of its last item; None: not numbered
        self._link: tuple[str, int] | None = None  # of the open link its target, and where its label begins
        self._preformatted = 0

    def read(self) -> str:
        fragment, position = self._fragment, 0
        for match in _MARKUP.finditer(fragment):
            if match.start() < position or not self._is_markup(match):
                continue
            self._text(fragment[position : match.start()])
            position = self._markup(match)
        self._text(fragment[position:])
        return "".join(self._parts).rstrip("\n")

    def _is_markup(self, match: re.Match[str]) -> bool:
        name = (match["name"] or "").lower()
        if not name:
            return True
        if ":" in name:
            return name.partition(":")[0] in _OFFICE
        ends = self._last_end.get(name, -1) >= match.start()
        if name not in _ELEMENTS or not (ends or name in _VOID or name in _OPTIONAL_END):
            return False
        flags = [found[1].lower() for found in _ATTRIBUTE.finditer(match["attributes"]) if found.lastindex == 1]
        return all(flag in _FLAGS for flag in flags)

    def _markup(self, match: re.Match[str]) -> int:
        """Handle a tag or a comment; where to read on."""
        name = (match["name"] or "").lower()
        if match["cdata"]:
            self._write(match["cdata"])
        elif match["end"]:
            self._end(name)
        elif name in _SILENT:
            return self._after(name, match.end())
        elif name:
            attributes = {
                found[1].lower(): found[2] or found[3] or found[4] or ""
                for found in _ATTRIBUTE.finditer(match["attributes"])
            }
            self._start(name, attributes)
        return match.end()

    def _after(self, name: str, position: int) -> int:
        """Where the end tag of an element without shown content ends; there is one."""
        end = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(self._fragment, position)
        return position if end is None else end.end()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name in _BLOCKS:
            self._new_line()
        match name:
            case "br":
                self._write("\n")
            case "ol":
                start = attributes.get("start", "")
                self._lists.append(int(start) - 1 if start.isdecimal() and len(start) < 10 else 0)
            case "ul":
                self._lists.append(None)
            case "li":
                self._item()
            case "td" | "th" if not self._line_is_empty:
                self._write("\t")
            case "img":
                self._write(attributes.get("alt", ""))
            case "a":
                self._link = attributes.get("href", "").strip(), len(self._parts)
            case "pre":
                self._preformatted += 1
            case _:
                pass

    def _item(self) -> None:
        indent = "  " * min(len(self._lists) - 1, _DEEPEST_INDENT)
        number = self._lists[-1] if self._lists else None
        if number is None:
            self._write(f"{indent}- ")
        else:
            self._lists[-1] = number + 1
            self._write(f"{indent}{number + 1}. ")
        self._line_is_empty = True  # a block within the item begins no line of its own

    def _end(self, name: str) -> None:
        if name == "a" and self._link is not None:
            self._target(*self._link)
            self._link = None
        elif name in ("ol", "ul") and self._lists:
            self._lists.pop()
        elif name == "pre" and self._preformatted:
            self._preformatted -= 1
        if name in _BLOCKS:
            self._new_line()

    def _target(self, target: str, start: int) -> None:
        """Write a link's target behind its label, unless the label says the same."""
        label = "".join(self._parts[start:]).strip()
        if not target.lower().startswith(_SHOWN_SCHEMES) or _bare(_resolve(label)) == _bare(_resolve(target)):
            return
        self._write(f" ({target})" if label else target)

    def _text(self, text: str) -> None:
        if self._begins_block and not self._preformatted:
            text = text.lstrip(_SPACE)
        self._write(text)

    def _write(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self._line_is_empty = text.endswith("\n")
            self._begins_block = False

    def _new_line(self) -> None:
        """A block begins or ends: white space around it is formatting of the source."""
        if not self._line_is_empty and not self._preformatted:
            self._parts[-1] = self._parts[-1].rstrip(_SPACE)
            self._line_is_empty = not self._parts[-1]
        if not self._line_is_empty:
            self._write("\n")
        self._line_is_empty = self._begins_block = True


def _bare(address: str) -> str:
    """An address without what people leave out when they write it."""
    return re.sub(r"^(https?://(www\.)?|mailto:|tel:|sms:)", "", address.strip().lower()).rstrip("/").replace(" ", "")

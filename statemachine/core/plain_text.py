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
        "address article aside blockquote button center dd details dialog dir div dl dt fieldset figcaption figure "
        "footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol optgroup option p pre search "
        "section select summary table tbody tfoot thead tr ul"
    ).split()
)
"""Elements that begin and end a line."""
_SILENT: Final = frozenset("head noscript object script style svg template textarea title".split())
"""Elements whose content is not shown."""
_VOID: Final = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_BARE: Final = frozenset("br col hr img wbr".split())
"""Elements without an end tag that need no attribute. `cp <source> <link>` has no element."""
_OPTIONAL_END: Final = frozenset("body colgroup dd dt html li p tbody td tfoot th thead tr".split())
_LISTS: Final = frozenset("dir menu ol ul".split())
_INLINE: Final = frozenset(
    (
        "a abbr acronym audio b bdi bdo big canvas caption cite code data datalist del dfn em font i iframe ins kbd "
        "label map mark meter nobr output picture progress q rp rt ruby s samp slot small span strike strong sub sup "
        "time tt u var video"
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
        !--(?:-?>|.*?(?:--!?>|\Z))
      | !\[(?:if\b[^<>\]]*|endif)\]>
      | !\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)
      | !doctype\b[^<>]*> | \?xml\b[^<>]*>
      | (?P<end>/)?(?P<name>[a-z][a-z0-9]*(?::[a-z]+)?)
        (?P<attributes>(?:\s++[a-z_:@][-\w:.@]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'<>=`][^\s"'<>`]*+))?+)*+)\s*+/?>
    )""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_ATTRIBUTE: Final = re.compile(
    r"""([a-z_:@][-\w:.@]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>=`][^\s"'<>`]*)))?""", re.IGNORECASE
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
    return _Reader(fragment).read() if "<" in fragment else _resolve(fragment)


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
        self._lines: list[list[str]] = []
        self._line: list[str] = []
        self._at_start = False  # of a block, an item or a cell: white space here is formatting of the source
        self._lists: list[int | None] = []  # of each open list the number of its last item; None: not numbered
        self._row: int | None = None  # the first line of the open row of a table, once it has a cell
        self._link: tuple[str, list[str]] | None = None  # target and label of the open link
        self._preformatted = 0

    def read(self) -> str:
        fragment, position = self._fragment, 0
        for match in _MARKUP.finditer(fragment):
            if match.start() < position or not self._is_markup(match):
                continue
            self._text(fragment[position : match.start()])
            position = self._markup(match)
        self._text(fragment[position:])
        self._end_line()
        return "\n".join(map("".join, self._lines)).rstrip("\n")

    def _is_markup(self, match: re.Match[str]) -> bool:
        name = (match["name"] or "").lower()
        if not name:
            return True
        if ":" in name:
            return name.partition(":")[0] in _OFFICE
        ends = self._last_end.get(name, -1) >= match.start()
        void = name in _BARE or (name in _VOID and match["attributes"])
        if name not in _ELEMENTS or not (ends or void or name in _OPTIONAL_END):
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
                found[1].lower(): _resolve(found[2] or found[3] or found[4] or "")
                for found in _ATTRIBUTE.finditer(match["attributes"])
            }
            self._start(name, attributes)
        return match.end()

    def _after(self, name: str, position: int) -> int:
        """Where the end tag of an element without shown content ends; there is one."""
        end = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(self._fragment, position)
        return position if end is None else end.end()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("li", "tr") or (name in _BLOCKS and not self._at_start):
            self._end_block()
        match name:
            case "br":
                self._end_line()
                self._at_start = True
            case "ol":
                self._lists.append(_number(attributes.get("start"), 1) - 1)
            case "ul" | "menu" | "dir":
                self._lists.append(None)
            case "li":
                self._item(attributes)
            case "tr":
                self._row = None
            case "td" | "th":
                self._cell()
            case "img":
                self._write(attributes.get("alt", ""))
            case "a":
                self._link = re.sub(r"[\t\r\n]", "", attributes.get("href", "")).strip(), []
            case "pre":
                self._preformatted += 1
            case _:
                pass

    def _item(self, attributes: dict[str, str]) -> None:
        indent = "  " * min(len(self._lists) - 1, _DEEPEST_INDENT)
        number = self._lists[-1] if self._lists else None
        if number is None:
            self._write(f"{indent}- ")
        else:
            self._lists[-1] = number = _number(attributes.get("value"), number + 1)
            self._write(f"{indent}{number}. ")
        self._at_start = True

    def _cell(self) -> None:
        if self._row is None:
            self._row = len(self._lines)
        else:
            if len(self._lines) > self._row:
                self._reopen_line()
            self._write("\t")
        self._at_start = True

    def _end(self, name: str) -> None:
        if name == "a" and self._link is not None:
            self._end_link(*self._link)
        elif name in _LISTS and self._lists:
            self._lists.pop()
        elif name == "pre" and self._preformatted:
            self._preformatted -= 1
        if name in _BLOCKS:
            self._end_block()
        elif name in ("td", "th"):
            self._at_start = True

    def _end_link(self, target: str, parts: list[str]) -> None:
        """Write a link's target behind its label, unless the label says the same."""
        self._link = None
        label = "".join(parts).strip()
        if target.lower().startswith(_SHOWN_SCHEMES) and _bare(label) != _bare(target):
            after_block = self._reopen_line() if label else False
            self._write(f" ({target})" if label else target)
            if after_block:
                self._end_block()

    def _text(self, text: str) -> None:
        if self._at_start and not self._preformatted:
            text = text.lstrip(_SPACE)
        self._write(_resolve(text))

    def _write(self, text: str) -> None:
        if text:
            self._line.append(text)
            self._at_start = False
            if self._link:
                self._link[1].append(text)

    def _end_line(self) -> None:
        self._lines.append(self._line)
        self._line = []

    def _reopen_line(self) -> bool:
        """Continue the last line, if a block has just ended it."""
        if self._line or not self._lines:
            return False
        self._line = self._lines.pop()
        return True

    def _end_block(self) -> None:
        """A block begins or ends: white space around it is formatting of the source."""
        while self._line and not self._at_start and not self._preformatted:
            if text := self._line.pop().rstrip(_SPACE):
                self._line.append(text)
                break
        if self._line:
            self._end_line()
        self._at_start = True


def _number(text: str | None, otherwise: int) -> int:
    """The whole number of an attribute."""
    return int(text) if text and re.fullmatch(r"\s*-?[0-9]{1,9}\s*", text) else otherwise


def _bare(address: str) -> str:
    """An address without what people leave out when they write it."""
    return re.sub(r"^(https?://(www\.)?|mailto:|tel:|sms:)", "", address.strip().lower()).rstrip("/").replace(" ", "")

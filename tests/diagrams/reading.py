"""Reads a generated Mermaid text back, far enough to ask what it shows."""

from __future__ import annotations

import re
from typing import Any

from attrs import frozen

from statemachine.diagrams.mermaid import BREAK


def unescape(text: str) -> str:
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), text)


@frozen
class Shown:
    """`arcs`: (source, target) -> text; a dashed box counts for each state that it names. `notes`: state -> text."""

    boxes: dict[str, str]
    arcs: dict[tuple[str, str], str]
    notes: dict[str, str]


def read(source: str) -> Shown:
    """What a picture of one machine shows, line breaks read as spaces."""
    boxes: dict[str, str] = {}
    arcs: dict[tuple[str, str], str] = {}
    notes: dict[str, str] = {}
    lines = iter(source.splitlines())
    for line in map(str.strip, lines):
        if found := re.fullmatch(r'state "(.*)" as (\w+)', line):
            boxes[found[2]] = _text(found[1])
        elif found := re.fullmatch(r"(\S+) --> (\S+)(?: : (.*))?", line):
            for one in _members(boxes, found[1]):
                key = one, _members(boxes, found[2])[0]
                arcs[key] = f"{arcs.get(key, '')} {_text(found[3] or '')}".strip()
        elif found := re.fullmatch(r"note (?:left|right) of (\w+)", line):
            text = " ".join(_text(part.strip()) for part in iter(lines.__next__, "    end note"))
            for one in _members(boxes, found[1]):
                notes[one] = f"{notes.get(one, '')} {text}".strip()
    return Shown(boxes, arcs, notes)


def _text(raw: str) -> str:
    return unescape(raw.replace(BREAK, " "))


def _members(boxes: dict[str, str], node: str) -> list[str]:
    if node not in boxes:
        return [node]
    head, _, names = boxes[node].partition("any of ")
    return names.split(", ") if not head else [boxes[node].split(" ")[0]]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio as WCAG defines it, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def style(text: str) -> dict[str, Any]:
    return dict(part.split(":") for part in text.split(","))

"""The sources of rules, in words: the sections of the protocol page, and the design decisions of the engine's guide."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

_HEADING: Final = re.compile(r"^##+ (\d+(?:\.\d)?)\.? (.*)$", re.MULTILINE)
_PLACE: Final = re.compile(r"(design )?(\d+(?:\.\d)?)(?:,? (.*))?")


def in_words(ref: str) -> str:
    """A reference such as "6.1; 8 F27; design 8" in words: section titles with their numbers."""
    return "; ".join(text for text, _ in places(ref))


def places(ref: str) -> list[tuple[str, str]]:
    """Each place of a reference: in words, and as a link from the package's folder, or ""."""
    return [_place(one.strip()) for one in ref.split(";") if one.strip()]


def _place(place: str) -> tuple[str, str]:
    found = _PLACE.fullmatch(place)
    if found is None:
        return place, ""
    is_design, number, detail = found.groups()
    if is_design:
        return f"engine guide, design decision {number}", "engine/README.md#design"
    title = _sections().get(number)
    if title is None:
        return place, ""
    heading = re.sub(r"[^\w\- ]", "", f"{number}{'' if '.' in number else '.'} {title}".lower()).replace(" ", "-")
    return f"{title} ({number}{f', {detail}' if detail else ''})", f"protocol.md#{heading}"


@cache
def _sections() -> Mapping[str, str]:
    """The headings of the protocol page, by number."""
    return dict(_HEADING.findall(files("statemachine").joinpath("protocol.md").read_text("utf-8")))

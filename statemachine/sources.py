"""The sources of rules, in words: the sections of the protocol page, and the design decisions of the engine's guide."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SECTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1": "Endpoints",
        "1.1": "Base, query, headers",
        "1.2": "Endpoints",
        "1.3": "v1 versus v2",
        "1.4": "Safety of retries",
        "1.5": "Browsers",
        "2": "Session states",
        "2.1": "Values of state",
        "2.2": "Terminal signals",
        "2.3": "Order of a session",
        "2.4": "Reaction to 404 and 5005",
        "3": "Events",
        "3.0": "Common shape of events",
        "3.1": "Conversation and lifecycle events",
        "3.2": "Forms",
        "3.3": "Signaling of calls",
        "3.4": "Co-browsing",
        "3.5": "Names that are no events",
        "3.6": "Directives inside messages",
        "4": "Long polling",
        "4.1": "Known clients",
        "4.2": "Rules for polling",
        "5": "Message ids and order",
        "5.1": "Merging the history",
        "6": "Inactivity, disconnect, end",
        "6.1": "Inactivity",
        "6.2": "Disconnect and end",
        "6.3": "Conversation over, session open",
        "7": "Error codes",
        "8": "Faults of clients",
        "9": "Transitions",
        "10": "Open questions",
    }
)
"""The headings of `statemachine/protocol.md`, by number."""

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
    title = SECTIONS.get(number)
    if title is None:
        return place, ""
    heading = re.sub(r"[^\w\- ]", "", f"{number}{'' if '.' in number else '.'} {title}".lower()).replace(" ", "-")
    return f"{title} ({number}{f', {detail}' if detail else ''})", f"protocol.md#{heading}"

"""The rules that clients are held to, read from ``rules.toml``: all verdicts take their level and texts from there."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias

from attrs import fields, frozen

from statemachine.emulator.knobs import Knobs

SeenBy: TypeAlias = Literal["server", "case", "report", "nobody"]


@frozen
class Rule:
    """One rule; ``rules.toml`` explains the fields."""

    number: str
    fault: str
    suffers: str
    instead: str
    level: Literal["must", "should"]
    basis: Literal["document", "clients", "inference"]
    harms: Literal["user", "others", "server"]
    source: str
    seen_by: SeenBy
    seen: str
    window: str
    excuse: str


_TABLE: Final[dict[str, Any]] = tomllib.loads((files("statemachine.emulator") / "rules.toml").read_text("utf-8"))
WINDOWS: Final[dict[str, int]] = _TABLE.pop("windows")
"""Times and numbers by name; ``rules.toml`` explains them."""

SILENCE_S: Final = WINDOWS["silence_s"]
"""A client that polls no more for so many seconds has stopped."""
OBSERVE_S: Final = WINDOWS["observe_s"]
"""How long a client is observed that should do nothing, in seconds."""
RECEIPT_S: Final = WINDOWS["receipt_s"]
"""How long a receipt may take in a recording, in seconds."""

_NUMBERS: Final = {**{one.name: one.default for one in fields(Knobs)}, **WINDOWS}

RULES: Final = {
    number: Rule(number, **{name: text.format_map(_NUMBERS) for name, text in texts.items()})
    for number, texts in _TABLE.items()
}
"""Rules by number."""
SERVER_RULES: Final = frozenset(number for number, rule in RULES.items() if rule.seen_by == "server")
"""Those that the emulator's judge checks; ``Violation.rule`` is one of them."""

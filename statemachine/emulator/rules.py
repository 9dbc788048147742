"""The rules a server can hold its clients to, read from ``rules.toml``.

The other faults of protocol.md section 8 happen out of the server's sight, on the client's screen or in its store.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Final

from attrs import frozen


@frozen
class Rule:
    """One rule. ``fault``: of the client; ``suffers``: the harm for its user; ``instead``: the correct behaviour."""

    number: str
    fault: str
    suffers: str
    instead: str
    source: str


_FILE: Final = files("statemachine.emulator") / "rules.toml"

RULES: Final = {number: Rule(number, **texts) for number, texts in tomllib.loads(_FILE.read_text("utf-8")).items()}
"""Rules by number; ``Violation.rule`` is one of these keys."""

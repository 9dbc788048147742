"""Scripted customers: a TOML file lists the customer's texts, waits and expectations; the real client plays it.

Play it against the emulator in CI, and nightly against a staging tenant: where only one of them fails, the emulator and
the server have become different. Needs the extra ``http``.
"""

from __future__ import annotations

from statemachine.scripted.customer import Customer
from statemachine.scripted.events import (
    EntrySent,
    Listener,
    PlayEvent,
    PlayFinished,
    PlayResult,
    StepExecuted,
    StepFailed,
    StepResult,
)
from statemachine.scripted.play import Play, play
from statemachine.scripted.reader import read_script
from statemachine.scripted.report import junit, summary
from statemachine.scripted.script import Script, ScriptStep

__all__ = [
    "Customer", "EntrySent", "Listener", "Play", "PlayEvent", "PlayFinished", "PlayResult", "Script", "ScriptStep",
    "StepExecuted", "StepFailed", "StepResult", "junit", "play", "read_script", "summary",
]  # fmt: skip

"""Scripted customers: a TOML file says what a customer says, waits for and expects; the real client plays it.

Against the emulator in CI, and nightly against a staging tenant: where one fails and the other does not, they drift
apart. Needs the extra ``http``.
"""

from __future__ import annotations

from statemachine.scripted.play import Play, play
from statemachine.scripted.reader import read_script
from statemachine.scripted.report import junit, summary
from statemachine.scripted.result import Result, StepResult
from statemachine.scripted.script import Script

__all__ = ["Play", "Result", "Script", "StepResult", "junit", "play", "read_script", "summary"]

"""A harness around our engine with a fault made by hand: `python -m tests.mutants.harness NAME`."""

from __future__ import annotations

import sys

import pytest

from statemachine.conformance.laws import DEFAULT_ENGINE
from statemachine.engine.session import JsonSession
from tests.conformance.strangers import speak

from .hand import HAND_MADE

if __name__ == "__main__":
    mutant = next(one for one in HAND_MADE if one.name == sys.argv[1])
    engine = mutant.plant(pytest.MonkeyPatch()) or DEFAULT_ENGINE
    speak(JsonSession(engine.reduce))

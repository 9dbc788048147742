"""The examples of drivers: each survives kills at random moments, and the emulator finds no fault in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.examples.killed import Piped, Web, campaign

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX only")
PROGRAMS = {"threads_requests": Piped, "trio_httpx2": Piped, "asyncio_driver": Piped, "web_view": Web}


@pytest.mark.parametrize("module", PROGRAMS)
def test_nothing_is_lost_or_doubled(module: str, tmp_path: Path) -> None:
    verdict, broken_rules = campaign(PROGRAMS[module], module, 2, tmp_path)
    assert (verdict.faults, broken_rules) == ([], [])
    assert verdict.events >= 6


@pytest.mark.long  # other work on the machine decides its result
@pytest.mark.parametrize("module", PROGRAMS)
def test_nothing_is_lost_or_doubled_in_twenty_kills(module: str, tmp_path: Path) -> None:
    verdict, broken_rules = campaign(PROGRAMS[module], module, 20, tmp_path)
    assert (verdict.faults, broken_rules) == ([], [])

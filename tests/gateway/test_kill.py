"""A small dose of `python -m tests.gateway.kill`, for each example."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.gateway.kill import EXAMPLES, campaign, compiled, report
from tests.tools import missing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX only"),
]


async def test_the_curl_example_loses_and_doubles_nothing() -> None:
    if not (shutil.which("curl") and shutil.which("jq")):
        missing("curl and jq are not installed")
    series = await campaign(3, 1, ["bash", str(EXAMPLES / "bridge.sh")])
    assert report(series) == 0
    assert series.kills.total() == 3


async def test_the_typescript_example_loses_and_doubles_nothing(tmp_path: Path) -> None:
    bridge = compiled(tmp_path)
    if bridge is None:
        pytest.skip("npm cannot install the TypeScript compiler here")
    series = await campaign(3, 2, bridge)
    assert report(series) == 0

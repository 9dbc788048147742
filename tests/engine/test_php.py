"""The example in PHP: it survives kills at random moments, and the emulator finds no fault in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from statemachine.testing import EmulatedCentre
from tests.engine.listening import listening_engine
from tests.examples.killed import Piped, campaign
from tests.tools import missing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
EXAMPLE = str(files("statemachine.engine") / "php" / "chat.php")


class Php(Piped):
    """The example, with the engine of the test."""

    def __init__(self, module: str, centre: EmulatedCentre, folder: Path, client: str) -> None:
        super().__init__(module, centre, folder, client)
        self._arguments = ["php", module, *self._arguments[-5:], str(folder / "engine")]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The engine on a socket in the folder of the test."""
    if shutil.which("php") is None:
        missing("PHP is not installed: apt-get install php-cli php-curl php-sqlite3")
    with listening_engine(tmp_path / "engine") as process:
        yield process


@pytest.mark.usefixtures("engine")
def test_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    verdict, broken_rules = campaign(Php, EXAMPLE, 2, tmp_path)
    assert (verdict.faults, broken_rules) == ([], [])


@pytest.mark.long  # other work on the machine decides its result
@pytest.mark.usefixtures("engine")
def test_nothing_is_lost_or_doubled_in_twenty_kills(tmp_path: Path) -> None:
    verdict, broken_rules = campaign(Php, EXAMPLE, 20, tmp_path)
    assert (verdict.faults, broken_rules) == ([], [])


def test_it_ends_with_an_error_when_the_engine_does(engine: subprocess.Popen[bytes], tmp_path: Path) -> None:
    with EmulatedCentre("silent") as centre:
        arguments = [centre.url, "tenant", "app", "ann", str(tmp_path / "chat.sqlite"), str(tmp_path / "engine")]
        pipe = subprocess.PIPE
        with subprocess.Popen(["php", EXAMPLE, *arguments], stdin=pipe, stderr=pipe, text=True) as process:
            assert process.stdin is not None
            process.stdin.write('{"text": "hello"}\n')
            process.stdin.flush()
            centre.call(centre.agent().accept())
            engine.kill()
            _, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (1, "the engine ended\n")

"""An engine on a Unix socket, for tests."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIMIT_S = 60


@contextmanager
def listening_engine(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The engine at this path, once it accepts connections."""
    command = [sys.executable, "-m", "statemachine", "engine", "--listen", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            until = time.monotonic() + LIMIT_S
            while not _accepts(path):
                assert time.monotonic() < until, "the engine does not listen"
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


def _accepts(path: Path) -> bool:
    """Whether a connection is possible: the file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0

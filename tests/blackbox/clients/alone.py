"""A client that opens a chat by itself, under a name of its own, and reads no orders."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from naive import Client


class Alone(Client):
    def identity(self):
        return "alone"


if __name__ == "__main__":
    Alone().start()
    time.sleep(600)

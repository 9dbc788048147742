"""A client with six faults: `python six_faults.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from faulty import Cached, EndsTwice, NullId, OnlyEnded, PostsAgain, ReceiptsItself
from naive import main


class SixFaults(OnlyEnded, NullId, PostsAgain, ReceiptsItself, EndsTwice, Cached):
    """F1, F11, F12, F15, F30 and cache."""


if __name__ == "__main__":
    main(SixFaults)

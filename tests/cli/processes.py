"""The command line as a process of its own."""

import subprocess
import sys
from pathlib import Path

BLOCKED = """
import sys
sys.modules.update(dict.fromkeys({blocked!r}))  # None: looked for, and not there
from statemachine.cli import main
sys.exit(main({args!r}))
"""


def statemachine(
    *args: str, stdin: bytes = b"", env: dict[str, str] | None = None, cwd: Path | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """`python -m statemachine ARGS`."""
    return subprocess.run(
        [sys.executable, "-m", "statemachine", *args], input=stdin, capture_output=True, timeout=60, env=env, cwd=cwd
    )


def without(blocked: set[str], *args: str) -> "subprocess.CompletedProcess[bytes]":
    """The same on a machine that lacks these modules."""
    code = BLOCKED.format(blocked=blocked, args=list(args))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)

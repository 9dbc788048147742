"""`statemachine engine`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import click

from .app import Trouble


@click.command(name="engine")
@click.option("--listen", "path", type=click.Path(path_type=Path), help="Serve a Unix socket at this path, not stdin.")
def command(path: Path | None) -> None:
    """Run the engine as a process for a program in another language.

    One JSON object a line on stdin, one on stdout: {"op": "begin", "at": …}, then {"op": "step", "event": {…}}; it
    answers with the phase, the commands to execute, the updates to deliver, and the next deadline. It reads no clock
    and opens no connection. MESSAGES.md, beside the module statemachine.conformance, describes the messages.

    Ends with its input, or at {"op": "bye"}.
    """
    from statemachine.engine import serve

    if path is not None:
        from statemachine.engine.listen import listen

        try:
            return listen(path)
        except OSError as error:
            raise Trouble(f"{path}: {error.strerror or error}") from None
    # A line ends with a line feed alone: a carriage return within it would make two of one.
    serve(io.TextIOWrapper(sys.stdin.buffer, "utf-8", "replace", newline="\n"), _write)


def _write(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()

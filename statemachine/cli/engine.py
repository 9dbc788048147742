"""`statemachine engine`."""

from __future__ import annotations

import io
import sys

import click


@click.command(name="engine")
def command() -> None:
    """Run the engine as a process for a program in another language.

    One JSON object a line on stdin, one on stdout: {"op": "begin", "at": …}, then {"op": "step", "event": {…}}; it
    answers with the phase, the commands to execute, the updates to deliver, and the next deadline. It reads no clock
    and opens no connection. MESSAGES.md, beside the module statemachine.conformance, describes the messages.

    Ends with its input, or at {"op": "bye"}.
    """
    from statemachine.engine import serve

    serve(io.TextIOWrapper(sys.stdin.buffer, "utf-8", "replace"), _write)


def _write(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()

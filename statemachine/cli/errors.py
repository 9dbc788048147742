"""Error messages of commands: one line, no traceback. Imports nothing but the standard library."""

from __future__ import annotations

import sys
from contextlib import suppress

from .text import visible


def is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: Python 3.11 makes a RuntimeError of one while a class is created."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def interrupted() -> int:
    """Say that Ctrl-C ended the command; returns the exit status."""
    say("interrupted")
    # If the interrupt came while a string was executed (imports do that: attrs, namedtuple), `python -m` ends by the
    # signal instead of this status, unless another string has been executed since.
    exec("")
    return 130


def say(text: str) -> None:
    """Print a message on stderr, further lines of it indented; nothing where there is no stderr or its reader is gone.

    Only the first line begins with the name of the program: no text within a message can pass for another message.
    """
    with suppress(AttributeError, OSError, UnicodeError, ValueError):
        print("statemachine: " + "\n  ".join(map(visible, text.split("\n"))), file=sys.stderr)

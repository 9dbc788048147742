"""Error messages of commands: one line, no traceback.

Imports nothing but the standard library, so that it can say which extra is missing.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

from .text import visible

PACKAGE: Final = "chat-session-statemachine"

EXTRAS: Final = {
    "click": "cli",
    "rich": "cli",
    "platformdirs": "cli",
    "prompt_toolkit": "cli",
    "aiohttp": "http",
    "yarl": "http",
    "hypothesis": "conformance",
    "pytest": "conformance",
    "trustme": "tls",
    "jsonschema": "gateway",
    "prometheus_client": "gateway",
}
"""Module -> the extra that brings it."""


def missing(error: ModuleNotFoundError, what: str) -> str | None:
    """The line for a module that an extra would have brought; None where no extra has it."""
    extra = EXTRAS.get((error.name or "").partition(".")[0])
    return extra and f'{what} needs the extra "{extra}": pip install "{PACKAGE}[{extra}]"'


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

"""The command `statemachine`. Importing this needs no extra; `main` says which one is missing.

Everything is imported within `main`, where Ctrl-C ends an import without a traceback.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line (`sys.argv` where `args` is None) and return its exit status."""
    given = list(sys.argv[1:] if args is None else args)
    try:
        from .app import run

        return run(given)
    except ModuleNotFoundError as error:
        from ..extras import missing
        from .errors import say

        line = missing(error, "the command line")
        if line is None:
            raise
        say(line)
        return 2
    except BaseException as error:
        from .errors import interrupted, is_interrupt

        if is_interrupt(error):
            return interrupted()
        raise

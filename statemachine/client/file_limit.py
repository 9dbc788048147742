"""How many chats the limit of open files allows: each has a connection, and each connection is an open file."""

from __future__ import annotations

import sys

OTHERS = 100
"""Other open files: the store, logs, the application's own."""
FILES_FOR_TEN_CHATS = 11
"""Ten open polls, and one connection to send over."""


def chats_within_file_limit() -> int | None:
    """Raise the limit of open files as far as allowed, and return how many chats it admits. None: no limit."""
    if sys.platform == "win32":  # sockets are not files there
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (ValueError, OSError):  # macOS reports "unlimited" but has a limit
            pass
    if soft == resource.RLIM_INFINITY:
        return None
    return max(0, (soft - OTHERS) * 10 // FILES_FOR_TEN_CHATS)

"""How many chats fit into this process: each holds a connection, and each connection is an open file."""

from __future__ import annotations

import sys

OTHERS = 100
"""Files that are open besides: the store, logs, the application's own."""
FILES_OF_TEN = 11
"""Ten chats hold ten polls, and between them something to send over."""


def chats_within_file_limit() -> int | None:
    """Raise the limit of open files as far as this user may, and say how many chats fit then. None: no limit."""
    if sys.platform == "win32":  # sockets are no files there
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (ValueError, OSError):  # macOS says "unlimited" and means less
            pass
    if soft == resource.RLIM_INFINITY:
        return None
    return max(0, (soft - OTHERS) * 10 // FILES_OF_TEN)

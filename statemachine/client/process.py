"""Settings of the whole process, for applications with thousands of chats.

A client changes nothing of its process by itself: the application that owns the process calls these functions.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import sslproto
from collections.abc import Callable
from typing import Any, Final

TLS_BUFFER: Final = 2 * 1024
OTHER_FILES: Final = 100
"""Other open files: the store, logs, the application's own."""
FILES_FOR_TEN_CHATS: Final = 11
"""Ten open polls, and one connection to send over."""


def fast_event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop factory of uvloop, or None where the extra `speed` is not installed.

    An idle chat over TLS takes a fifth of asyncio's memory. Pass it to a runner:
    `asyncio.Runner(loop_factory=fast_event_loop())`. It changes no other event loop.
    """
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


def shrink_tls_buffers() -> None:
    """Give each later TLS connection of this process a read buffer of 2 KB, where asyncio takes 256 KB.

    An idle chat over TLS takes a quarter of the memory. All other TLS connections of the process are affected too: a
    large transfer takes 3.5 times the processor time. uvloop has no such buffer: prefer `fast_event_loop`.
    """
    # asyncio has no setting for one connection. Where it renames this attribute, nothing happens.
    protocol: Any = sslproto.SSLProtocol
    if getattr(protocol, "max_size", 0) > TLS_BUFFER:
        protocol.max_size = TLS_BUFFER


def raise_file_limit() -> None:
    """Raise the limit of open files of this process as far as the system allows; its child processes inherit it.

    Each chat has a connection, and each connection is an open file.
    """
    if sys.platform == "win32":  # sockets are not files there
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):  # macOS reports "unlimited" but has a limit
        return


def chats_within_file_limit() -> int | None:
    """How many chats the present limit of open files admits. None: no limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    return max(0, (soft - OTHER_FILES) * 10 // FILES_FOR_TEN_CHATS)

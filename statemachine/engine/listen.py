"""The engine behind a Unix socket, for hosts that cannot keep a pipe, such as a web application per request."""

from __future__ import annotations

import os
import socketserver
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock

from .serve import Server, serve

_MODE = 0o600
"""Only the owner may connect: snapshots hold texts."""


def listen(path: Path) -> None:
    """Answer the lines of every connection at this path until interrupted; all share the same sessions.

    A socket that an earlier engine has left there is replaced. Raises OSError.
    """
    if sys.platform == "win32":
        raise OSError("this system has no Unix sockets: use a pipe")
    server, lock = Server(), Lock()

    class Connection(socketserver.StreamRequestHandler):
        """One host. Its answers come in the order of its requests."""

        def handle(self) -> None:
            lines = (line.decode("utf-8", "replace") for line in self.rfile)
            with suppress(ConnectionError):  # the host has not waited for its answers
                serve(lines, lambda line: self.wfile.write(line.encode()), server, lock)

    if path.is_socket():
        path.unlink()
    before = os.umask(0o777 - _MODE)
    try:
        listening = socketserver.ThreadingUnixStreamServer(str(path), Connection)
    finally:
        os.umask(before)
    listening.daemon_threads = True
    with listening:
        listening.serve_forever()

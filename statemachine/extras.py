"""Which extra brings a module that is missing. Imports nothing but the standard library."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

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
    "psycopg": "postgres",
    "opentelemetry": "opentelemetry",
}
"""Module -> the extra that brings it."""


def missing(error: ModuleNotFoundError, what: str, extra: str | None = None) -> str | None:
    """The line for a module that this extra, or another one, would have brought; None where no extra has it."""
    known = EXTRAS.get((error.name or "").partition(".")[0])
    extra = known and (extra or known)
    return extra and f'{what} needs the extra "{extra}": pip install "{PACKAGE}[{extra}]"'


@contextmanager
def needed_by(what: str, extra: str | None = None) -> Generator[None, None, None]:
    """Import something that an extra brings. Raises ModuleNotFoundError that says how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(missing(error, what, extra) or str(error), name=error.name) from None

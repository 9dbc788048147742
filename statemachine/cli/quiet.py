"""No log output for commands that print the same facts themselves."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

import structlog

__all__ = ["quiet"]


@contextmanager
def quiet() -> Generator[None]:
    """No log while this lasts."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)

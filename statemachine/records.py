"""The records of a session: see `statemachine.core.session`. They may change with the snapshot's schema."""

from .core.session import *  # noqa: F403

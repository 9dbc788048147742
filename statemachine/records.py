"""The records of a session, public: see `statemachine.core.session`."""

from .core.session import *  # noqa: F403

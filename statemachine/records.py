"""The records of a session, public: see `statemachine.core.session`."""

from .core.session import *  # noqa: F403
from .core.session import __all__ as __all__

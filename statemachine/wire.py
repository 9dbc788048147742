"""The wire's own vocabulary, public: see `statemachine.core.wire`."""

from .core.wire import *  # noqa: F403
from .core.wire import __all__ as __all__

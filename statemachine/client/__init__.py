"""`ChatClient`, and what it raises and takes. Needs the extra `http`."""

from .chat import ChatClient
from .errors import BadSetting, ChatClosed, ChatError, ChatStopped, NotPossible, SessionOver
from .options import Options

__all__ = [
    "BadSetting",
    "ChatClient",
    "ChatClosed",
    "ChatError",
    "ChatStopped",
    "NotPossible",
    "Options",
    "SessionOver",
]

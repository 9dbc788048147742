"""`ChatClient`, `ContactCentre`, and what they raise and take. Needs the extra `http`."""

from .advice import Advice, advise
from .centre import CentreError, ContactCentre, SmsRefused
from .chat import ChatClient
from .errors import BadSetting, ChatClosed, ChatError, ChatStopped, NotPossible, SessionOver
from .options import Options

__all__ = [
    "Advice",
    "BadSetting",
    "CentreError",
    "ChatClient",
    "ChatClosed",
    "ChatError",
    "ChatStopped",
    "ContactCentre",
    "NotPossible",
    "Options",
    "SessionOver",
    "SmsRefused",
    "advise",
]

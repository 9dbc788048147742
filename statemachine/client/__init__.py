"""`ChatClient`, its sessions, `ContactCentre`, and their errors and options. Needs the extra `http`."""

from .advice import Advice, advise
from .centre import CentreError, ContactCentre, SmsRefused, TooLarge
from .client import ChatClient
from .delivery import ErrorHook, Handler, MergedUpdates
from .errors import (
    BadSetting,
    ChatClosed,
    ChatError,
    ChatStopped,
    NotPossible,
    NotSaved,
    SendFailed,
    SessionOver,
    WrongLoop,
    WrongType,
)
from .health import Health
from .metrics import METRICS, Metrics, Stats
from .middleware import Middleware
from .options import Options
from .process import fast_event_loop, raise_file_limit, shrink_tls_buffers
from .questions import Questions
from .sending import Sending, SendingState
from .session import ChatSession
from .stream import Stopped, Update, UpdateStream

__all__ = [
    "METRICS", "Advice", "BadSetting", "CentreError", "ChatClient", "ChatClosed", "ChatError", "ChatSession",
    "ChatStopped", "ContactCentre", "ErrorHook", "Handler", "Health", "MergedUpdates", "Metrics", "Middleware",
    "NotPossible", "NotSaved", "Options", "Questions", "SendFailed", "Sending", "SendingState", "SessionOver",
    "SmsRefused", "Stats", "Stopped", "TooLarge", "Update", "UpdateStream", "WrongLoop", "WrongType", "advise",
    "fast_event_loop", "raise_file_limit", "shrink_tls_buffers",
]  # fmt: skip

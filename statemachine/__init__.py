"""A contact-centre chat session as a pure function: `reduce(session, event) -> (session, commands)`.

The engine has no clock, no socket, no randomness and no logging. It is fed what happened and answers what to do:

    session = new_session(at=now)
    session, out = reduce(session, Request(at=now, origin="…", text="hello"))
    for command in owed(out): ...           # an adapter executes it, and feeds `Answered(at, command.id, reply)`
    alarm = next_deadline(session)          # wake then, and feed `Tick(at)`

Most people use `statemachine.client.ChatClient`, which does that over HTTP. Names of the wire's own entries
(`Message`, `PartyJoined`, …) stand in `statemachine.wire`, the session's records in `statemachine.records`.
Loading this module loads nothing but attrs and the core; `snapshot`, `restore` and `ChatClient` load what they need
when they are first used.
"""

from __future__ import annotations

from os.path import dirname, exists, join
from typing import TYPE_CHECKING, Any

if exists(join(dirname(__file__), "statemachine.py")):  # a module of python-statemachine; we have none of this name
    raise ImportError(
        "two packages share the import name 'statemachine' here: chat-session-statemachine and python-statemachine, "
        "and pip has written one over the other. Keep one in this environment: "
        "pip uninstall -y python-statemachine chat-session-statemachine, then install the one you want."
    )

from .core.commands import (
    COMMANDS,
    READS,
    Command,
    CreateChat,
    FindChat,
    Poll,
    Post,
    PostCourtesy,
    ReadHistory,
    Upload,
)
from .core.derived import changes, next_deadline, outbox, wake_window
from .core.errors import IllegalIntent
from .core.events import (
    INTENTS,
    Answered,
    AnswerForm,
    AnswerSecureForm,
    Background,
    Batch,
    CancelForm,
    Disconnect,
    End,
    Event,
    Failure,
    FailureKind,
    Foreground,
    Incoming,
    Intent,
    Log,
    MarkDelivered,
    MarkRead,
    Opened,
    Past,
    Pushed,
    Reattach,
    Reauthorized,
    Reply,
    Request,
    Restarted,
    Say,
    Send,
    SendFile,
    StartTyping,
    StopTyping,
    Tick,
    Uploaded,
    json_object,
)
from .core.explain import Explanation, explain
from .core.news import (
    TRANSCRIPT,
    Anomaly,
    CaseChanged,
    Finished,
    FormsChanged,
    HistoryGap,
    Level,
    LinkChanged,
    Notification,
    Outcome,
    PhaseChanged,
    Progress,
    Reason,
    Received,
    RosterChanged,
    Transcript,
    TypingChanged,
)
from .core.reduce import reduce
from .core.session import Config, Session, new_session, past
from .core.wire import ContactCenterEvent, Direction, Entry

if TYPE_CHECKING:
    from .client import ChatClient
    from .codec.snapshot import restore, snapshot

__version__ = "0.1.0"

_LAZY = {"ChatClient": ".client", "restore": ".codec.snapshot", "snapshot": ".codec.snapshot"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "COMMANDS",
    "INTENTS",
    "READS",
    "TRANSCRIPT",
    "Anomaly",
    "AnswerForm",
    "AnswerSecureForm",
    "Answered",
    "Background",
    "Batch",
    "CancelForm",
    "CaseChanged",
    "ChatClient",
    "Command",
    "Config",
    "ContactCenterEvent",
    "CreateChat",
    "Direction",
    "Disconnect",
    "End",
    "Entry",
    "Event",
    "Explanation",
    "Failure",
    "FailureKind",
    "FindChat",
    "Finished",
    "Foreground",
    "FormsChanged",
    "HistoryGap",
    "IllegalIntent",
    "Incoming",
    "Intent",
    "Level",
    "LinkChanged",
    "Log",
    "MarkDelivered",
    "MarkRead",
    "Notification",
    "Opened",
    "Outcome",
    "Past",
    "PhaseChanged",
    "Poll",
    "Post",
    "PostCourtesy",
    "Progress",
    "Pushed",
    "ReadHistory",
    "Reason",
    "Reattach",
    "Reauthorized",
    "Received",
    "Reply",
    "Request",
    "Restarted",
    "RosterChanged",
    "Say",
    "Send",
    "SendFile",
    "Session",
    "StartTyping",
    "StopTyping",
    "Tick",
    "Transcript",
    "TypingChanged",
    "Upload",
    "Uploaded",
    "changes",
    "explain",
    "json_object",
    "new_session",
    "next_deadline",
    "outbox",
    "past",
    "reduce",
    "restore",
    "snapshot",
    "wake_window",
]

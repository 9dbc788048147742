"""The engine: `reduce`, what goes in, what comes out, and the session between. Its public face."""

from __future__ import annotations

from .commands import *
from .derived import can_abort, changes, must_save, next_deadline, outbox, wake_window
from .errors import IllegalIntent
from .events import *
from .explain import Explanation, Move, explain
from .reduce import reduce
from .session import Api, Config, Session, carry_over, new_session
from .tables.reactions import CODES
from .updates import *
from .wire import ContactCenterEvent, Direction, Entry

# fmt: off
__all__ = [
    "CODES", "COMMANDS", "INTENTS", "READS", "TRANSCRIPT", "Anomaly", "AnomalyKind", "AnswerForm", "AnswerSecureForm",
    "Answered", "Api", "Background", "CancelForm", "Carryover", "CaseChanged", "ChatOpened", "ClockChanged", "Command",
    "Config", "ConnectionChanged", "ConnectionState", "ContactCenterEvent", "CreateChat", "DeliveryUpdate",
    "Direction", "Disconnect", "End", "Entry", "Event", "EventBatch", "Explanation", "Failure", "FailureKind",
    "FileUploaded", "FindChat", "Finished", "Foreground", "FormsChanged", "HistoryGap", "HistoryLog",
    "IllegalIntent", "Incoming", "Intent", "MarkDelivered", "MarkRead", "Move", "Notification", "Outcome",
    "Phase", "PhaseChanged", "Poll", "Post", "PostEphemeral", "PushReceived", "ReadHistory", "Reason",
    "Reattach", "Reauthorized", "Received", "Reply", "RequestChat", "Restarted", "RosterChanged", "SendEntry",
    "SendFile", "SendText", "Session", "StartTyping", "StatusUpdate", "StopTyping", "Tick", "TranscriptUpdate",
    "TypingChanged", "Update", "Upload", "can_abort", "carry_over", "changes", "explain", "json_object",
    "must_save", "new_session", "next_deadline", "outbox", "reduce", "wake_window",
]
# fmt: on

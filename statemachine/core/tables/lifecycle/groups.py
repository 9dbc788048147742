"""Named groups of states, events and reasons that the lifecycle's rows share."""

from __future__ import annotations

from typing import Final

from ... import signals as sig
from ... import wire
from ...actions import conversation as say
from ...actions import participants
from ...session import LIVE, AgentJoined, Connected, Connecting, Ending, Establishing, Idle, Ivr, Queued, Requesting

OPEN: Final = (*LIVE, Ending)
"""The server still speaks."""
WAITING: Final = (Idle, Requesting)
"""No chat yet."""
TALKING: Final = (Connected, AgentJoined)
BEFORE_AGENT: Final = (Establishing, Ivr, Queued, Connecting)

STATUSES: Final = (
    sig.StatusEstablishing,
    sig.StatusIvr,
    sig.StatusQueued,
    sig.StatusConnecting,
    sig.StatusConnected,
    sig.StatusOther,
)
TERMINAL_SIGNALS: Final = (
    wire.SessionEnded,
    wire.InactivityTimeout,
    sig.StatusCompleted,
    sig.StatusFailed,
    sig.ChatGone,
)
"""Any one of these suffices (protocol.md 2.2)."""

CLOSE: Final = (participants.close_room, say.drop_ephemeral)
TOLD_ENDED: Final = (say.told_ended, *CLOSE)

NO_CHAT: Final = "no chat is open yet"
OVER: Final = "the session is over"
OVER_INTENT: Final = "the session is over; request a new one"
NOT_STARTED: Final = "request a chat first"
IS_ENDING: Final = "the session is being ended; wait for its outcome, then request a new one"
ENDING_STAGE: Final = "the customer has ended it; only its end matters now"
ONLY_OPENING: Final = "only awaited while a chat is being opened"
TOO_LONG: Final = "a text in it is longer than the limit of this session (Config.text_limit)"

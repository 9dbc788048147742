"""What the server reports as the session's stage, and what its parties tell."""

from __future__ import annotations

from typing import Final

from ... import signals as sig
from ... import wire
from ...actions import conversation as say
from ...actions import participants
from ...session import (
    LIVE,
    TERMINAL,
    AgentJoined,
    Connected,
    Connecting,
    Ending,
    Establishing,
    Ivr,
    Queued,
    WrappingUp,
)
from ...table import STAY, Row, ignore, row, rows
from .groups import BEFORE_AGENT, ENDING_STAGE, NO_CHAT, OPEN, OVER, STATUSES, TALKING, WAITING


def _stages() -> tuple[Row, ...]:
    """What the server reports as the session's stage, and what its parties tell."""
    known = (Ivr, Queued, Connecting, Connected, AgentJoined, WrappingUp)
    return rows(
        ignore(Establishing, sig.StatusEstablishing, "known"),
        ignore(known, sig.StatusEstablishing, "a later stage is known already"),
        row((Establishing, Queued, Connecting), sig.StatusIvr, Ivr, why="a scenario runs", ref="2.1; 9"),
        ignore(Ivr, sig.StatusIvr, "known"),
        row(TALKING, sig.StatusIvr, WrappingUp, why="the scenario has it again: the conversation is over", ref="2.1"),
        ignore(WrappingUp, sig.StatusIvr, "known"),
        row(
            LIVE,
            sig.StatusQueued,
            Queued,
            make=participants.queued,
            why="waiting for an agent, or for another one",
            ref="9",
        ),
        row(
            (Establishing, Ivr, Queued, Connected, WrappingUp),
            sig.StatusConnecting,
            Connecting,
            why="an agent is reserved",
            ref="2.1; 9",
        ),
        ignore(Connecting, sig.StatusConnecting, "known"),
        ignore(AgentJoined, (sig.StatusConnecting, sig.StatusConnected), "an agent is here already"),
        row(
            (Establishing, Ivr, Queued, Connecting, Connected, WrappingUp),
            sig.StatusConnected,
            AgentJoined,
            when=participants.has_agent,
            do=participants.close_prompts,
            why="connected and joined may come in either order",
            ref="2.3 step 4; 10 row 10",
        ),
        row(
            (Establishing, Ivr, Queued, Connecting, WrappingUp),
            sig.StatusConnected,
            Connected,
            do=participants.close_prompts,
            why="an agent accepted; the roster will say who",
            ref="2.1",
        ),
        ignore(Connected, sig.StatusConnected, "known"),
        row(
            LIVE,
            sig.StatusOther,
            STAY,
            do=say.note_unknown_state,
            why="open enum: the last known stage holds",
            ref="2.1",
        ),
        ignore(Ending, STATUSES, ENDING_STAGE),
        ignore(WAITING, STATUSES, NO_CHAT),
        ignore(TERMINAL, STATUSES, OVER),
        row(
            (Establishing, Ivr, Queued, Connecting, Connected, WrappingUp),
            wire.PartyJoined,
            AgentJoined,
            when=participants.joins_as_agent,
            do=(participants.admit, participants.close_prompts),
            why="an agent in the room is a conversation, whatever the status says yet",
            ref="9; 10 row 9",
        ),
        row(OPEN, wire.PartyJoined, STAY, do=participants.admit, why="on the roster", ref="3.1"),
        row(
            AgentJoined,
            wire.PartyLeft,
            WrappingUp,
            when=participants.is_last_agent,
            do=participants.dismiss,
            why="the conversation is over, the session is not",
            ref="2.2; 6.3",
        ),
        row(
            OPEN,
            wire.PartyLeft,
            STAY,
            do=participants.dismiss,
            why="off the roster; tolerated when unknown",
            ref="8 F33",
        ),
        ignore(WAITING, (wire.PartyJoined, wire.PartyLeft), NO_CHAT),
        ignore(TERMINAL, (wire.PartyJoined, wire.PartyLeft), OVER),
        row(
            TALKING,
            sig.DisconnectSent,
            WrappingUp,
            do=participants.dismiss_agents,
            why="the conversation is over by our own word",
            ref="6.2",
        ),
        row(
            (Establishing, Ivr, Queued, Connecting, WrappingUp),
            sig.RosterRead,
            AgentJoined,
            when=participants.has_new_agent,
            do=participants.close_prompts,
            why="an agent joined while events were lost",
            ref="D2.11; 10 row 9",
        ),
        row(
            Connected,
            sig.RosterRead,
            AgentJoined,
            when=participants.has_agent,
            why="reattached to a conversation: the log says with whom",
            ref="D2.11",
        ),
        row(
            AgentJoined,
            sig.RosterRead,
            WrappingUp,
            when=participants.has_no_agent,
            why="the last agent left while events were lost",
            ref="D2.11; 6.3",
        ),
        ignore(LIVE, sig.RosterRead, "as known"),
        ignore(Ending, sig.RosterRead, ENDING_STAGE),
        ignore(WAITING, sig.RosterRead, NO_CHAT),
        ignore(TERMINAL, sig.RosterRead, OVER),
        ignore((*BEFORE_AGENT, WrappingUp, Ending), sig.DisconnectSent, "no conversation to end"),
        ignore(WAITING, sig.DisconnectSent, NO_CHAT),
        ignore(TERMINAL, sig.DisconnectSent, OVER),
    )


ROWS: Final = _stages()

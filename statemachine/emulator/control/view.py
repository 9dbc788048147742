"""How chats look from outside: plain JSON values of what the server knows."""

from __future__ import annotations

from typing import Any

import attrs

from statemachine.emulator.chat import Chat, LogEntry

__all__ = ["chat_data", "entry_data", "phase"]


def phase(chat: Chat) -> str:
    """The state of the lifecycle's picture that fits what the server knows; its names, and not the client's state.

    A client hears of everything a moment later, and the server never hears of some things: the two may differ.
    """
    if chat.terminal is not None:
        return "ended" if chat.terminal == "completed" else chat.terminal
    if not chat.known:
        return "gone"
    if chat.leaving == "end":
        return "ending"
    if chat.state in ("queued", "connecting"):
        return chat.state
    if chat.leaving == "disconnect":
        return "wrapping_up"
    if chat.on_duty() is not None:
        return "agent_joined"
    had_agent = any(party.type != "scenario" for party in chat.parties.values())
    return "wrapping_up" if had_agent else chat.state


def chat_data(chat: Chat) -> dict[str, Any]:
    """All but the log. Times in milliseconds since the epoch, ``ewt`` in seconds."""
    return {
        "chat_id": chat.chat_id,
        "client": {"tenant": chat.key.tenant, "app_id": chat.key.app_id, "client_id": chat.key.client_id},
        "version": chat.version,
        "created_at": chat.created_at,
        "ended_at": chat.ended_at,
        "phase": phase(chat),
        "state": chat.state,
        "warned": chat.live and chat.warned,
        "live": chat.live,
        "terminal": chat.terminal,
        "ewt": chat.ewt,
        "parties": [attrs.asdict(party) for party in chat.parties.values()],
        "forms": [attrs.asdict(form) for form in chat.forms.values()],
        "case_id": chat.case_id,
        "parameters": chat.parameters,
        "polling": chat.held is not None and not chat.held.cut,
        "polls": chat.polls,
        "pending": len(chat.pending),
        "entries": len(chat.log),
    }


def entry_data(entry: LogEntry) -> dict[str, Any]:
    """One event of the log, with its time and direction."""
    return {"at": entry.at, "direction": entry.direction, "event": entry.event}

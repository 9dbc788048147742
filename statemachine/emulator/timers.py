"""The server's clocks for one chat: hold, script, inactivity, and a client that stopped polling."""

from __future__ import annotations

from statemachine.emulator import agents, runner
from statemachine.emulator.actions import TimeOut, Warn
from statemachine.emulator.chat import Chat
from statemachine.emulator.knobs import Knobs
from statemachine.emulator.state import CentreState


def next_due(chat: Chat, knobs: Knobs) -> int | None:
    """The earliest moment at which this chat needs attention, or None."""
    dues: list[int | None] = [chat.held.until if chat.held is not None else None]
    if chat.live:
        dues += [runner.next_wake(chat), _idle_due(chat, knobs), _drop_due(chat, knobs)]
    return min((due for due in dues if due is not None), default=None)


def fire(state: CentreState, chat: Chat, now: int) -> None:
    """Fire the timers that are due at ``now``, but for the hold: only the caller can answer a poll."""
    for step in (runner.run, _fire_idle, _fire_drop):
        if chat.live:
            step(state, chat, now)


def _fire_drop(state: CentreState, chat: Chat, now: int) -> None:
    due = _drop_due(chat, state.knobs)
    if due is not None and due <= now:
        agents.end_chat(chat, now, "gone")
        chat.known = False
        chat.pending.clear()


def _drop_due(chat: Chat, knobs: Knobs) -> int | None:
    """None while a poll waits: polls keep a session alive (section 4)."""
    if knobs.drop_without_polls_ms is None or (chat.held is not None and not chat.held.cut):
        return None
    return chat.alive_at + knobs.drop_without_polls_ms


def _idle_due(chat: Chat, knobs: Knobs) -> int | None:
    if knobs.inactivity_timeout_ms is None or chat.idle_since is None:
        return None
    limit = knobs.inactivity_timeout_ms
    if chat.warnings >= knobs.inactivity_warnings:
        return chat.idle_since + limit
    # The first warning comes at half of the time (6.1), a second one half-way between it and the end.
    return chat.idle_since + (limit // 2 if chat.warnings == 0 else limit * 3 // 4)


def _fire_idle(state: CentreState, chat: Chat, now: int) -> None:
    knobs = state.knobs
    due = _idle_due(chat, knobs)
    while due is not None and due <= now and chat.live:
        if chat.warnings < knobs.inactivity_warnings:
            chat.warnings += 1
            agents.perform(state, chat, now, Warn())
        else:
            agents.perform(state, chat, now, TimeOut())
        due = _idle_due(chat, knobs)

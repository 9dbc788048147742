"""Runs the steps of a script, and the reactions to the client's texts."""

from __future__ import annotations

from attrs import evolve

from statemachine.emulator import agents, names
from statemachine.emulator.chat import Chat
from statemachine.emulator.knobs import Knobs
from statemachine.emulator.shapes import Event
from statemachine.emulator.state import CentreState
from statemachine.emulator.steps import AnswerTexts, Await, Branch, Cause, Condition, Pause, Repeat, Step, Track


def start(state: CentreState, chat: Chat, now: int) -> None:
    """Begin the scenario's script."""
    chat.script.replace(chat.scenario.script)
    run(state, chat, now)


def run(state: CentreState, chat: Chat, now: int) -> None:
    """Do everything that is due. The script goes first: it may be what lets the reactions begin."""
    _walk(state, chat, chat.script, now)
    if chat.listening:
        _walk(state, chat, chat.reactions, now)


def next_wake(chat: Chat) -> int | None:
    """When ``run`` has something to do next; None: only after the client or an agent did something."""
    wakes = [chat.script.wake, chat.reactions.wake if chat.listening else None]
    return min((wake for wake in wakes if wake is not None), default=None)


def client_did(state: CentreState, chat: Chat, now: int, event: Event) -> None:
    """A client's event arrived: it ends a wait, starts a reaction, or sends the script elsewhere."""
    name = str(event["event"])
    chat.latest_event = name
    scenario = chat.scenario
    chat.seen.add(name)
    if name == names.END:
        _turn_to(chat, scenario.on_end)
    elif name == names.DISCONNECT:
        _turn_to(chat, scenario.on_disconnect)
    elif name == names.MESSAGE:
        msg_id, text = chat.texts_received[-1]
        cause = Cause(msg_id, text)
        chat.reactions.steps.extend((step, cause) for step in scenario.on_text)
    awaiting = chat.script.awaiting
    if awaiting is not None and name in awaiting.events:
        _stop_waiting(chat)
    run(state, chat, now)


def _turn_to(chat: Chat, steps: tuple[Step, ...]) -> None:
    """The conversation is over: earlier texts get no answer. A scenario without such steps continues."""
    if steps:
        chat.reactions.replace(())
        chat.script.replace(steps)


def _stop_waiting(chat: Chat) -> None:
    chat.script.awaiting = None
    chat.script.wake = None
    chat.seen.clear()


def _walk(state: CentreState, chat: Chat, track: Track, now: int) -> None:
    while True:
        if track.wake is not None and track.wake > now:
            return
        if track.awaiting is not None:
            if track.wake is None:
                return
            _give_up_waiting(chat, track)
        track.wake = None
        if not track.steps:
            return
        step, cause = track.steps.pop(0)
        _take(state, chat, track, now, step, cause)


def _give_up_waiting(chat: Chat, track: Track) -> None:
    awaiting = track.awaiting
    if awaiting is not None:
        track.steps[:0] = [(step, None) for step in awaiting.otherwise]
        _stop_waiting(chat)


def _take(state: CentreState, chat: Chat, track: Track, now: int, step: Step, cause: Cause | None) -> None:
    if isinstance(step, Pause):
        track.wake = now + _scaled(state.knobs, step.ms)
    elif isinstance(step, Await):
        if step.earlier and chat.seen & set(step.events):
            chat.seen.clear()
            return
        chat.seen.clear()
        track.awaiting = step
        track.wake = None if step.timeout_ms is None else now + _scaled(state.knobs, step.timeout_ms)
    elif isinstance(step, AnswerTexts):
        chat.listening = True
    elif isinstance(step, Branch):
        chosen = step.then if _holds(state.knobs, chat, step.condition, cause) else step.otherwise
        track.steps[:0] = [(one, cause) for one in chosen]
    elif isinstance(step, Repeat):
        _repeat(state, chat, track, now, step, cause)
    else:
        action = step if cause is None else agents.about_text(step, cause.msg_id, cause.text)
        agents.perform(state, chat, now, action)


def _repeat(state: CentreState, chat: Chat, track: Track, now: int, step: Repeat, cause: Cause | None) -> None:
    if step.times == 0:
        return
    if step.started and step.until is not None and _holds(state.knobs, chat, step.until, cause):
        return
    left = evolve(step, times=None if step.times is None else step.times - 1, started=True)
    track.steps[:0] = [(one, cause) for one in (*step.steps, left)]
    if step.started:
        track.wake = now + 1


def _holds(knobs: Knobs, chat: Chat, condition: Condition, cause: Cause | None) -> bool:
    if condition.says:
        latest = chat.texts_received[-1][1] if chat.texts_received else ""
        text = (latest if cause is None else cause.text).casefold()
        if not any(one.casefold() in text for one in condition.says):
            return False
    if condition.event and chat.latest_event not in condition.event:
        return False
    if any(chat.form_data.get(name) != value for name, value in condition.form.items()):
        return False
    return all(getattr(knobs, name) == value for name, value in condition.knobs.items())


def _scaled(knobs: Knobs, milliseconds: int) -> int:
    return round(milliseconds * knobs.pace)

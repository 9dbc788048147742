"""Traces through the player: events of the engine itself, compared with the recorded phases and commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from .. import core
from ..codec.trace import RecordedStep, header_line, step_line
from ..core import Answered, Command, Event, EventBatch, Failure, Session, wire
from ..version import __version__
from .capture import Part, TraceHeader
from .player import Replay, StepOutputs, TimelineRow, anomaly_words, live_entries
from .words import command_words, reply_words


def play_trace(replay: Replay, parts: Sequence[Part]) -> None:
    """The steps of one or more traces. The first difference is noted, the later ones follow from it."""
    parted = False
    for index, part in enumerate(parts):
        if isinstance(part, TraceHeader):
            following = parts[index + 1] if index + 1 < len(parts) else None
            _begin(replay, part, following.event if isinstance(following, RecordedStep) else None)
            parted = False
        elif isinstance(part, RecordedStep):
            parted = _repeat(replay, part, parted)


def trace_lines(replay: Replay) -> Iterator[str]:
    """The steps of the engine as the lines of a trace, with all texts that the capture has."""
    last: Session | None = None
    for step in replay.steps:
        if step.before is not last:
            yield header_line(f"chat-session-statemachine {__version__} replay", step.before, redacted=False)
        last = step.after
        _, outputs = core.reduce(step.before, step.event)
        yield step_line(RecordedStep.of(step.event, last.phase, outputs), redacted=False)


def _begin(replay: Replay, part: TraceHeader, first: Event | None) -> None:
    if part.session is not None:
        replay.session = part.session
        for one in part.session.participants.parties:
            replay.names.learn(wire.PartyJoined(one.id, one.type, one.first_name, one.last_name, one.display_name))
    elif first is not None:
        replay.session = core.new_session(first.at)


def _repeat(replay: Replay, step: RecordedStep, parted: bool) -> bool:
    """Whether the engine differs from the trace, here or before (`parted`)."""
    before = replay.session
    refused: tuple[str, ...] = ()
    result = StepOutputs()
    try:
        result = replay.step(step.event)
    except core.IllegalIntent as refusal:
        refused = (f"the engine refuses this: {refusal.reason}",)
    replay.chat_id = replay.names.chat_id = replay.session.chat.chat_id or replay.chat_id
    differences = _differences(replay.session, result, step)
    notes = (*refused, *(() if parted else differences))
    if isinstance(step.event, Answered) and isinstance(step.event.reply, core.HistoryLog):
        replay.count(step.event.reply.entries)
        for entry in step.event.reply.entries:
            replay.names.learn(entry)
    if entries := live_entries(step.event):
        replay.batch_rows(before, entries, entries, step.event.at, result, notes)
    else:
        replay.rows.append(_row(step.event, before, replay.session, result, notes))
    return parted or bool(differences)


def _differences(session: Session, result: StepOutputs, step: RecordedStep) -> tuple[str, ...]:
    """Where the engine does not do what it did when the trace was written.

    Besides another version, hidden texts are a cause: two that had no id and the same length are one text here.
    """
    if session.phase != step.phase:
        return (f"from here on the engine differs from the trace, where the phase is {step.phase}",)
    if _calls(result.commands) != _calls(step.commands):
        return ("from here on the engine differs from the trace in what is to be done",)
    return ()


def _calls(commands: tuple[Command, ...]) -> list[tuple[str, int]]:
    """The parts of commands that can be compared where the trace hides texts."""
    return [(type(command).__name__, command.id) for command in commands]


# --- other events ---------------------------------------------------------------------------------------------------

_INTENTS: Final[dict[type[core.Intent], str]] = {
    core.RequestChat: "asks for a chat",
    core.Reattach: "looks for the chat",
    core.SendText: "says",
    core.SendFile: "sends a file",
    core.AnswerForm: "answers a form",
    core.AnswerSecureForm: "answers a secure form",
    core.CancelForm: "cancels a form",
    core.Disconnect: "ends the conversation",
    core.End: "ends the session",
    core.StartTyping: "types",
    core.StopTyping: "stops typing",
    core.MarkDelivered: "has received a message",
    core.MarkRead: "has read a message",
    core.Background: "looks away",
    core.Foreground: "looks again",
    core.PushReceived: "is woken by a push message",
    core.Reauthorized: "has new credentials",
    core.SendEntry: "sends something",
}


def _row(event: Event, before: Session, after: Session, result: StepOutputs, notes: tuple[str, ...]) -> TimelineRow:
    who, what = _words(event, before)
    odd = (*anomaly_words(result.anomalies), *notes)
    quiet = not odd and before.phase == after.phase and not isinstance(event, core.INTENTS)
    quiet = quiet and not (isinstance(event, Answered) and isinstance(event.reply, Failure))
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in type(event).__name__).removeprefix("_")
    return TimelineRow(event.at, name, who, what, after.phase, result.commands, odd, quiet)


def _words(event: Event, before: Session) -> tuple[str, str]:
    """(who, what)."""
    if isinstance(event, Answered):
        return ("network" if isinstance(event.reply, Failure) else "centre"), _answer_words(event, before)
    if isinstance(event, core.INTENTS):
        text: str | None = getattr(event, "text", None)
        return "customer", _INTENTS[type(event)] + (f': "{text}"' if text else "")
    return "clock", "the process is back" if isinstance(event, core.Restarted) else "time passes"


def _answer_words(event: Answered, before: Session) -> str:
    """The answer, and to what."""
    command = next((one for one in core.outbox(before) if one.id == event.command), None)
    said = reply_words(event.reply)
    if isinstance(event.reply, EventBatch) and isinstance(command, core.Post | core.PostEphemeral):
        said = "accepted"
    return f"{command_words([command])}: {said}" if command else f"{said}, for no owed command"

"""`play`: the whole capture, part after part, whatever form each file had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, TypeGuard

from attrs import field, frozen

from ..codec.trace import Step
from ..core.commands import Poll
from ..core.errors import IllegalIntent
from ..core.events import INTENTS, Answered, Background, Batch, Event, Failure, Foreground, Incoming, Log, Reattach
from ..core.news import Anomaly
from ..core.session import LinkPaused, Session, new_session
from ..core.wire import Entry
from .calls import play_calls
from .capture import Arrived, Capture, Part, TraceBegins
from .har import Call
from .player import PLACEHOLDER, Made, Player, Row, Said, anomaly_words
from .words import Names, reply_words

__all__ = ["Replay", "play"]


@frozen
class Replay:
    """What came of it. `events`: entries read, with those of no known name and those that cannot be read.

    `chat_id`: "" where nothing tells it. `progress`: state of each item sent. `left_out`: calls of other chats.
    """

    session: Session
    rows: tuple[Row, ...]
    said: tuple[Said, ...]
    events: int
    unknown: int
    malformed: int
    chat_id: str
    names: Names = field(eq=False)
    anomalies: tuple[Anomaly, ...]
    forms: tuple[str, ...]
    progress: dict[str, str]
    items: dict[str, str]
    left_out: int = 0


def play(capture: Capture, chat_id: str = "") -> Replay:
    """Replay a capture. `chat_id`: the chat it is about; where "", the one the capture names."""
    chat_id = chat_id or capture.chat_id
    parts = [part for part in capture.parts if not _of_another_chat(part, chat_id)]
    calls = [part for part in parts if isinstance(part, Call)]
    player = Player(
        chat_id,
        api=next((call.api for call in calls), "v2"),
        start=calls[0].at if calls else _first_time(parts),
        clock=bool(calls) or any(isinstance(part, TraceBegins) for part in parts),
    )
    for kind, group in groupby(parts, key=_family):
        _PLAY[kind](player, list(group))
    return Replay(
        player.session,
        tuple(player.rows),
        tuple(player.said),
        player.events,
        player.unknown,
        player.malformed,
        player.chat_id if player.chat_id != PLACEHOLDER else "",
        player.names,
        tuple(player.anomalies),
        capture.forms,
        player.progress,
        player.items,
        len(capture.parts) - len(parts),
    )


def _of_another_chat(part: Part, chat_id: str) -> bool:
    return isinstance(part, Call) and bool(part.chat_id) and part.chat_id.lower() != chat_id.lower()


def _first_time(parts: Iterable[Part]) -> int:
    """The first time that an entry tells."""
    for part in parts:
        for entry in part.entries if isinstance(part, Arrived) else ():
            time: int | None = getattr(entry, "timestamp", None)
            if time is not None:
                return time
    return 0


def _family(part: Part) -> str:
    if isinstance(part, Arrived):
        return "entries"
    return "calls" if isinstance(part, Call) else "trace"


# --- bare entries ---------------------------------------------------------------------------------------------------


def _play_entries(player: Player, parts: list[Part]) -> None:
    for part in parts:
        if isinstance(part, Arrived) and part.entries:
            _arrive(player, part)


def _arrive(player: Player, part: Arrived) -> None:
    """Server events of a chat that is taken for one under way."""
    times = [t for e in part.entries if (t := getattr(e, "timestamp", None)) is not None]
    at = max([player.session.now, *times])
    made = Made()
    if player.session.phase == "idle":
        made = player.feed(Reattach(at, "replay", player.chat_id or PLACEHOLDER))
    made += _listen(player, at, part.single)
    answer = None if part.single else player.owed(Poll)
    player.deliver(part.entries, at, answer, made)


def _listen(player: Player, at: int, single: bool) -> Made:
    """Containers are answers of polls. Events by themselves came some other way: nothing is polled for them."""
    paused = isinstance(player.session.link, LinkPaused)
    if player.session.outcome is not None or paused == single:
        return Made()
    return player.feed(Background(at) if single else Foreground(at))


# --- calls ----------------------------------------------------------------------------------------------------------


def _play_calls(player: Player, parts: list[Part]) -> None:
    play_calls(player, tuple(part for part in parts if isinstance(part, Call)))


# --- traces ---------------------------------------------------------------------------------------------------------


def _play_trace(player: Player, parts: list[Part]) -> None:
    """A trace holds the engine's own events: nothing has to be found out, and what was recorded can be compared."""
    for index, part in enumerate(parts):
        if isinstance(part, TraceBegins):
            following = parts[index + 1] if index + 1 < len(parts) else None
            _begin_trace(player, part, following.event if isinstance(following, Step) else None)
        elif isinstance(part, Step):
            _repeat(player, part)


def _begin_trace(player: Player, part: TraceBegins, first: Event | None) -> None:
    if part.session is not None:
        player.session = part.session
    elif first is not None:
        player.session = new_session(first.at)


def _repeat(player: Player, step: Step) -> None:
    before = player.session
    try:
        made, refused = player.step(step.event), ""
    except IllegalIntent as refusal:
        made, refused = Made(), f"the engine refuses this: {refusal.reason}"
    player.chat_id = player.names.chat_id = player.session.chat.chat_id or player.chat_id
    notes = (refused,) if refused else ()
    if player.session.phase != step.phase:
        notes += (f"differs from the trace, where the phase is {step.phase}",)
    elif made.commands != step.commands and not _redacted(step):
        notes += ("differs from the trace in what is to be done",)
    entries = _entries(step.event)
    if entries:
        _entry_rows(player, before, step.event, entries, made, notes)
    else:
        who, what = _event_words(step.event)
        quiet = not notes and not made.anomalies and before.phase == player.session.phase and not _is_intent(step.event)
        odd = (*anomaly_words(made.anomalies), *notes)
        name = _event_name(step.event)
        player.rows.append(Row(step.event.at, name, who, what, player.session.phase, made.commands, odd, quiet))


def _entry_rows(
    player: Player, before: Session, event: Event, entries: tuple[Entry, ...], made: Made, notes: tuple[str, ...]
) -> None:
    last = len(entries) - 1
    for index, (entry, phase) in enumerate(zip(entries, _phases(before, event.at, entries), strict=True)):
        final = index == last
        player.entry_row(
            entry,
            event.at,
            player.session.phase if final else phase,
            commands=made.commands if final else (),
            notes=(*anomaly_words(made.anomalies), *notes) if final else (),
        )


def _phases(session: Session, at: int, entries: tuple[Entry, ...]) -> Iterator[str]:
    from ..core.reduce import reduce

    for entry in entries:
        session, _ = reduce(session, Incoming(at, (entry,)))
        yield session.phase


def _redacted(step: Step) -> bool:
    """A redacted trace has lost the texts that its commands are made of."""
    return any(" chars>" in repr(command) for command in step.commands)


def _entries(event: Event) -> tuple[Entry, ...]:
    """The server events within; those of a history are the past, and told by what comes of them."""
    if isinstance(event, Incoming):
        return event.entries
    if isinstance(event, Answered) and isinstance(event.reply, Batch):
        return event.reply.entries
    return ()


def _is_intent(event: Event) -> TypeGuard[Event]:
    return isinstance(event, INTENTS)


_INTENT_WORDS: Final = {
    "Request": "asks for a chat",
    "Reattach": "looks for the chat",
    "Say": "says something",
    "SendFile": "sends a file",
    "AnswerForm": "answers a form",
    "AnswerSecureForm": "answers a secure form",
    "CancelForm": "cancels a form",
    "Disconnect": "ends the conversation",
    "End": "ends the session",
    "StartTyping": "types",
    "StopTyping": "stops typing",
    "MarkRead": "has read a message",
    "Background": "looks away",
    "Foreground": "looks again",
    "Pushed": "is woken by a push message",
    "Reauthorized": "has new credentials",
}


def _event_words(event: Event) -> tuple[str, str]:
    if isinstance(event, Answered):
        return ("network" if isinstance(event.reply, Failure) else "centre"), reply_words(event.reply)
    name = type(event).__name__
    if _is_intent(event):
        text = getattr(event, "text", None)
        said = f': "{text}"' if text else ""
        return "customer", _INTENT_WORDS.get(name, "sends something") + said
    return "clock", "the process is back" if name == "Restarted" else "time passes"


def _event_name(event: Event) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in type(event).__name__).removeprefix("_")


_PLAY: Final = {"entries": _play_entries, "calls": _play_calls, "trace": _play_trace}

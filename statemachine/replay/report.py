"""A replay as one JSON object, and its outcome in a sentence."""

from __future__ import annotations

from collections import Counter

from ..codec.records import encode_command
from ..core import Command, Poll, Upload
from ..core.session import DEFAULT_CONFIG
from ..durations import duration_words
from .player import Replay, TimelineRow, TranscriptLine
from .words import OUTCOMES, party_name

Object = dict[str, object]


def report(replay: Replay) -> Object:
    """The JSON object of `statemachine replay --json`. Times are milliseconds since the epoch (UTC), or null."""
    captured = {item: msg_id for msg_id, item in replay.items.items()}
    return {
        "phase": replay.session.phase,
        "outcome": replay.session.outcome,
        "chat_id": replay.chat_id or None,
        "events": replay.events,
        "unknown": replay.unknown,
        "malformed": replay.malformed,
        "unread": replay.unread,
        "parties": _parties(replay),
        "messages": [_message(replay, said, captured) for said in replay.transcript],
        "anomalies": [{"at": a.at or None, "kind": a.kind, "detail": a.detail} for a in replay.anomalies],
        "timeline": [_step(row) for row in replay.rows],
    }


def _parties(replay: Replay) -> list[Object]:
    """All parties in order of joining; `present`: in the chat at the end."""
    present = {party.id.lower() for party in replay.session.participants.parties}
    return [
        {"id": one.party_id, "name": party_name(one), "type": one.type or None, "present": key in present}
        for key, one in replay.names.parties.items()
    ]


def _message(replay: Replay, said: TranscriptLine, captured: dict[str, str]) -> Object:
    """`captured`: item -> message id in the capture."""
    return {
        "type": said.type,
        "text": said.text,
        "own": said.own,
        "party": said.party or None,
        "msg_id": captured.get(said.item, said.item) or said.msg_id or None,
        "time": said.time,
        "late": said.late,
        "historic": said.historic,
        "state": replay.progress.get(said.item, "pending") if said.item else None,
    }


def _step(row: TimelineRow) -> Object:
    return {
        "event": row.event,
        "phase": row.phase,
        "commands": [_command(command) for command in row.commands],
        "at": row.at,
        "who": row.who,
        "what": row.what,
        "notes": list(row.notes),
    }


def _command(command: Command) -> Object:
    """The command with its timeout outside a replay."""
    longest = DEFAULT_CONFIG.poll_timeout if isinstance(command, Poll) else DEFAULT_CONFIG.request_timeout
    if isinstance(command, Upload):
        longest = DEFAULT_CONFIG.upload_timeout
    return {**encode_command(command), "timeout": min(command.timeout, longest)}


# --- the outcome, in a sentence -------------------------------------------------------------------------------------


def sentence(replay: Replay) -> str:
    """How it ended."""
    session, times = replay.session, [row.at for row in replay.rows if row.at]
    lasted = f", after {duration_words(max(times) - min(times))}" if len(times) > 1 and max(times) > min(times) else ""
    if session.outcome is not None:
        return f"{OUTCOMES[session.outcome]} (outcome {session.outcome}){lasted}."
    if session.phase == "idle":
        return "No chat came about."
    return f"The capture stops in phase {session.phase}{lasted}; the chat is still open."


def counts(replay: Replay) -> str:
    """Counts of the entries that were read."""
    kinds = Counter("own" if said.own else "others" for said in replay.transcript)
    parts = [_number(replay.events, "event"), _number(kinds.total(), "message")]
    if replay.unknown:
        parts.append(f"{replay.unknown} of no known name")
    if replay.malformed:
        parts.append(f"{replay.malformed} that cannot be read")
    if replay.unread:
        parts.append(f"{_number(replay.unread, 'call')} of which the file does not show everything")
    if replay.left_out:
        parts.append(f"{_number(replay.left_out, 'call')} of other chats left out (--chat-id picks a chat)")
    return ", ".join(parts)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

"""A replay as a story: three sentences, then the states and the reasons of each step. Plain data, for a page.

Equal states and explanations are stored once and referred to by index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from attrs import asdict, fields

from ..core import Session, explain, outbox
from ..diagrams import lifecycle_outline
from ..durations import duration_words
from ..sources import in_words
from .player import Replay, ReplayedStep, TimelineRow, TranscriptLine
from .report import sentence
from .words import CUSTOMER, command_words

Object: TypeAlias = dict[str, Any]

CENTRE: Final = ("centre", "network")
ENGINE: Final = ("clock", "engine")


class _Distinct:
    """A list of distinct values: `place` returns the index of one."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, key: Any, value: Any) -> int:
        known = self._places.setdefault(repr(key), len(self.values))
        if known == len(self.values):
            self.values.append(value)
        return known


def story(replay: Replay, title: str) -> Object:
    """All data of the page. `title`: names of the replayed files."""
    states, moves = _Distinct(), _Distinct()
    steps = _by_row(replay.steps, len(replay.rows))
    rows: list[Object] = []
    session = replay.steps[0].before if replay.steps else replay.session
    for row, mine in zip(replay.rows, steps, strict=True):
        every = [*mine, row.between] if row.between is not None else mine
        session = every[-1].after if every else session
        rows.append(_row(row, session, every, states, moves))
    return {
        "title": title,
        "chat": replay.chat_id,
        "sentences": sentences(replay),
        "rows": rows,
        "states": states.values,
        "moves": moves.values,
        "said": [_said(replay, one) for one in replay.transcript],
        "lifecycle": lifecycle_outline(),
    }


def _by_row(steps: Iterable[ReplayedStep], rows: int) -> list[list[ReplayedStep]]:
    """The steps that led to each row; what came after the last row belongs to it."""
    found: list[list[ReplayedStep]] = [[] for _ in range(rows)]
    for step in steps:
        if rows:
            found[min(step.row, rows - 1)].append(step)
    return found


# --- the three sentences --------------------------------------------------------------------------------------------


def sentences(replay: Replay) -> list[str]:
    """The waiting time, the outcome, and the messages that never arrived."""
    return [_waited(replay.rows), sentence(replay), _arrived(replay)]


def _waited(rows: Iterable[TimelineRow]) -> str:
    timed = [(row.at, row.phase) for row in rows if row.at]
    if not timed:
        return "The waiting time is unknown: the capture has no times."
    began = timed[0][0]
    met = next((at for at, phase in timed if phase == "agent_joined"), None)
    if met is None:
        return f"The customer waited {duration_words(timed[-1][0] - began)}, and no agent ever joined."
    if met == began:
        return "An agent had joined before the capture begins."
    return f"The customer waited {duration_words(met - began)} for an agent."


def _arrived(replay: Replay) -> str:
    own = [one for one in replay.transcript if one.item]
    lost = [one for one in own if replay.progress.get(one.item) == "failed"]
    open_ = [one for one in own if one.item not in replay.progress]
    gaps = sum(step.gap for step in replay.steps)
    parts = [
        *([f"{_of(len(lost), own)} certainly or probably never arrived"] if lost else []),
        *([f"{_of(len(open_), own)} had not arrived when it stopped"] if open_ else []),
        *(["something that was said may be missing, because the log no longer reached back to it"] if gaps else []),
    ]
    if parts:
        return f"{'; '.join(parts)}."
    return "Everything that the customer sent arrived." if own else "The customer sent nothing."


def _of(count: int, whole: list[TranscriptLine]) -> str:
    if len(whole) == 1:
        return "The one thing that the customer sent"
    return f"{count} of the {len(whole)} things that the customer sent"


# --- rows -----------------------------------------------------------------------------------------------------------


def _row(row: TimelineRow, session: Session, steps: list[ReplayedStep], states: _Distinct, moves: _Distinct) -> Object:
    state = _state(session)
    return {
        "at": row.at,
        "from": lane(row.who),
        "who": row.who,
        "what": row.what,
        "phase": row.phase,
        "does": command_words(row.commands),
        "notes": list(row.notes),
        "quiet": row.quiet,
        "between": row.between is not None,
        "state": states.place(state, state),
        "moves": [place for step in steps for place in _moves(step, moves)],
    }


def lane(who: str) -> str:
    """The participant of the sequence diagram."""
    if who == CUSTOMER:
        return "customer"
    return "engine" if who in ENGINE else "server" if who in CENTRE else "agents"


def _state(session: Session) -> Object:
    return {
        **{machine: state.name for machine, state in _machines(session)},
        "items": [[item.id, item.state.name] for item in session.items],
        "owes": [command_words([one]) for one in outbox(session)],
        "deadlines": sorted([due, what] for due, what in _deadlines(session) if due is not None),
        "parties": [party.display_name or party.id for party in session.participants.parties],
    }


def _machines(session: Session) -> Iterator[tuple[str, Any]]:
    """The state of each machine; items have one each."""
    for one in fields(Session):
        state = getattr(session, one.name)
        if isinstance(getattr(state, "name", None), str):
            yield one.name, state


def _deadlines(session: Session) -> Iterator[tuple[int | None, str]]:
    """Everything that happens by itself when its time has come, in words."""
    for what, state in (*_machines(session), *((f"item {item.id}", item.state) for item in session.items)):
        end = "time is over" if getattr(state, "call", None) is None else "no answer"
        yield getattr(state, "due", None), f"{what} {state.name}: {end}"
    yield session.ephemeral_queue.due, "own typing: taken back"
    yield from ((typist.due, "typing: shown no longer") for typist in session.participants.typists)
    yield from ((form.due, f"form {form.name}: hidden") for form in session.participants.forms)


def _moves(step: ReplayedStep, moves: _Distinct) -> Iterator[int]:
    """The row that each machine took."""
    for move in explain(step.before, step.event).moves:
        yield moves.place(move, {**asdict(move), "ref": in_words(move.ref)})


def _said(replay: Replay, said: TranscriptLine) -> Object:
    return {
        "type": said.type,
        "text": said.text,
        "own": said.own,
        "who": CUSTOMER if said.own else replay.names.of(said.party),
        "at": said.time,
        "late": said.late,
        "historic": said.historic,
        "state": replay.progress.get(said.item, "pending") if said.item else "",
        "row": min(said.row, max(len(replay.rows) - 1, 0)),
    }

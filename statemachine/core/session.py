"""The session: one frozen tree of small records, comparable and JSON-able, with nothing beside it.

The states of its machines stand in `states.py`, its numbers in `config.py`; both are offered here too.
"""

from __future__ import annotations

from typing import Final

from . import states as s
from .config import DEFAULT_CONFIG as DEFAULT_CONFIG
from .config import Api as Api
from .config import Config as Config
from .events import Carryover
from .record import field, record
from .states import *  # noqa: F403
from .states import Attention, Connection, Ephemeral, EphemeralQueue, History, Item, Lifecycle, Opening, Presence
from .updates import Outcome, Phase
from .wire import redacted

# --- the room -------------------------------------------------------------------------------------------------------


@record
class Chat:
    """Which chat this is.

    `origin`: prefix of every message id. `former`: the chat of the session before, if this one follows another.
    `phone_number`: as the server gave it.
    """

    origin: str = ""
    chat_id: str = ""
    former: str = ""
    case_id: str = ""
    service_name: str = ""
    phone_number: str = field(default="", repr=redacted)


@record
class Party:
    """One participant. `id` as the server wrote it; compared without regard to case."""

    id: str
    type: str = ""
    display_name: str = field(default="", repr=redacted)
    first_name: str = field(default="", repr=redacted)
    last_name: str = field(default="", repr=redacted)


@record
class Typist:
    """A party whose typing shows until `due`."""

    party_id: str
    due: int


@record
class OpenForm:
    """A form waiting for its answer. `due`: when it is hidden again. `answer`: id of the item that answers it.

    `expired`: its time passed while the answer was under way.
    """

    id: str
    name: str = ""
    secure: bool = False
    due: int | None = None
    answer: str = ""
    expired: bool = False


@record
class Participants:
    """Who is there and what is open."""

    parties: tuple[Party, ...] = ()
    typists: tuple[Typist, ...] = ()
    forms: tuple[OpenForm, ...] = ()


@record
class DedupeWindow:
    """What was told already, as packed digests of eight bytes: of single entries, and of whole batches.

    `marks`: what was done once and must not be done again: read receipts given, keys of messages that have arrived.
    """

    entries: bytes = field(default=b"", repr=False)
    batches: bytes = field(default=b"", repr=False)
    anomalies: int = 0
    marks: bytes = field(default=b"", repr=False)


# --- the session ----------------------------------------------------------------------------------------------------


@record
class Session:
    """The whole state of one chat session.

    `now`: the time of the last change. `ids`: the last number given to a command or a message. `seq`: of the last
    transcript update. `config`: the settings. `chat`: ids and parameters of the chat. `lifecycle`, `opening`,
    `attention`, `connection`, `history`, `presence`, `ephemeral`: the states of the machines. `items`: the queue, and
    the sent items that may still get receipts, oldest first. `ephemeral_queue`: receipts and typing signals to send.
    `participants`: parties, typing indicators and forms. `window`: the dedupe window.
    """

    now: int
    ids: int
    seq: int
    config: Config
    chat: Chat
    lifecycle: Lifecycle
    opening: Opening
    attention: Attention
    connection: Connection
    history: History
    presence: Presence
    items: tuple[Item, ...]
    ephemeral: Ephemeral
    ephemeral_queue: EphemeralQueue
    participants: Participants
    window: DedupeWindow

    def __repr__(self) -> str:
        """The phase, the time, and the fields in which it differs from a new session."""
        new = new_session(self.now)
        names = [name for name in self.__match_args__ if getattr(self, name) != getattr(new, name)]
        return f"<Session {self.phase}, now={self.now}{''.join(f', {name}={getattr(self, name)!r}' for name in names)}>"

    @property
    def phase(self) -> Phase:
        """The public phase: `warned` while live and the server has warned, else the lifecycle's state."""
        return phase_of(self.lifecycle, self.attention)

    @property
    def outcome(self) -> Outcome | None:
        """How it ended, or None while it has not."""
        return self.lifecycle.outcome if isinstance(self.lifecycle, s.TERMINAL) else None


PHASES: Final[tuple[Phase, ...]] = (*(state.name for state in s.LIFECYCLE), s.Warned.name)
"""Every value of `Session.phase`."""


def phase_of(lifecycle: Lifecycle, attention: Attention) -> Phase:
    """The public phase of a lifecycle's state under this attention."""
    if type(attention) is s.Warned and isinstance(lifecycle, s.LIVE):
        return attention.name
    return lifecycle.name


def wrong_instant(at: object) -> TypeError:
    """The error for a time that is no `int`: it would be stored, and the snapshot could not be read again."""
    kind = type(at).__name__
    return TypeError(
        f"at must be whole milliseconds since the epoch (int), such as time.time_ns() // 10**6, not {kind}"
    )


def new_session(at: int, config: Config = DEFAULT_CONFIG) -> Session:
    """A session in which nothing has happened yet.

    Args:
        at: The present time, in whole milliseconds since the epoch.
        config: Its durations and limits.

    Raises:
        TypeError: `at` is no `int`.
    """
    if type(at) is not int:
        raise wrong_instant(at)
    states = s.Idle(), s.OpeningIdle(), s.Calm(), s.ConnectionOff(), s.HistoryCurrent(), s.Present()
    outwards = (), s.EphemeralQuiet(), EphemeralQueue()
    return Session(at, 0, 0, config, Chat(), *states, *outwards, Participants(), DedupeWindow())


def carry_over(session: Session) -> Carryover:
    """The part of a session that its successor continues (`RequestChat(after=…)`).

    A session that never had a chat returns what it was given itself.

    Args:
        session: The one before, which is over.
    """
    chat, window = session.chat, session.window
    known = window.entries, window.batches, window.marks
    return Carryover(chat.chat_id or chat.former, chat.origin, session.ids, session.seq, *known)

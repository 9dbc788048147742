"""A session played by hand, for tests that tell a story. Every step of every story is held to the laws."""

from __future__ import annotations

from typing import Any, TypeVar

from statemachine import (
    Anomaly,
    Answered,
    ChatOpened,
    Command,
    Config,
    CreateChat,
    DeliveryUpdate,
    Entry,
    Event,
    EventBatch,
    Failure,
    FileUploaded,
    Finished,
    HistoryLog,
    IllegalIntent,
    Notification,
    Poll,
    Post,
    ReadHistory,
    Reattach,
    Received,
    Reply,
    RequestChat,
    SendText,
    Session,
    Tick,
    Upload,
    carry_over,
    new_session,
    next_deadline,
    outbox,
    reduce,
)
from statemachine.conformance.laws import Ledger, StepResult, check_laws
from statemachine.wire import Message, Navigation, PartyJoined, PartyLeft, Status

C = TypeVar("C", bound=Command)
NOW = 1_700_000_000_000
CHAT = "Chat-1"
ANN = "agent-ann"
BOB = "agent-bob"

TIMEOUT = Failure("timeout")
UNSENT = Failure("unsent")


def http(status: int | None, code: int | None = None, retry_after: int | None = None) -> Failure:
    return Failure("http", status, code, retry_after)


class Play:
    """`session` is where the story stands; `out` is what the last step returned, `all` what all steps did.

    `life` is the story as a log: each event, and the session that it found.
    """

    def __init__(self, config: Config | None = None, session: Session | None = None) -> None:
        self.session = session or new_session(NOW, config or Config())
        self.now = self.session.now
        self.out: tuple[Command | Notification, ...] = ()
        self.all: list[Command | Notification] = []
        self.life: list[tuple[Session, Event]] = []
        self.ledger = Ledger(self.session.ids, self.session.seq, window=self.session.config.window)

    # --- moving

    def feed(self, event: Event) -> tuple[Command | Notification, ...]:
        before = self.session
        self.life.append((before, event))
        self.session, self.out = reduce(before, event)
        self.all.extend(self.out)
        check_laws(StepResult(before, event, self.session, self.out), self.ledger)
        self.now = self.session.now if self.session is not before else max(self.now, event.at)
        return self.out

    def do(self, intent: type[Any], *args: Any, later: int = 0, **kwargs: Any) -> tuple[Command | Notification, ...]:
        """An intent, or any event that is built from its time and these arguments."""
        self.now += later
        return self.feed(intent(self.now, *args, **kwargs))

    def follow(self, opening: type[RequestChat | Reattach], *args: Any, **kwargs: Any) -> None:
        """Begin the next session, which takes over what this one knew."""
        before = carry_over(self.session)
        self.session = new_session(self.now, self.session.config)
        self.ledger.finished = 0
        self.do(opening, *args, after=before, **kwargs)

    def answer(self, kind: type[Command], reply: Reply, later: int = 10) -> tuple[Command | Notification, ...]:
        """Answer the owed command of this kind."""
        self.now += later
        return self.feed(Answered(self.now, self.owed(kind).id, reply))

    def poll(self, *entries: Entry, later: int = 2_000) -> tuple[Command | Notification, ...]:
        return self.answer(Poll, EventBatch(entries), later)

    def log(self, *entries: Entry) -> tuple[Command | Notification, ...]:
        """The log; it is never empty where there was a chat."""
        return self.answer(ReadHistory, HistoryLog(entries or (Navigation("a page"),)))

    def posted(self) -> tuple[Command | Notification, ...]:
        """The server has the post in flight."""
        return self.answer(Post, EventBatch())

    def say(self, text: str, key: str | None = None) -> str:
        """Say something; the answer is its message id."""
        self.do(SendText, text, key)
        return self.session.items[-1].id

    def tick(self) -> tuple[Command | Notification, ...]:
        """Wait for the next deadline."""
        due = next_deadline(self.session)
        assert due is not None
        self.now = max(self.now, due)
        return self.feed(Tick(self.now))

    def wait(self, milliseconds: int) -> None:
        """Let time pass, waking for each deadline."""
        until = self.now + milliseconds
        while (due := next_deadline(self.session)) is not None and due <= until:
            self.feed(Tick(due))
        self.now = until
        self.feed(Tick(until))

    # --- looking

    @property
    def phase(self) -> str:
        return self.session.phase

    def owes(self, kind: type[Command]) -> bool:
        return any(isinstance(c, kind) for c in outbox(self.session))

    def owed(self, kind: type[C]) -> C:
        """The one command of this kind that is owed."""
        (command,) = (c for c in outbox(self.session) if isinstance(c, kind))
        return command

    def received(self) -> list[Received]:
        """What the last step told of the transcript."""
        return [one for one in self.out if isinstance(one, Received)]

    def heard(self) -> list[str]:
        """Every text told so far."""
        return [e.entry.msg for e in self.all if isinstance(e, Received) and isinstance(e.entry, Message)]

    def progress(self, item: str) -> list[str]:
        """What became of one thing sent, so far."""
        return [one.state for one in self.all if isinstance(one, DeliveryUpdate) and one.item == item]

    def failure(self, item: str) -> DeliveryUpdate:
        (found,) = (o for o in self.all if isinstance(o, DeliveryUpdate) and o.item == item and o.state == "failed")
        return found

    def finished(self) -> Finished:
        (found,) = (one for one in self.all if isinstance(one, Finished))
        return found

    def odd(self) -> list[str]:
        """The anomalies of the last step."""
        return [one.kind for one in self.out if isinstance(one, Anomaly)]

    def commands(self, kind: type[C]) -> list[C]:
        """Every command of this kind so far."""
        return [one for one in self.all if isinstance(one, kind)]

    def refused(self, intent: type[Any], *args: Any) -> IllegalIntent:
        """This intent is illegal now, and changes nothing; the answer is the refusal."""
        event = intent(self.now, *args)
        self.life.append((self.session, event))
        try:
            reduce(self.session, event)
        except IllegalIntent as refusal:
            return refusal
        raise AssertionError(f"{intent.__name__} was not refused")


# --- stories begin here ---------------------------------------------------------------------------------------------


def requested(config: Config | None = None, **request: Any) -> Play:
    play = Play(config)
    play.do(RequestChat, "o", **request)
    return play


def opened(state: str = "ivr", config: Config | None = None, new: bool | None = True, **request: Any) -> Play:
    play = requested(config, **request)
    play.answer(CreateChat, ChatOpened(CHAT, state, None, new))
    return play


def chatting(config: Config | None = None) -> Play:
    """An agent has joined."""
    play = opened("queued", config)
    play.poll(Status("connected"), joined(ANN))
    assert play.phase == "agent_joined"
    return play


def doubting(text: str = "maybe") -> tuple[Play, str]:
    """A message is in doubt: its answer was lost."""
    play = chatting()
    item = play.say(text)
    play.answer(Post, TIMEOUT)
    return play, item


def upload(play: Play, file_id: str = "file-1") -> None:
    play.answer(Upload, FileUploaded(file_id, "a.png"))


def joined(party: str, kind: str = "internal", name: str = "") -> PartyJoined:
    return PartyJoined(party, kind, display_name=name)


def left(party: str) -> PartyLeft:
    return PartyLeft(party)


def message(n: int, party: str = ANN) -> Message:
    return Message(f"s{n}", party, msg=f"text {n}", timestamp=n * 1_000)


def mine(item: str, text: str = "maybe") -> Message:
    """One of ours, as the log has it."""
    return Message(item, CHAT.upper(), msg=text)

"""Sessions in each state of each machine, in some contexts, and each event in them: what random traces seldom reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, TypeAlias

from attrs import evolve

from statemachine import (
    Answered,
    AnswerForm,
    AnswerSecureForm,
    Background,
    CancelForm,
    Config,
    Disconnect,
    End,
    Event,
    EventBatch,
    Failure,
    FileUploaded,
    Foreground,
    HistoryLog,
    IllegalIntent,
    Incoming,
    Poll,
    Post,
    PushReceived,
    ReadHistory,
    SendEntry,
    SendFile,
    SendText,
    StartTyping,
    Tick,
    Upload,
    new_session,
    next_deadline,
    outbox,
    reduce,
)
from statemachine import wire as w
from statemachine.codec.records import to_json
from tests.core.examples import ENTRIES, EXAMPLES, INTENTS, OTHER_EVENTS, REPLIES
from tests.core.play import ANN, CHAT, NOW, TIMEOUT, Play, chatting, http, joined, left, message, opened

from .cases import Step
from .rare import RARE

Path: TypeAlias = list[Step]
Doing: TypeAlias = Callable[["Trail"], None]
LONG: Final = "x" * 21
MORE_INTENTS: Final[tuple[Callable[[int], Event], ...]] = (
    lambda at: SendText(at, ""),
    lambda at: SendText(at, LONG),
    lambda at: SendText(at, "again", "k"),
    lambda at: SendEntry(at, w.Location("1", "2", LONG)),
    lambda at: SendEntry(at, w.Signaling("END_CALL", destination_party_id=ANN)),
    lambda at: SendFile(at, LONG),
    lambda at: AnswerForm(at, LONG, {}),
    lambda at: AnswerSecureForm(at, LONG, "vault"),
    lambda at: CancelForm(at, LONG),
    lambda at: CancelForm(at, "f3"),
    lambda at: PushReceived(at, "another"),
)


class Trail:
    """A session played by steps; it can be gone on from in many ways."""

    def __init__(self, steps: Path, config: Config) -> None:
        self.steps = steps
        self.session = new_session(NOW, config)
        if steps:
            self.session = after(steps[-1])

    def do(self, event: Event) -> None:
        self.steps.append(Step(self.session, event, getattr(event, "after", None) is not None))
        self.session = after(self.steps[-1])

    def answer(self, kind: type[Any], reply: Any) -> None:
        """Answer a command of this kind, if one is owed."""
        for command in outbox(self.session):
            if isinstance(command, kind):
                self.do(Answered(self.session.now + 10, command.id, reply))
                return

    def branch(self) -> Trail:
        return Trail(list(self.steps), self.session.config)


def after(step: Step) -> Any:
    with suppress(IllegalIntent):
        return reduce(step.before, step.event)[0]
    return step.before


def _rich(trail: Trail) -> None:
    trail.do(Incoming(trail.session.now, (joined("bot", "scenario"), w.Typing("bot"), w.FormShow("f1", "survey"))))
    trail.do(Incoming(trail.session.now, (w.SecureFormShow("f3", "card"), w.TimeoutWarning("still there?"))))


def _busy(trail: Trail) -> None:
    """Typing is announced, receipts wait, a form without a name is open, somebody types."""
    now = trail.session.now
    trail.do(StartTyping(now, "dra"))
    trail.do(Incoming(now, (message(1), message(2), message(3), w.Typing(ANN), w.FormShow("f0", ""))))
    trail.do(StartTyping(now, "draf"))


def _long_forms(trail: Trail) -> None:
    trail.do(Incoming(trail.session.now, (w.FormShow(LONG, "survey"), w.SecureFormShow(LONG, "card"))))


def _sending(trail: Trail) -> None:
    """One item of each kind; the first is in flight."""
    now = trail.session.now
    _rich(trail)
    for event in (
        SendText(now, "one", "k"),
        SendFile(now, "ref"),
        SendEntry(now, w.Location("1", "2")),
        SendEntry(now, w.Navigation("/page")),
        AnswerForm(now, "f1", {"x": 1}),
    ):
        trail.do(event)
    if trail.session.lifecycle.name in ("connected", "agent_joined"):  # before that, it ends the session
        trail.do(Disconnect(now))
    trail.answer(Upload, FileUploaded("file-1"))


def _sent(trail: Trail) -> None:
    _sending(trail)
    for _ in range(3):
        trail.answer(Post, EventBatch())


def _doubtful(trail: Trail) -> None:
    _sending(trail)
    trail.answer(Post, EventBatch())
    trail.answer(Post, TIMEOUT)


def _reading(trail: Trail) -> None:
    """The history is read, to find something of which nothing is known."""
    trail.do(Background(trail.session.now))
    trail.answer(Poll, EventBatch())
    trail.do(Foreground(trail.session.now))


def _blocked(trail: Trail) -> None:
    trail.answer(Poll, http(401))
    trail.do(SendText(trail.session.now, "waits"))


def _failing(trail: Trail) -> None:
    for _ in range(3):
        trail.answer(Poll, http(503))
        if (due := next_deadline(trail.session)) is not None:
            trail.do(Tick(due))


def _full(trail: Trail) -> None:
    _rich(trail)
    for number in range(3):
        trail.do(SendText(trail.session.now, f"text {number}"))


def _ending(then: Doing) -> Doing:
    def ending(trail: Trail) -> None:
        then(trail)
        trail.do(End(trail.session.now))

    return ending


def _also(*doings: Doing) -> Doing:
    def all_of_them(trail: Trail) -> None:
        for one in doings:
            one(trail)

    return all_of_them


OWN: Final[tuple[w.Entry, ...]] = (
    w.Message("other device", CHAT, msg="mine"),
    w.File("file-9", msg_id="other file", party_id=CHAT),
    w.FormShow("f5", "survey", 30_000),
)
SMALL: Final = Config(text_limit=20, items_limit=3)
SILENT: Final = Config(receipts=False)
CONTEXTS: Final[tuple[tuple[Doing, Config | None], ...]] = (
    (_rich, None),
    (_also(_rich, _busy), None),
    (_busy, SILENT),
    (_busy, Config(api="v1")),
    (_sending, None),
    (_sent, None),
    (_doubtful, None),
    (_also(_busy, _reading), None),
    (_also(_doubtful, _reading), None),
    (_blocked, None),
    (_failing, None),
    (_full, SMALL),
    (_long_forms, SMALL),
    (_ending(_also(_busy, _sent)), None),
    (_ending(_doubtful), None),
    (_ending(_also(_sent, _reading)), None),
    (_ending(_blocked), None),
)
_KEPT: Final = ("establishing", "ivr", "queued", "connecting", "connected")


def _bases() -> Iterator[tuple[str, Play, bool]]:
    """Name, a session, and whether it is tried in all contexts."""
    for machine, states in EXAMPLES.items():
        for state, makers in states.items():
            for number, make in enumerate(makers):
                play = make()
                open_ = play.session.outcome is None and state.name not in ("idle", "ending")
                yield f"{machine}/{state.name}/{number}", play, machine == "lifecycle" and number == 0 and open_
    for name in _KEPT:  # an agent is there, but the status is another
        play = chatting()
        play.poll(w.Status(name))
        yield f"kept/{name}", play, False
        play = opened(name, None, False)  # the chat was there before, and its history is read
        yield f"existing/{name}", play, False
    play = chatting()
    play.poll(left(ANN))
    play.poll(joined("bot", "internal"), w.Status("queued"), w.Status("ivr"))
    yield "kept/again", play, False


def explored(entry: str = "", phase: str = "") -> Iterator[tuple[str, tuple[Step, ...], int]]:
    """Name, steps, and the step from which they are new.

    `entry`, `phase`: only sessions in this phase that receive an entry of this type.
    """
    for number, tell in enumerate(RARE):
        yield f"rare/{number}", tuple(_begun(tell(), None).steps), 0
    for name, play, everywhere in _bases():
        if phase and play.session.lifecycle.name != phase:
            continue
        yield from _branches(name, _begun(play, None), entry)
        for number, (do, config) in enumerate(CONTEXTS if everywhere else ()):
            trail = _begun(play, config)
            do(trail)
            yield from _branches(f"{name}/{number}", trail, entry)


def _begun(play: Play, config: Config | None) -> Trail:
    trail = Trail([], config or (play.life[0][0].config if play.life else play.session.config))
    for _, event in play.life:
        trail.do(event)
    return trail


def _branches(name: str, trail: Trail, entry: str) -> Iterator[tuple[str, tuple[Step, ...], int]]:
    begun = len(trail.steps)
    if begun:
        yield name, tuple(trail.steps), 0
    for number, event in enumerate(_events(trail)):
        if entry and not _carries(event, entry):
            continue
        branch = trail.branch()
        branch.do(event)
        branch.do(
            Incoming(trail.session.now, (message(77),))
        )  # at an earlier time: it shows whether that one changed anything
        branch.answer(Post, EventBatch())
        if (due := next_deadline(branch.session)) is not None:
            branch.do(Tick(due))
        branch.do(End(branch.session.now))
        if (due := next_deadline(branch.session)) is not None:
            branch.do(Tick(due))
        yield f"{name}/{number}", tuple(branch.steps), begun


def _carries(event: Any, entry: str) -> bool:
    carrier = getattr(event, "reply", event)
    return any(to_json(one, w.Entry)["type"] == entry for one in getattr(carrier, "entries", ()))


def _events(trail: Trail) -> Iterator[Event]:
    session = trail.session
    now = session.now + 1
    yield from (make(now) for make in (*INTENTS, *MORE_INTENTS, *OTHER_EVENTS))
    if (due := next_deadline(session)) is not None:
        yield Tick(due)
    yield from (Incoming(now, (one,)) for one in OWN)
    signals = (w.Status("failed"), w.Status("completed"), w.SessionEnded(), w.InactivityTimeout("bye"))
    for one in signals:
        yield Incoming(now, (one, signals[0] if one is not signals[0] else signals[2], message(78)))
    for item in session.items:
        echo: Any = item.entry
        if echo is None:
            continue
        if hasattr(echo, "msg_id"):
            echo = evolve(echo, msg_id=item.id)
        for entry in (echo, evolve(echo, party_id=CHAT) if hasattr(echo, "party_id") else echo):
            yield Incoming(now, (entry,))
        yield Incoming(now, (w.MessageDelivered(item.id, ANN), w.MessageRead(item.id, ANN)))
        yield Incoming(now, (w.MessageRead(item.id, ANN),))
    for command in outbox(session):
        for reply in REPLIES:
            yield Answered(now, command.id, reply)
        if isinstance(command, ReadHistory):
            for entry in (*ENTRIES, *OWN):
                for before in ((), (joined(ANN),), (joined(ANN), left(ANN))):
                    yield Answered(now, command.id, HistoryLog((*before, entry, message(6))))
                    yield Answered(now, command.id, HistoryLog((*before, entry)))
        for code in (5001, 5509, 5511, 5003):
            yield Answered(now, command.id, Failure("http", 500, code))

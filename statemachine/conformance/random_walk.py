"""A random walk: one session with random events, chosen by a function.

The walk simulates everything around an engine: the application, the transport, a server with its log, a hostile proxy,
the clock and process restarts. It calls `choose(n)` for every choice (a number from 0 to n - 1). 0 is always the
simplest choice, so that a generator of choices can shrink a walk by smaller numbers. Sessions are made by events only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from attrs import Factory, define, evolve, field, frozen

from .. import core
from ..core import Answered, Config, Entry, Event, EventBatch, Failure, Post, RequestChat, SendText, Tick
from ..core.wire import File, Location, Message, Signaling
from .entries import Choose, Referable, hostile, pick, spoken_entry, terminal, to_send, weighted
from .laws import DEFAULT_ENGINE, Engine, StepResult, take_step

START: Final = 1_700_000_000_000
CHAT: Final = "3f9C2a10-Chat"
ORIGIN: Final = "o7"

_CONFIGS: Final = (
    Config(),
    Config(api="v1"),
    Config(items_limit=3, ephemeral_limit=2, parties_limit=2, forms_limit=2, tracked_limit=1),
    Config(settle=1, backoff_start=1, brake_after=0, limited_tries=1, receipts=False),
    Config(text_limit=6, items_limit=2, ephemeral_limit=1, receipts=False),
    Config(brake_after=1, brake_new_after=2, brake_cap=60_000, busy_cap=200),
)

_SPOKEN: Final = (Message, File, Location, Signaling)
_LOST: Final = (Failure("timeout"), Failure("cut"), Failure("unreadable"))
"""After these, it is unknown whether the server handled the request."""
_STATUSES: Final = (503, 500, 404, 401, 403, 400, 429, 406, 408, 425, 301, 200, 501, None)
_CODES: Final = (
    None,
    5001,
    5000,
    5005,
    5509,
    5511,
    5500,
    5004,
    5003,
    5006,
    5501,
    5502,
    5558,
    5601,
    5602,
    5603,
    5955,
    406,
    1000,
    2000,
    2001,
    2002,
    2003,
    2004,
    3000,
    77,
)
_ONE_OF_EACH_CLASS: Final = (5001, 5500, 5511, 5509, 5005, 5003, 5006)
_OPENED_IN: Final = (
    "ivr",
    "queued",
    "connected",
    "connecting",
    "establishing",
    "queued",
    "connected",
    "connecting",
    "",
)
_PAUSES: Final = (0, 1, 40, 400, 1_500, 6_000, 0, 1, 40, 400, 1_500, 6_000, 20_000, 70_000, -1, -30_000)
"""Milliseconds between one event and the next. An earlier one shows whether the event before it changed anything."""


@frozen
class Follow:
    """Not an event: a new session begins that follows this one (`RequestChat(after=carry_over(…))`)."""

    at: int
    same_chat: bool


@frozen
class Reload:
    """Not an event: snapshot and restore."""


TraceInput: TypeAlias = Event | Follow | Reload


@define
class WalkState:
    """The state around the engine.

    Attributes:
        log: The server's log.
        delivered: How many entries of it polls have delivered.
        answered: The answers so far.
        landing: Posts that the server accepted, unknown to the client, and that are not in the log yet.
        chats: The number of chats before this one.
        texts: The number of texts sent.
    """

    log: list[Entry] = field(factory=list[Entry])
    delivered: int = 0
    answered: list[Answered] = field(factory=list[Answered])
    landing: list[Entry] = field(factory=list[Entry])
    chats: int = 0
    texts: int = 0


@define
class Walk:
    """One walk. `step()` returns the next input; `take()` applies it to `session`."""

    choose: Choose
    now: int = START
    state: WalkState = field(factory=WalkState)
    session: core.Session = Factory(lambda walk: core.new_session(START, pick(walk.choose, _CONFIGS)), takes_self=True)

    def fork(self, choose: Choose) -> Walk:
        """A walk that goes on from here by other choices."""
        old = self.state
        state = WalkState([*old.log], old.delivered, [*old.answered], [*old.landing], old.chats, old.texts)
        return Walk(choose, self.now, state, self.session)

    # --- one step

    def step(self) -> TraceInput:
        """The next input. The session changes only when `take` is called with it."""
        phase = self.session.phase
        if phase == "idle" and self.choose(8) < 7:
            return self._start()
        if phase == "requesting" and self.choose(3) < 2:
            return self._answer()
        if self.session.outcome is not None and self.choose(4) < 3:
            return self._follow()
        if self.session.participants.forms and self.choose(5) == 4:
            return self._attend_form()
        kinds: tuple[tuple[int, Callable[[], TraceInput]], ...] = (
            (30, self._answer),
            (26, self._intend),
            (9, self._tick),
            (8, self._fail),
            (4, self._stray),
            (10, self._push),
            (2, self._go_back),
            (2, self._restart),
            (1, self._change_clock),
            (3, self._deny),
            (2, Reload),
            (1, self._follow),
        )
        return weighted(self.choose, kinds)()

    def take(self, made: TraceInput, engine: Engine = DEFAULT_ENGINE) -> StepResult | None:
        """Apply an input to the session. A refused intent changes nothing; a reload is not a step."""
        if isinstance(made, Reload):
            return None
        step = self._follow_on(made, engine) if isinstance(made, Follow) else take_step(self.session, made, engine)
        self.session = step.after
        if isinstance(made, core.Restarted | core.ClockChanged):
            self.now = made.at
        return step

    def _follow_on(self, made: Follow, engine: Engine) -> StepResult:
        """The first step of the following session: request a chat."""
        before = self.session
        if not made.same_chat:
            self.state = WalkState(chats=self.state.chats + 1, texts=self.state.texts)
        request = RequestChat(made.at, ORIGIN, text="again", after=core.carry_over(before))
        return take_step(core.new_session(made.at, before.config), request, engine)

    # --- time

    def _pass(self) -> int:
        latest = max(self.now, self.session.now)
        at = latest + pick(self.choose, _PAUSES)
        self.now = max(latest, at)
        return at

    def _tick(self) -> Event:
        due = core.next_deadline(self.session)
        if due is None:
            return Tick(self._pass())
        self.now = max(self.now, due + pick(self.choose, (0, -1, 1, 900, 0, -1, 1, 900, 3_600_000 * 5, -2_000)))
        return Tick(self.now)

    def _go_back(self) -> Event:
        return Tick(self.session.now - pick(self.choose, (1, 60_000, 9_999_999)))

    def _restart(self) -> Event:
        return core.Restarted(self.session.now + pick(self.choose, (0, 5_000, 86_400_000, -5_000, -86_400_000)))

    def _change_clock(self) -> Event:
        by = pick(self.choose, (-5_000, 5_000, 3_600_000, -86_400_000))
        return core.ClockChanged(max(self.now, self.session.now) + by, pick(self.choose, (by, None)))

    def _follow(self) -> TraceInput:
        return Follow(self._pass(), self.choose(2) == 0)

    # --- intents

    def _start(self) -> Event:
        at = self._pass()
        kinds: tuple[tuple[int, Callable[[], Event]], ...] = (
            (6, lambda: RequestChat(at, ORIGIN)),
            (3, lambda: RequestChat(at, ORIGIN, {"a": 1}, text="first", key="k0")),
            (2, lambda: RequestChat(at, ORIGIN, phone_number="+1 555 0100", from_="the website")),
            (2, lambda: core.Reattach(at, ORIGIN)),
            (2, lambda: core.Reattach(at, ORIGIN, self._chat_id())),
            (1, lambda: RequestChat(at, " ")),
            (1, lambda: RequestChat(at, ORIGIN, text="x" * 16_001)),
        )
        return weighted(self.choose, kinds)()

    def _text(self) -> str:
        self.state.texts += 1
        return f"text {self.state.texts}"

    def _form(self) -> str:
        forms = [form.id for form in self.session.participants.forms]
        return pick(self.choose, (*forms, *forms, *forms, "f-unknown"))

    def _attend_form(self) -> Event:
        """Answer a form, mostly in its own way, or cancel it."""
        at, form, key = self._pass(), self._form(), self._key()
        is_secure = any(one.id == form and one.secure for one in self.session.participants.forms)
        ways = (core.AnswerForm(at, form, {"x": 1}, key), core.AnswerSecureForm(at, form, "vault-1", key))
        return pick(self.choose, (ways[is_secure], core.CancelForm(at, form), ways[is_secure], ways[not is_secure]))

    def _key(self) -> str | None:
        return pick(self.choose, (None, None, None, "k1", "k2"))

    def _intend(self) -> Event:
        at = self._pass()
        kinds: tuple[tuple[int, Callable[[], Event]], ...] = (
            (20, lambda: SendText(at, self._text(), self._key())),
            (5, lambda: core.SendEntry(at, to_send(self.choose), self._key())),
            (5, lambda: core.SendFile(at, "bytes-1", "a.png", "image", self._key())),
            (8, self._attend_form),
            (5, lambda: core.StartTyping(at, "dra")),
            (3, lambda: core.StopTyping(at)),
            (2, lambda: core.MarkDelivered(at, pick(self.choose, ("s1", "s2", "")))),
            (6, lambda: core.MarkRead(at, pick(self.choose, ("s1", "s2", "")))),
            (4, lambda: core.Background(at)),
            (5, lambda: core.Foreground(at)),
            (3, lambda: core.PushReceived(at, pick(self.choose, (self._chat_id(), "another")))),
            (4, lambda: core.Reauthorized(at)),
            (2, lambda: core.Disconnect(at)),
            (1, lambda: core.End(at)),
            (1, lambda: SendText(at, "")),
            (1, lambda: SendText(at, "x" * 16_001)),
            (2, self._start),
        )
        return weighted(self.choose, kinds)()

    # --- answers

    def _chat_id(self) -> str:
        chat = f"{CHAT}-{self.state.chats}"
        return pick(self.choose, (chat, chat, chat.upper(), chat.lower()))

    def _owed(self) -> core.Command | None:
        owed = core.outbox(self.session)
        return pick(self.choose, owed) if owed else None

    def _answer(self) -> Event:
        at = self._pass()
        command = self._owed()
        if command is None:
            return Tick(at)
        return self._remember(Answered(at, command.id, self._success(command)))

    def _deny(self) -> Event:
        """No such chat, to a call beside the poll: another answer would end most chats before anything is said."""
        beside = [
            one for one in core.outbox(self.session) if isinstance(one, Post | core.PostEphemeral | core.ReadHistory)
        ]
        if not beside:
            return self._answer()
        return self._remember(Answered(self._pass(), pick(self.choose, beside).id, Failure("http", 404, 5005)))

    def _remember(self, event: Answered) -> Answered:
        self.state.answered.append(event)
        return event

    def _success(self, command: core.Command) -> core.Reply:
        match command:
            case core.CreateChat() | core.FindChat():
                state = pick(self.choose, _OPENED_IN)
                if self.choose(24) == 23:
                    state = pick(self.choose, ("failed", "completed"))
                is_new = pick(
                    self.choose, (True, False, None) if isinstance(command, core.CreateChat) else (False, None)
                )
                return core.ChatOpened(self._chat_id(), state, None, is_new)
            case core.Poll():
                return EventBatch(self._new_entries(), incomplete=self._is_cut_off())
            case core.ReadHistory():
                return core.HistoryLog(self._log(), incomplete=self._is_cut_off())
            case Post():
                self._land(command.entry, at_once=True)
                entries = self._new_entries() if self.session.config.api == "v1" else ()
                return EventBatch(entries, incomplete=self._is_cut_off())
            case core.PostEphemeral():
                return EventBatch(incomplete=self._is_cut_off())
            case core.Upload():
                return core.FileUploaded(f"file-{command.id}", "server.png")

    def _is_cut_off(self) -> bool:
        return self.choose(16) == 15

    def _land(self, entry: Entry, at_once: bool) -> None:
        """The server accepts a post: it is in the log, now or later, as an entry of the client."""
        echo = evolve(entry, party_id=self._chat_id()) if isinstance(entry, _SPOKEN) else entry
        (self.state.log if at_once else self.state.landing).append(echo)

    def _new_entries(self) -> tuple[Entry, ...]:
        """The entries of a poll: the new ones, sometimes changed by a hostile server."""
        state = self.state
        state.log.extend(state.landing)
        state.landing.clear()
        for _ in range(pick(self.choose, (1, 0, 2, 3))):
            state.log.append(spoken_entry(self.choose, len(state.log), self._referable()))
        entries, state.delivered = tuple(state.log[state.delivered :]), len(state.log)
        if self.choose(10) == 9:
            entries = hostile(self.choose, entries, state.log)
        if self.choose(32) == 31:
            entries = (*entries, terminal(self.choose))
            if self.choose(4) == 3:
                entries = (*entries, terminal(self.choose), *state.log[-1:])
        return entries

    def _log(self) -> tuple[Entry, ...]:
        state = self.state
        kind = self.choose(16)
        if kind < 12:
            return tuple(state.log)
        if kind < 13:
            return (*state.log, terminal(self.choose))
        return hostile(self.choose, tuple(state.log), state.log)

    def _referable(self) -> Referable:
        session = self.session
        return Referable(
            [item.id for item in session.items] or ["s1"],
            [form.id for form in session.participants.forms],
            [typist.party_id for typist in session.participants.typists],
            [self._echoed(one.entry, one.id) for one in session.items if one.entry and one.state.name != "uploading"],
        )

    def _echoed(self, entry: Any, item_id: str) -> Entry:
        """An own entry, as the server returns it."""
        named = evolve(entry, msg_id=item_id) if hasattr(entry, "msg_id") else entry
        return evolve(named, party_id=self._chat_id()) if isinstance(named, _SPOKEN) else named

    def _failure(self) -> Failure:
        kind = self.choose(8)
        if kind < 3:
            return pick(self.choose, (*_LOST, Failure("unsent"), Failure("no_payload"), Failure("restart")))
        retry_after = pick(self.choose, (None, None, 0, 2_000, 10**9))
        if kind < 5:  # failures that pass, so that walks go on
            return Failure("http", pick(self.choose, (503, 500, 429, 408)), None, retry_after)
        if kind < 7:
            return Failure("http", 500, pick(self.choose, _ONE_OF_EACH_CLASS), retry_after, "the proxy restarts")
        return Failure("http", pick(self.choose, _STATUSES), pick(self.choose, _CODES), retry_after)

    def _fail(self) -> Event:
        at = self._pass()
        command = self._owed()
        if command is None:
            return Tick(at)
        failure = self._failure()
        if isinstance(command, Post) and failure in _LOST and self.choose(2):
            self._land(command.entry, at_once=self.choose(2) == 0)
        return self._remember(Answered(at, command.id, failure))

    def _stray(self) -> Event:
        """A repeated answer, or one that is not awaited."""
        at = self._pass()
        if self.state.answered and self.choose(3) < 2:
            return evolve(pick(self.choose, tuple(reversed(self.state.answered))), at=at)
        replies: tuple[Callable[[], core.Reply], ...] = (
            lambda: EventBatch(self._new_entries()),
            lambda: core.HistoryLog(self._log()),
            self._failure,
            lambda: core.FileUploaded("f9"),
            lambda: core.ChatOpened(self._chat_id(), "queued"),
        )
        reply = pick(self.choose, replies)()
        return Answered(at, pick(self.choose, (10_000, 0, self.session.ids)), reply)

    def _push(self) -> Event:
        return core.Incoming(self._pass(), self._new_entries())

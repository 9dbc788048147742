"""Where stories come from: the tests of the core, an answer of each class to each kind of call, random lives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import evolve

from statemachine import (
    COMMANDS,
    AnswerForm,
    AnswerSecureForm,
    Background,
    CancelForm,
    CreateChat,
    End,
    Failure,
    FindChat,
    Foreground,
    IllegalIntent,
    Incoming,
    MarkDelivered,
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    Reattach,
    Reauthorized,
    SendEntry,
    SendFile,
    SendText,
    StartTyping,
    Upload,
    next_deadline,
)
from statemachine.codec.records import encode_event, to_json
from statemachine.conformance.shorten import linked_steps
from statemachine.conformance.traces import trace_of
from statemachine.conformance.vectors import vector_of
from statemachine.records import Config
from statemachine.wire import (
    CobrowsingRequested,
    FormShow,
    InactivityTimeout,
    Location,
    Malformed,
    NotTyping,
    SecureFormShow,
    SessionEnded,
    Signaling,
    Status,
    TimeoutWarning,
    Typing,
    Unknown,
)
from tests.conformance.telling import Story, story_of
from tests.core import play
from tests.core.examples import EXAMPLES, INTENTS, OTHER_EVENTS

TOLD = ("faults", "found", "sending", "link", "presence", "opening", "room", "stage_conflicts", "fold")
"""The tests of the core that tell stories."""
FOUND = Path(play.__file__).parent / "test_found.py"
LONGEST = 100
"""Steps of a find that is told as a vector."""
LIVES = 600
STEPS = 50


class Recorder:
    """Listens to the stories of the core's tests, as they are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Any]] = []
        self._test: tuple[str, str] = ("", "")

    @pytest.hookimpl
    def pytest_runtest_call(self, item: Any) -> None:
        self._test = item.name, " ".join((item.function.__doc__ or "").partition("\n\n")[0].split())

    def listen(self) -> None:
        recorder, begin, feed, follow = self, play.Play.__init__, play.Play.feed, play.Play.follow

        def init(self: Any, config: Any = None, session: Any = None) -> None:
            begin(self, config, session)
            self.story = [] if session is None else None
            if self.story is not None:
                recorder.told.append((*recorder._test, self))

        def fed(self: Any, event: Any) -> Any:
            if self.story is not None:
                self.story.append(event)
            return feed(self, event)

        def followed(self: Any, *args: Any, **kwargs: Any) -> None:
            if self.story is not None:
                self.story.append({"follow": self.now})
            follow(self, *args, **kwargs)

        play.Play.__init__, play.Play.feed, play.Play.follow = init, fed, followed  # type: ignore[method-assign]


def stories() -> list[Story]:
    """What the tests of the core tell, as stories: their names and their docstrings are those of the tests."""
    recorder = Recorder()
    recorder.listen()
    here = Path(play.__file__).parent
    status = pytest.main(
        [
            "-q",
            "-n0",
            "-p",
            "no:cacheprovider",
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
            *(str(here / f"test_{name}.py") for name in TOLD),
        ],
        [recorder],
    )
    assert status == 0, "the stories do not hold"
    found: list[Story] = []
    for name, why, one in recorder.told:
        if one.story:
            found.append(_story(one, name, why))
    return found


def faults(told: list[Story]) -> Iterator[Story]:
    """The stories about faults, each once. One that begins another is left out."""
    named = [one for one in told if re.match(r"test_f\d\d", one.id)]
    keys = [json.dumps([act.do for act in one.acts]) for one in named]
    seen: dict[str, int] = {}
    for one, key in zip(named, keys, strict=True):
        if any(other != key and other.startswith(key[:-1] + ",") for other in keys) or key in keys[: keys.index(key)]:
            continue
        words = one.id.removeprefix("test_").partition("[")[0]
        codes = tuple(f"F{int(code)}" for code in re.findall(r"f(\d\d)", words))
        name = f"fault/{'-'.join(codes)}/{re.sub(r'^(f[0-9][0-9]_)+', '', words).replace('_', '-')}"
        seen[name] = seen.get(name, 0) + 1
        number = f"/{seen[name]}" if seen[name] > 1 else ""
        why = one.why or words.partition("_")[2].replace("_", " ")
        yield evolve(one, id=name + number, why=why, source=f"protocol.md 8 {', '.join(codes)}", covers=codes)


def finds(told: list[Story]) -> Iterator[Story]:
    """What simulation, walks and reviews have found in an engine, each once; not what `faults` has."""
    known = {one.id.partition("[")[0]: one for one in reversed(told) if len(one.acts) <= LONGEST}
    for name in re.findall(r"^def (test_\w+)", FOUND.read_text("utf-8"), re.MULTILINE):
        if name in known:
            words = name.removeprefix("test_")
            why, id_ = known[name].why or words.replace("_", " "), f"found/{words.replace('_', '-')}"
            yield evolve(known[name], id=id_, why=why, source="found by simulation", covers=(id_,))


BASES: dict[type[Any], Any] = {
    CreateChat: play.requested,
    FindChat: lambda: _after(play.Play(), Reattach, "o"),
    Poll: play.chatting,
    ReadHistory: lambda: play.opened("queued", new=False),
    Post: lambda: _after(play.chatting(), SendText, "hi"),
    PostEphemeral: lambda: _after(play.chatting(), StartTyping),
    Upload: lambda: _after(play.chatting(), SendFile, "bytes"),
}
FAILURES = (
    *(Failure(kind) for kind in ("timeout", "unsent", "no_payload")),
    Failure("cut", detail="the answer is not HTTP"),
    Failure("unreadable", 200),
    *(play.http(status, code) for status, code in ((429, 5509), (503, 5001), (500, 5500), (404, 5005), (400, 5003))),
    *(play.http(status, code) for status, code in ((401, None), (200, 5511))),
)


def _after(one: Any, intent: type[Any], *args: Any) -> Any:
    one.do(intent, *args)
    return one


def answered() -> Iterator[Story]:
    """Every kind of call, and every class of failure as its answer; then time passes. `stories` must have listened."""
    for kind, base in BASES.items():
        for failure in FAILURES:
            one = base()
            one.answer(kind, failure)
            for _ in range(2):
                if next_deadline(one.session) is not None:
                    one.tick()
            yield _story(one, "answers")


LONG = "x" * 21
SHORT = Config(text_limit=20)
TYPED, SIGNAL = (Typing(play.ANN), NotTyping(play.ANN)), Signaling("END_CALL", destination_party_id=play.ANN)
SELDOM: tuple[tuple[Any, tuple[Any, ...]], ...] = (
    (play.Play, ((Reattach, " "),)),
    (lambda: play.Play(SHORT), ((Reattach, "o", LONG),)),
    (play.Play, ((End,),)),
    (play.Play, ((SendFile, "bytes"),)),
    (lambda: play.chatting(Config(receipts=False)), ((Incoming, (play.message(1),)), (MarkDelivered, "s1"))),
    (play.Play, ((Background,), (Foreground,))),
    (play.chatting, ((Background,), (Poll, play.http(401)), (Reauthorized,))),
    (play.chatting, tuple((Incoming, (one,)) for one in TYPED)),
    (play.chatting, ((SendEntry, SIGNAL), (Post, play.http(500, 5500)))),
    *(
        (play.chatting, ((Incoming, (SessionEnded(),)), (Incoming, (late,))))
        for late in (
            CobrowsingRequested("s9"),
            TimeoutWarning("still there?"),
            Malformed("no event name"),
            Unknown("chat_session_new", "{}"),
        )
    ),
    (lambda: play.chatting(SHORT), ((SendEntry, Location("1", "2", LONG)),)),
    (lambda: play.chatting(SHORT), ((SendFile, LONG),)),
    *(
        (lambda: play.chatting(SHORT), ((Incoming, (shown,)), intent))
        for shown, intent in (
            (FormShow(LONG, "survey"), (AnswerForm, LONG, {})),
            (FormShow(LONG, "survey"), (CancelForm, LONG)),
            (SecureFormShow(LONG, "card"), (AnswerSecureForm, LONG, "vault")),
        )
    ),
    *(
        (
            lambda: play.chatting(Config(items_limit=1)),
            ((Incoming, (SecureFormShow("f", "card"),)), (SendText, "full"), intent),
        )
        for intent in ((AnswerSecureForm, "f", "vault"), (CancelForm, "f"))
    ),
)
"""What neither the tests nor random lives come by: where it begins, and what is done; a command is answered."""


def seldom() -> Iterator[Story]:
    for begin, doings in SELDOM:
        one = begin()
        for kind, *args in doings:
            with suppress(IllegalIntent):
                (one.answer if kind in COMMANDS else one.do)(kind, *args)
        yield _story(one, "seldom")


CONTEXT = (
    play.joined("bot", "scenario"),
    Typing("bot"),
    FormShow("f1", "survey"),
    SecureFormShow("f3", "card"),
    TimeoutWarning("still there?"),
)
"""What most entries refer to."""
SIGNALS: tuple[Any, ...] = (
    *(Status(state) for state in ("failed", "completed")),
    SessionEnded(),
    InactivityTimeout("bye"),
)
"""Entries that end a session."""
TOO_LONG: tuple[Any, ...] = (
    lambda at: SendEntry(at, Location("1", "2", LONG)),
    lambda at: SendFile(at, LONG),
    lambda at: AnswerForm(at, LONG, {}),
    lambda at: AnswerSecureForm(at, LONG, "vault"),
    lambda at: CancelForm(at, LONG),
)


def everywhere() -> Iterator[Story]:
    """Each state of each machine, and each event in it: plain, in a rich context, at a full queue, over a limit."""
    events = (*INTENTS, *OTHER_EVENTS, *(_together(*pair) for pair in _PAIRS))
    for make in (maker for states in EXAMPLES.values() for some in states.values() for maker in some):
        for event in events:
            yield _in_context(make, event)
            yield _in_context(make, event, CONTEXT)
            yield _in_context(make, event, CONTEXT, full=True, items_limit=1)
        for event in TOO_LONG:
            long_forms = (FormShow(LONG, "survey"), *((SecureFormShow(LONG, "card"),) if event is TOO_LONG[3] else ()))
            yield _in_context(make, event, long_forms[-1:], text_limit=20)


_PAIRS: tuple[tuple[Any, Any], ...] = tuple(
    pair
    for signal in SIGNALS
    for pair in ((SessionEnded() if signal != SessionEnded() else SIGNALS[0], signal), (signal, play.message(78)))
)
"""A second signal after another, and a message after a signal, in one batch."""


def _together(*entries: Any) -> Any:
    return lambda at: Incoming(at, entries)


def _in_context(make: Any, event: Any, context: tuple[Any, ...] = (), full: bool = False, **config: int) -> Story:
    one = make()
    with suppress(IllegalIntent):
        if context:
            one.do(Incoming, context)
        if full:
            one.do(SendText, "full")
    with suppress(IllegalIntent):
        one.feed(event(one.now))
    one.do(Incoming, (play.message(77),))
    for _ in range(2):
        if next_deadline(one.session) is not None:
            one.tick()
    return _story(one, "everywhere", config=config)


def _story(one: Any, name: str, why: str = "", config: dict[str, Any] | None = None) -> Story:
    config = to_json(one.session.config, Config) | (config or {})
    doings = [told if isinstance(told, dict) else {"event": encode_event(_alone(told))} for told in one.story]
    return Story(name, play.NOW, config, tuple(linked_steps(play.NOW, config, doings)), why)


def _alone(event: Any) -> Any:
    """An opening after another session says so by the step before it."""
    return evolve(event, after=None) if getattr(event, "after", None) is not None else event


def lives() -> Iterator[Story]:
    for number in range(LIVES):
        random = Random(number)
        yield story_of(vector_of(trace_of([random.randbytes(10) for _ in range(STEPS)]), f"life {number}"))

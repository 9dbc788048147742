"""The rules of DRIVER.md: each loss with a wrong driver, and its absence with the driver of the page."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from statemachine import (
    Answered,
    ChatOpened,
    Command,
    Config,
    CreateChat,
    EventBatch,
    Failure,
    Post,
    Received,
    Reply,
    RequestChat,
    Restarted,
    SendFile,
    SendText,
    Session,
    Tick,
    changes,
    new_session,
    next_deadline,
    outbox,
    reduce,
    restore,
    snapshot,
)
from statemachine.emulator import Centre, Knobs
from statemachine.emulator.actions import Connect, Say, SetStatus
from statemachine.http import Cookies
from statemachine.wire import Message, SessionEnded
from tests.driver.world import ChatDriver, Crash, World


class Program:
    """An application with a driver of this class; `restart` is a new process with the same database."""

    def __init__(self, driver: Any = ChatDriver, world: World | None = None) -> None:
        self.world = world or World()
        self.database = sqlite3.connect(":memory:")
        self.delivered: dict[int, Any] = {}
        self.dies_at_delivery = False
        self.make = driver
        self.driver = self._process()

    def _process(self) -> Any:
        return self.make(self.database, self.world.start, self.world.abort, self.deliver, self.world.now)

    def deliver(self, seq: int, content: str) -> None:
        if self.dies_at_delivery:
            raise Crash
        self.delivered[seq] = json.loads(content)

    def restart(self) -> None:
        self.world.kill()
        self.dies_at_delivery = False
        self.world.time += 3_000
        self.driver = self._process()

    def begin(self) -> Program:
        """A chat with an agent in it."""
        self.driver.feed(RequestChat(self.world.now(), "origin", text="hello", key="hello"))
        self.run(1)
        self.world.act(SetStatus("connecting"), Connect("Ada", "Ada", "L"))
        self.run(1)
        return self

    def send(self, text: str) -> None:
        self.driver.feed(SendText(self.world.now(), text, key=text))

    def run(self, seconds: float) -> None:
        self.world.run(self.driver, seconds)

    def states(self, key: str) -> list[str]:
        """The outcomes delivered for the text with this key."""
        return [
            one["state"] for one in self.delivered.values() if one["type"] == "delivery_update" and one["key"] == key
        ]

    def heard(self) -> list[str]:
        """The agent's texts that were delivered."""
        entries = [one["entry"] for one in self.delivered.values() if one["type"] == "received"]
        return [entry["msg_text"] for entry in entries if entry["type"] == "message" and "msg_text" in entry]


def test_the_driver_of_the_page_holds_a_chat() -> None:
    program = Program().begin()
    program.send("my parcel is late")
    program.run(1)
    program.world.act(Say("one moment", "Ada"))
    program.run(1)
    assert program.world.texts == ["hello", "my parcel is late"]
    assert program.states("my parcel is late")[0] == "sent"
    assert "one moment" in program.heard()
    assert program.driver.session.phase == "agent_joined"
    assert program.world.centre.violations == []


# --- 1: save, then execute --------------------------------------------------------------------------------------------


class ExecutesFirst(ChatDriver):  # type: ignore[misc]
    """Calls `execute` before `save`."""

    def save(self, updates: Any) -> None:
        self.updates = updates

    def execute(self, commands: Any) -> None:
        super().execute(commands)
        super().save(self.updates)


@pytest.mark.parametrize(("driver", "arrived"), [(ChatDriver, 1), (ExecutesFirst, 2)])
def test_rule_1_save_then_execute(driver: Any, arrived: int) -> None:
    program = Program(driver).begin()
    start = program.world.start

    def start_and_die(command: Command) -> None:
        start(command)
        raise Crash

    program.driver.start = start_and_die
    with pytest.raises(Crash):
        program.send("once")
    program.restart()
    program.send("once")  # the application does not know whether it was accepted; the key makes it one text
    program.run(120)
    assert program.world.texts.count("once") == arrived


# --- 2: deliver from the journal --------------------------------------------------------------------------------------


class DeliversDirectly(ChatDriver):  # type: ignore[misc]
    """Saves the session alone, and delivers the updates of the step afterwards."""

    def save(self, updates: Any) -> None:
        super().save([])
        self.waiting = updates

    def deliver_journal(self) -> None:
        for seq, content in getattr(self, "waiting", ()):
            self.deliver(seq, content)
        self.waiting = []


@pytest.mark.parametrize(("driver", "heard"), [(ChatDriver, True), (DeliversDirectly, False)])
def test_rule_2_deliver_from_the_journal(driver: Any, heard: bool) -> None:
    program = Program(driver).begin()
    program.dies_at_delivery = True
    program.world.act(Say("your refund is 40 EUR", "Ada"))
    with pytest.raises(Crash):
        program.run(1)
    program.restart()
    program.run(120)
    assert ("your refund is 40 EUR" in program.heard()) == heard


# --- 3: Restarted before anything else --------------------------------------------------------------------------------


class ExecutesTheOutbox(ChatDriver):  # type: ignore[misc]
    """After a restart it executes what is owed, without `Restarted`."""

    def feed(self, event: Any) -> None:
        if isinstance(event, Restarted):
            self.execute(list(outbox(self.session)))
            event = Tick(event.at)
        super().feed(event)


@pytest.mark.parametrize(("driver", "arrived"), [(ChatDriver, 1), (ExecutesTheOutbox, 2)])
def test_rule_3_restarted_before_anything_else(driver: Any, arrived: int) -> None:
    program = Program(driver).begin()
    program.send("once")  # it has arrived; its answer dies with the process
    program.restart()
    program.run(120)
    assert program.world.texts.count("once") == arrived
    assert program.states("once")[0] == "sent"


# --- 4: not at each load ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("restarted_at_each_load", "tries"), [(False, 4), (True, 0)])
def test_rule_4_restarted_is_not_for_each_load(restarted_at_each_load: bool, tries: int) -> None:
    """A row that is loaded each half second, of a chat that is to be requested again after a failure."""
    session, (create,) = reduce(new_session(0), RequestChat(0, "o", text="hello"))
    session, _ = reduce(session, Answered(100, create.id, Failure("http", 503)))  # type: ignore[union-attr]
    row, seen = snapshot(session), 0
    for at in range(500, 30_000, 500):
        session = restore(row)
        events = [Restarted(at)] if restarted_at_each_load else [Tick(at)]
        for event in events:
            session, out = reduce(session, event)
            for command in out:
                if isinstance(command, CreateChat):
                    seen += 1
                    session, _ = reduce(session, Answered(at, command.id, Failure("http", 503)))
        row = snapshot(session)
    assert seen >= tries if tries else seen == 0


# --- 5: side by side, but one step at a time --------------------------------------------------------------------------


class OneCallAtATime(ChatDriver):  # type: ignore[misc]
    """Begins a call when the one before is answered."""

    def execute(self, commands: Any) -> None:
        self.waiting = [*getattr(self, "waiting", []), *commands]
        self._next()

    def _next(self) -> None:
        if self.waiting and not self.in_flight:
            command = self.waiting.pop(0)
            self.in_flight[command.id] = command
            self.start(command)

    def answered(self, command_id: int, reply: Reply) -> None:
        super().answered(command_id, reply)
        self._next()


@pytest.mark.parametrize(("driver", "arrives_at_once"), [(ChatDriver, True), (OneCallAtATime, False)])
def test_rule_5_a_text_does_not_wait_for_the_poll(driver: Any, arrives_at_once: bool) -> None:
    program = Program(driver).begin()
    program.send("now")
    program.run(2)
    assert ("now" in program.world.texts) == arrives_at_once


@pytest.mark.parametrize("compares_versions", [False, True])
def test_rule_5_two_workers_with_one_row(compares_versions: bool) -> None:
    row: dict[str, Any] = {"version": 0, "session": snapshot(reduce(new_session(0), RequestChat(0, "o"))[0])}

    def load() -> tuple[int, Session]:
        return row["version"], restore(row["session"])

    def save(version: int, session: Session) -> bool:
        if compares_versions and row["version"] != version:
            return False
        row.update(version=version + 1, session=snapshot(session))
        return True

    first, second = load(), load()  # both before either saves
    for loaded, text in ((first, "one"), (second, "two")):
        version, session = loaded
        while not save(version, reduce(session, SendText(1, text))[0]):
            version, session = load()
    kept = [item.entry.text for item in load()[1].items if isinstance(item.entry, Message)]
    assert kept == (["one", "two"] if compares_versions else ["two"])


# --- 6: withdrawn commands --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feeds_withdrawn", [True, False])
def test_rule_6_the_answer_of_a_withdrawn_post_is_fed(feeds_withdrawn: bool) -> None:
    session, (create,) = reduce(new_session(0, Config(api="v1")), RequestChat(0, "o"))
    session, (poll,) = reduce(session, Answered(1, create.id, ChatOpened("C", "connected", None, True)))  # type: ignore[union-attr]
    session, out = reduce(session, SendText(2, "and?"))
    (post,) = [one for one in out if isinstance(one, Post)]
    session, _ = reduce(session, Answered(3, poll.id, EventBatch((SessionEnded(),))))  # type: ignore[union-attr]
    assert post not in outbox(session)
    heard = []
    if feeds_withdrawn:
        _, told = reduce(session, Answered(4, post.id, EventBatch((Message("m", "A", "goodbye", timestamp=1),))))
        heard = [one.entry.text for one in told if isinstance(one, Received) and isinstance(one.entry, Message)]
    assert heard == (["goodbye"] if feeds_withdrawn else [])


# --- 7: truthful failures ---------------------------------------------------------------------------------------------


class CallsTimeoutsUnsent(ChatDriver):  # type: ignore[misc]
    """Takes a missing answer for a request that never left."""

    def answered(self, command_id: int, reply: Reply) -> None:
        super().answered(command_id, Failure("unsent") if reply == Failure("timeout") else reply)


@pytest.mark.parametrize(("driver", "arrived"), [(ChatDriver, 1), (CallsTimeoutsUnsent, 2)])
def test_rule_7_a_timeout_is_not_unsent(driver: Any, arrived: int) -> None:
    program = Program(driver).begin()
    program.world.lost = 1
    program.send("once")
    program.run(120)
    assert program.world.texts.count("once") == arrived


# --- 8: jobs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("notes_that_it_has_begun", "arrived"), [(True, 1), (False, 2)])
def test_rule_8_a_job_delivered_twice_is_executed_once(notes_that_it_has_begun: bool, arrived: int) -> None:
    program = Program().begin()
    jobs: list[Command] = []
    start = program.world.start
    program.driver.start = lambda command: jobs.append(command) if isinstance(command, Post) else start(command)
    program.send("once")
    begun: set[int] = set()
    (job,) = jobs
    for delivery in (1, 2):  # the worker dies after the request, before it confirms the job
        if notes_that_it_has_begun and job.id in begun:
            program.driver.answered(job.id, Failure("cut"))
            continue
        begun.add(job.id)
        start(job)
        if delivery == 1:
            program.world._replies.clear()
    program.driver.start = start
    program.run(120)
    assert program.world.texts.count("once") == arrived
    assert program.states("once")[0] == "sent"


# --- 9: redirects, repetitions and cookies ----------------------------------------------------------------------------


@pytest.mark.parametrize("follows", [True, False])
def test_rule_9_no_redirects(follows: bool) -> None:
    program = Program().begin()
    program.world.redirects, program.world.redirected = True, follows
    program.send("cancel my order")
    program.run(30)
    assert "cancel my order" not in program.world.texts
    assert ("sent" in program.states("cancel my order")) == follows


@pytest.mark.parametrize("repeats", [True, False])
def test_rule_9_no_repetition_by_the_library(repeats: bool) -> None:
    program = Program().begin()
    program.world.repeats = repeats
    program.send("cancel my order")
    program.run(5)
    assert program.world.texts.count("cancel my order") == (2 if repeats else 1)


@pytest.mark.parametrize("share", [True, False])
def test_rule_9_one_cookie_jar_for_each_session(share: bool) -> None:
    centre, jar = Centre(Knobs(), "silent"), Cookies()
    ann = Program(world=World(centre, "WebChat", jar)).begin()
    bob = Program(world=World(centre, "WebChat", jar if share else Cookies()))
    bob.driver.feed(RequestChat(bob.world.now(), "bob", text="a secret of bob"))
    bob.run(5)
    assert len(centre.chats) == (1 if share else 2)
    assert ("a secret of bob" in [text for _, text in next(iter(centre.chats.values())).texts_received]) == share
    assert ann.driver.session.chat.chat_id


# --- 10: the alarm ----------------------------------------------------------------------------------------------------


class WithoutAlarm(ChatDriver):  # type: ignore[misc]
    """Never wakes."""

    def feed(self, event: Any) -> None:
        super().feed(event)
        self.alarm = None


@pytest.mark.parametrize(("driver", "is_open"), [(ChatDriver, True), (WithoutAlarm, False)])
def test_rule_10_one_alarm(driver: Any, is_open: bool) -> None:
    program = Program(driver)
    program.world.down = True
    program.driver.feed(RequestChat(program.world.now(), "o", text="hello"))
    program.run(1)
    program.world.down = False
    program.run(60)
    assert bool(program.world.centre.chats) == is_open


# --- 11: status updates after a restore -------------------------------------------------------------------------------


def test_rule_11_status_updates_after_a_restore() -> None:
    program = Program().begin()
    program.restart()
    names = [type(one).__name__ for one in program.driver.shown]
    assert "RosterChanged" in names
    session = restore(snapshot(program.driver.session))
    assert "RosterChanged" not in [type(one).__name__ for one in changes(session, session)]  # of steps alone: nothing


# --- 12: what commands name -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "states"), [("no_payload", ["failed"]), ("unsent", [])])
def test_rule_12_a_file_that_is_gone(kind: Any, states: list[str]) -> None:
    program = Program().begin()
    start = program.world.start

    def start_or_fail(command: Command) -> None:
        if type(command).__name__ == "Upload":
            program.world._replies.append((command.id, Failure(kind)))
        else:
            start(command)

    program.driver.start = start_or_fail
    program.driver.feed(SendFile(program.world.now(), "gone.pdf", key="file"))
    program.run(120)
    assert program.states("file") == states


# --- 13: times --------------------------------------------------------------------------------------------------------


def test_rule_13_seconds_make_deadlines_too_long_and_are_reported() -> None:
    seconds, milliseconds = 1_800_000_000, 1_800_000_000_000
    session, out = reduce(new_session(seconds), RequestChat(seconds, "o"))
    due = next_deadline(session)
    assert due is not None
    assert due - seconds > 3_600  # more than an hour, where seconds are meant
    assert [one.kind for one in out if type(one).__name__ == "Anomaly"] == ["seconds"]  # type: ignore[union-attr]
    _, out = reduce(new_session(milliseconds), RequestChat(milliseconds, "o"))
    assert [type(one) for one in out] == [CreateChat]

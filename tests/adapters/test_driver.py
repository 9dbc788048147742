"""The one loop, on a virtual clock and on asyncio's: the same tests, so that both are the same loop."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from statemachine import (
    Answered,
    Background,
    ChatOpened,
    CreateChat,
    DeliveryUpdate,
    End,
    EventBatch,
    Failure,
    HistoryLog,
    IllegalIntent,
    Incoming,
    PhaseChanged,
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    Received,
    Reply,
    RequestChat,
    Restarted,
    SendText,
    Tick,
    outbox,
    wake_window,
)
from statemachine.adapters import driver as module
from statemachine.adapters.driver import DriverStopped, label
from statemachine.adapters.protocols import TakenOver
from statemachine.codec.snapshot import restore, snapshot
from statemachine.store.errors import StaleSave
from statemachine.wire import Malformed, Message, SessionEnded
from tests.adapters.bench import Bench, LoopBench, Rig, VirtualBench

HELLO = EventBatch((Message(msg_id="1", party_id="agent", msg_text="hello"),))


@pytest.fixture(params=[VirtualBench, LoopBench])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench: VirtualBench | LoopBench = request.param()
    yield bench
    bench.close()


@pytest.fixture
def rig(bench: Bench) -> Rig:
    return Rig(bench)


def test_a_step_is_saved_then_executed_then_published(rig: Rig) -> None:
    rig.request()
    assert rig.notes == ["save 1", "execute CreateChat", "published"]


def test_nothing_is_executed_or_published_before_its_save_is_done(rig: Rig) -> None:
    rig.store.held = True
    rig.request()
    assert rig.notes == []
    assert rig.driver.session.phase == "requesting"
    assert rig.driver.saved.phase == "idle"
    rig.store.release()
    assert rig.notes == ["save 1", "execute CreateChat", "published"]
    assert rig.driver.saved is rig.driver.session


def test_updates_are_saved_with_the_step_and_published_with_its_statuses(rig: Rig) -> None:
    rig.live().transport.answer(Poll, HELLO)
    assert [type(one) for one in rig.store.saves[-1].updates] == [Received]
    assert rig.store.journal("session", 0, 10) == rig.store.saves[-1].updates == rig.listener.steps[-1].transcript
    assert rig.listener.steps[0].statuses == (PhaseChanged("requesting"),)


def test_versions_count_the_saves(rig: Rig) -> None:
    rig.live()
    assert [save.version for save in rig.store.saves] == [1, 2] == list(range(1, rig.driver.version + 1))


def test_an_answer_comes_back_as_an_event_of_its_moment(rig: Rig) -> None:
    rig.request()
    rig.bench.run(5)
    before = rig.now()
    rig.transport.answer(CreateChat, ChatOpened("chat", "queued"))
    event = rig.observer.events[-1]
    assert isinstance(event, Answered)
    assert before <= event.at <= rig.now()
    assert (event.command, event.reply) == (rig.transport.last(CreateChat).id, ChatOpened("chat", "queued"))


def test_the_checkpoints_come_in_order(rig: Rig) -> None:
    rig.live().transport.answer(Poll, HELLO)
    create, poll, again = (one.id for one in rig.transport.executed if isinstance(one, CreateChat | Poll))
    assert [
        moment for moment in rig.observer.checkpoints if moment[0] != "executed" or moment[1] in (create, poll, again)
    ] == [
        ("saved", 1),
        ("executed", create),
        ("answered", create),
        ("saved", 2),
        ("executed", poll),
        ("answered", poll),
        ("saved", 3),
        ("executed", again),
        ("published", 1),
    ]


def test_it_wakes_at_the_deadline_and_an_unanswered_call_is_given_up(rig: Rig) -> None:
    rig.request()
    rig.bench.run(150)
    assert any(isinstance(event, Tick) for event in rig.observer.events)
    assert rig.transport.kinds().count("CreateChat") >= 2


def test_it_wakes_within_the_window_that_the_session_allows(rig: Rig) -> None:
    rig.live()
    for _ in range(3):
        rig.transport.answer(Poll, Failure("http", 503, 5001))
        window = wake_window(rig.driver.session)
        assert window is not None
        if isinstance(rig.bench, VirtualBench):
            assert rig.bench.clock.armed() == [window[1]]
        rig.bench.run(window[1] - rig.now() + 30)
        tick = next(event for event in reversed(rig.observer.events) if isinstance(event, Tick))
        assert tick.at >= window[0]


def test_there_is_one_alarm() -> None:
    bench = VirtualBench()
    rig = Rig(bench).live()
    for number in range(5):
        rig.say(f"text {number}")
    assert len(bench.clock.armed()) == 1


def test_an_alarm_whose_window_did_not_change_stays() -> None:
    bench = VirtualBench()
    rig = Rig(bench).live()
    jitters = bench.clock.jitters
    for _ in range(5):
        bench.run(1)
        rig.driver.feed(Tick(rig.now()))
    assert bench.clock.jitters == jitters


def test_an_event_that_changes_nothing_is_not_saved(rig: Rig) -> None:
    rig.live()
    saves, answers = len(rig.store.saves), []
    rig.driver.feed(Tick(rig.now()), answers.append)
    assert len(rig.store.saves) == saves
    assert answers == [None]


def test_empty_polls_save_nothing(rig: Rig) -> None:
    rig.live()
    saves = len(rig.store.saves)
    for _ in range(100):
        rig.bench.run(1)
        rig.transport.answer(Poll, EventBatch())
    assert len(rig.store.saves) == saves
    assert rig.transport.kinds().count("Poll") == 101
    rig.say()
    assert [save.version for save in rig.store.saves[saves:]] == [saves + 1]
    assert rig.store.saves[-1].session.ids > 100


def test_a_poll_waits_for_earlier_saves(rig: Rig) -> None:
    rig.live()
    rig.store.held = True
    rig.say()
    rig.transport.answer(Poll, EventBatch())
    assert rig.transport.kinds().count("Poll") == 1
    rig.store.release()
    assert rig.transport.kinds()[-2:] == ["Post", "Poll"]


def test_a_caller_that_waits_for_a_save_gets_one(rig: Rig) -> None:
    rig.live()
    saves, answers = len(rig.store.saves), []
    rig.driver.feed(Background(rig.now()), answers.append)
    assert answers == [None]
    assert [save.session.connection for save in rig.store.saves[saves:]] == [rig.driver.session.connection]


def test_an_event_without_effect_waits_for_earlier_saves(rig: Rig) -> None:
    rig.live()
    rig.store.held = True
    answers: list[tuple[str, BaseException | None]] = []
    rig.driver.feed(SendText(rig.now(), "hello", key="k"), lambda error: answers.append(("first", error)))
    rig.driver.feed(SendText(rig.now(), "hello", key="k"), lambda error: answers.append(("again", error)))
    assert answers == []
    rig.store.release()
    assert answers == [("first", None), ("again", None)]
    assert rig.transport.kinds().count("Post") == 1


def test_a_command_withdrawn_before_its_save_is_done_is_not_executed(rig: Rig) -> None:
    rig.live()
    rig.store.held = True
    rig.transport.answer(Poll, EventBatch())
    polls = rig.transport.kinds().count("Poll")
    ended = EventBatch((SessionEnded(),))
    again = outbox(rig.driver.session)[0]
    assert isinstance(again, Poll)
    rig.driver.feed(Answered(rig.now(), again.id, ended))
    assert rig.driver.session.phase == "ended"
    rig.store.release()
    assert rig.transport.kinds().count("Poll") == polls


def test_a_read_in_flight_that_is_owed_no_more_is_aborted_and_a_post_is_not(rig: Rig) -> None:
    rig.live().say()
    poll = rig.transport.last(Poll)
    rig.bench.run(60)  # both are given up
    assert rig.transport.last(Post).id not in [one.id for one in outbox(rig.driver.session)]
    assert rig.transport.aborted == [poll.id]


def test_a_poll_in_flight_at_the_end_is_not_aborted_and_its_batch_is_delivered_late(rig: Rig) -> None:
    rig.live().driver.feed(Incoming(rig.now(), (SessionEnded(),)))
    assert rig.driver.session.phase == "ended"
    assert rig.transport.aborted == []
    assert "finished" not in rig.notes
    rig.transport.answer(Poll, HELLO)
    assert [(one.entry, one.late) for one in rig.store.saves[-1].updates] == [(HELLO.entries[0], True)]
    assert rig.notes[-2:] == ["published", "finished"]


@pytest.mark.parametrize("reply", [Failure("http", 404, 5005), Failure("timeout"), EventBatch(())], ids=str)
def test_a_session_is_finished_once_nothing_in_flight_can_bring_anything_more(rig: Rig, reply: Reply) -> None:
    rig.live().driver.feed(Incoming(rig.now(), (SessionEnded(),)))
    rig.transport.answer(Poll, reply)
    assert rig.notes[-1] == "finished"
    assert rig.notes.count("finished") == 1
    rig.driver.feed(Tick(rig.now()))
    assert rig.notes.count("finished") == 1


def test_a_history_in_flight_at_the_end_is_not_aborted(rig: Rig) -> None:
    rig.live().transport.answer(Poll, HELLO)
    rig.transport.answer(PostEphemeral, EventBatch(()))
    rig.transport.answer(Poll, Failure("cut"))
    rig.bench.run(20)
    rig.driver.feed(Incoming(rig.now(), (SessionEnded(),)))
    assert rig.transport.aborted == []
    missed = Message(msg_id="2", party_id="agent", msg_text="you there?")
    rig.transport.answer(ReadHistory, HistoryLog((*HELLO.entries, missed)))
    assert [(one.entry, one.late) for one in rig.store.saves[-1].updates] == [(missed, True)]
    assert rig.notes[-1] == "finished"


def test_a_session_is_finished_after_its_last_save(rig: Rig) -> None:
    rig.live().store.held = True
    rig.driver.feed(Incoming(rig.now(), (SessionEnded(),)))
    rig.transport.answer(Poll, HELLO)
    assert "finished" not in rig.notes
    rig.store.release()
    assert rig.notes[-2:] == ["published", "finished"]


def test_a_late_answer_to_a_withdrawn_post_is_handled(rig: Rig) -> None:
    rig.live().say()
    rig.bench.run(60)
    assert rig.transport.last(Post).id not in [one.id for one in outbox(rig.driver.session)]
    rig.transport.answer(Post, HELLO)
    assert [type(one).__name__ for one in rig.store.saves[-1].updates] == ["Received"]


def test_an_illegal_intent_is_raised_and_nothing_moves(rig: Rig) -> None:
    before = rig.driver.session
    with pytest.raises(IllegalIntent):
        rig.say()
    assert rig.driver.session is before
    assert rig.notes == []
    assert not rig.driver.stopped


def test_commands_keep_their_order_when_a_transport_answers_at_once(rig: Rig) -> None:
    rig.transport.replies = {
        CreateChat: ChatOpened("chat", "queued", None, is_new_chat=True),
        Post: EventBatch(),
    }
    rig.driver.feed(RequestChat(rig.now(), "origin", text="first"))
    assert rig.transport.kinds() == ["CreateChat", "Poll", "Post"]
    told = [one for updates in rig.listener.steps for one in updates.transcript]
    assert [(one.seq, one.state) for one in told if isinstance(one, DeliveryUpdate)] == [(1, "sent")]
    first = ["save 1", "execute CreateChat"]
    second = ["save 2", "published", "execute Poll", "execute Post"]
    assert rig.notes == [*first, *second, "save 3", "published", "published"]


# --- failing saves --------------------------------------------------------------------------------------------------


def test_a_save_that_fails_stops_the_driver_and_executes_nothing(rig: Rig) -> None:
    rig.live()
    rig.store.failure = OSError("disk full")
    executed, answers = len(rig.transport.executed), []
    rig.driver.feed(SendText(rig.now(), "hello"), answers.append)
    assert answers == [rig.store.failure]
    assert rig.listener.ends == [rig.store.failure]
    assert rig.driver.error is rig.store.failure
    assert len(rig.transport.executed) == executed
    assert rig.transport.aborted == [rig.transport.last(Poll).id]
    with pytest.raises(DriverStopped) as caught:
        rig.say()
    assert caught.value.__cause__ is rig.store.failure


def test_a_save_that_fails_takes_the_later_ones_with_it(rig: Rig) -> None:
    rig.live()
    rig.store.held = True
    answers: list[BaseException | None] = []
    rig.driver.feed(SendText(rig.now(), "one"), answers.append)
    rig.driver.feed(SendText(rig.now(), "two"), answers.append)
    rig.store.failure = OSError("disk full")
    rig.store.release()
    assert answers == [rig.store.failure] * 2
    assert "Post" not in rig.transport.kinds()
    assert rig.listener.ends == [rig.store.failure]


def test_another_driver_of_the_session_stops_the_driver(bench: Bench) -> None:
    rig = Rig(bench).live()
    other = Rig(bench, rig.driver.session, version=1)
    other.store = rig.store
    other.driver = module.Driver(
        "session",
        rig.driver.session,
        version=1,
        clock=bench.clock,
        transport=other.transport,
        store=rig.store,
        listener=other.listener,
    )
    other.driver.start()
    assert isinstance(other.driver.error, StaleSave)
    assert other.transport.executed == []
    assert not rig.driver.stopped


def test_a_store_that_raises_is_a_save_that_failed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = RuntimeError("a broken promise")

    def save(*_: object) -> None:
        raise failure

    monkeypatch.setattr(rig.store, "save", save)
    rig.request()
    assert rig.listener.ends == [failure]


def test_nothing_comes_after_the_stop(rig: Rig) -> None:
    rig.live().say()
    rig.store.failure = OSError("disk full")
    rig.transport.answer(Poll, HELLO)
    told = len(rig.listener.steps)
    rig.transport.answer(Post, EventBatch())
    rig.bench.run(100)
    assert len(rig.listener.steps) == told
    assert rig.listener.ends == [rig.store.failure]


# --- restart and stop -----------------------------------------------------------------------------------------------


def test_a_stored_session_goes_on_with_a_restart(bench: Bench) -> None:
    rig = Rig(bench).live()
    again = Rig(bench, restore(json.loads(json.dumps(snapshot(rig.driver.session)))), version=2)
    assert [type(event) for event in again.observer.events] == [Restarted]
    assert again.transport.kinds() == [type(one).__name__ for one in outbox(again.driver.session)]


def test_a_new_session_begins_without_a_word(rig: Rig) -> None:
    assert rig.observer.events == []
    assert rig.notes == []


def test_stop_aborts_reads_waits_for_posts_and_saves_their_outcome(rig: Rig) -> None:
    rig.live().say()
    rig.driver.stop()
    rig.driver.stop()
    assert rig.transport.aborted == [rig.transport.last(Poll).id]
    assert rig.listener.ends == []
    with pytest.raises(DriverStopped):
        rig.say()
    rig.transport.answer(Post, EventBatch())
    assert rig.listener.ends == [None]
    stored = rig.store.load("session")
    assert stored is not None
    assert stored.session.items[0].state.name == "sent"


def test_stop_empties_the_queue_first(rig: Rig) -> None:
    rig.live()
    texts, polls = [rig.say(f"text {number}") for number in range(5)], rig.transport.kinds().count("Poll")
    rig.driver.stop()
    for _ in texts:
        assert rig.listener.ends == []
        rig.transport.answer(Post, EventBatch())
    assert {item.id: item.state.name for item in rig.driver.session.items} == dict.fromkeys(texts, "sent")
    assert rig.transport.kinds().count("Poll") == polls
    assert rig.listener.ends == [None]


def test_stop_does_not_wait_for_deadlines(rig: Rig) -> None:
    rig.live()
    first, second = rig.say("first"), rig.say("second")
    rig.driver.stop()
    rig.transport.answer(Post, Failure("unsent"))
    assert rig.listener.ends == [None]
    states = {item.id: item.state.name for item in rig.driver.session.items}
    assert states == {first: "pending", second: "pending"}


def test_stop_asks_for_nothing_new_and_says_that_it_was_not_sent(rig: Rig) -> None:
    rig.store.held = True
    rig.request()
    rig.driver.stop()
    rig.store.release()
    rig.store.release()
    assert rig.transport.executed == []
    assert rig.driver.session.phase == "requesting"
    assert outbox(rig.driver.session) == ()


def test_stop_waits_for_saves(rig: Rig) -> None:
    rig.store.held = True
    rig.request()
    rig.driver.stop()
    assert rig.listener.ends == []
    rig.store.release()
    rig.store.release()
    assert rig.listener.ends == [None]
    assert rig.transport.executed == []


def test_stop_disarms(rig: Rig) -> None:
    rig.live().say()
    rig.driver.stop()
    events = len(rig.observer.events)
    rig.bench.run(100)
    assert len(rig.observer.events) == events


def test_abandon_lets_go_at_once(rig: Rig) -> None:
    rig.live().say()
    rig.store.held = True
    answers: list[BaseException | None] = []
    rig.driver.feed(SendText(rig.now(), "two"), answers.append)
    rig.driver.abandon()
    assert rig.listener.ends == [None]
    assert isinstance(answers[0], DriverStopped)
    rig.transport.answer(Post, EventBatch())
    rig.store.release()
    assert rig.listener.ends == [None]


# --- nothing escapes ------------------------------------------------------------------------------------------------


def test_an_error_in_a_step_without_caller_stops_the_driver(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.live()
    failure = RuntimeError("a fault of ours")

    def reduce(*_: object) -> None:
        raise failure

    monkeypatch.setattr(module, "reduce", reduce)
    with capture_logs() as logs:
        rig.transport.answer(Poll, HELLO)
    assert rig.listener.ends == [failure]
    assert [(log["event"], log["error"]) for log in logs] == [("driver_stopped", "RuntimeError")]


def test_that_another_process_drives_the_session_now_is_no_error(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.live()
    error = TakenOver()

    def save(*_: object) -> None:
        raise error

    monkeypatch.setattr(rig.store, "save", save)
    with capture_logs() as logs:
        rig.transport.answer(Poll, HELLO)
    assert rig.listener.ends == [error]
    assert [(log["event"], log["log_level"]) for log in logs] == [("chat_taken_over", "info")]


def test_a_step_that_stops_the_driver_publishes_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(*_: object) -> None:
        raise OSError("disk full")

    rig.transport.replies = {CreateChat: ChatOpened("chat", "queued")}
    first = rig.store.save
    monkeypatch.setattr(rig.store, "save", lambda *args: (monkeypatch.setattr(rig.store, "save", save), first(*args)))
    rig.request()
    assert rig.notes == ["save 1", "execute CreateChat"]
    assert [type(error) for error in rig.listener.ends] == [OSError]


def test_a_listener_that_raises_stops_the_driver(rig: Rig) -> None:
    rig.live()
    rig.listener.failure = RuntimeError("a fault of the owner")
    rig.transport.answer(Poll, HELLO)
    assert rig.listener.ends == [rig.listener.failure]


def test_an_observer_that_raises_stops_nothing(rig: Rig) -> None:
    rig.observer.failure = RuntimeError("trace.jsonl: no space left")
    with capture_logs() as logs:
        rig.live().say()
    assert {log["event"] for log in logs} == {"observer_failed"}
    assert not rig.driver.stopped


def test_logs_contain_no_customer_id_and_no_text(rig: Rig) -> None:
    rig.live()
    with capture_logs() as logs:
        rig.transport.answer(
            Poll, EventBatch((Malformed("timestamp: expected a number", raw='{"msg": "secret words"}'),))
        )
    assert logs
    assert "secret" not in repr(logs)
    assert all(log["session"] == label("session") for log in logs)


def test_an_end_runs_to_its_outcome(rig: Rig) -> None:
    rig.live()
    rig.driver.feed(End(rig.now()))
    rig.transport.answer(Post, EventBatch())
    rig.transport.answer(Poll, EventBatch((SessionEnded(),)))
    assert rig.driver.session.outcome == "ended"
    assert outbox(rig.driver.session) == ()
    assert wake_window(rig.driver.session) is None

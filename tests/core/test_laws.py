"""L1 to L14 (design, section 2) over whole random lives, hostile server included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis.vendor.pretty import pretty

from statemachine import (
    Answered,
    ChatOpened,
    DeliveryUpdate,
    EventBatch,
    HistoryGap,
    HistoryLog,
    Incoming,
    Poll,
    Received,
    Session,
    Tick,
    explain,
)
from statemachine.conformance import laws
from statemachine.conformance.laws import BrokenLaw, Engine, Ledger, StepResult, take_step
from statemachine.conformance.random_walk import Follow, Reload, Walk
from statemachine.conformance.strategies import MAX_STEPS, sessions, traces
from statemachine.conformance.traces import RandomTrace, trace_of
from statemachine.core.tables import MACHINES
from statemachine.records import PHASES
from statemachine.wire import SessionEnded
from tests.core.play import chatting, message, opened

DOSE = 80
"""Random traces; the slow set checks the laws on `LARGE`."""
LARGE = 1_500


def steps(trace: RandomTrace, ledger: Ledger | None = None) -> Iterator[StepResult]:
    """The steps of a life; a ledger spans the sessions that follow one another."""
    walk = Walk(lambda n: 0)
    walk.session = trace.start
    for happening in trace.inputs:
        if isinstance(happening, Follow):
            walk.take(happening)
            if ledger is not None:
                ledger.follow(walk.session)
        elif isinstance(happening, Reload):
            walk.session = laws.DEFAULT_ENGINE.restore(laws.DEFAULT_ENGINE.snapshot(walk.session))
        else:
            step = take_step(walk.session, happening)
            yield step
            walk.session = step.after


def holds_for(trace: RandomTrace) -> None:
    """Every law, at every step."""
    ledger = Ledger()
    for step in steps(trace, ledger):
        laws.check_laws(step, ledger)


@settings(max_examples=DOSE)
@given(traces())
def test_all_laws(trace: RandomTrace) -> None:
    holds_for(trace)


@pytest.mark.slow
@settings(max_examples=LARGE)
@given(traces())
def test_all_laws_in_a_large_dose(trace: RandomTrace) -> None:
    holds_for(trace)


def test_lives_are_long_enough() -> None:
    """Laws over short traces prove little: the mean is 30 happenings at least."""
    lengths: list[int] = []

    @given(traces())
    def each(trace: RandomTrace) -> None:
        lengths.append(len(trace.inputs))

    each()
    assert sum(lengths) / len(lengths) >= 30
    assert max(lengths) <= MAX_STEPS


def walks(seeds: range, length: int = 60) -> Iterator[tuple[Walk, StepResult]]:
    """Seeded lives, with the world they are lived in."""
    for seed in seeds:
        walk = Walk(Random(seed).randrange)
        for _ in range(length):
            happening = walk.step()
            if not isinstance(happening, Follow | Reload):
                yield walk, take_step(walk.session, happening)
            walk.take(happening)


def test_an_honest_history_leaves_nothing_untold() -> None:
    """The other half of L13: after a whole log was merged, everything in it has been told."""
    ledger, merged, last = Ledger(), 0, None
    for walk, step in walks(range(250)):
        if walk is not last:
            ledger, last = Ledger(window=walk.session.config.window), walk
        laws.law_13_told_once(step, ledger)
        event = step.event
        if isinstance(event, Answered) and event.reply == HistoryLog(tuple(walk.state.log)):
            assert laws.missing_entries(step, ledger) == []
            merged += 1
    assert merged > 500


def test_lives_reach_every_phase_and_state() -> None:
    """A state that no life ever reaches is not tested by any law."""
    phases: set[str] = set()
    states = {name: set[str]() for name in MACHINES}
    for _, step in walks(range(200)):
        session = step.after
        phases.add(session.phase)
        for name, machine in MACHINES.items():
            if name == "item":
                states[name].update(item.state.name for item in session.items)
            else:
                states[name].add(getattr(session, machine.name).name)
    assert phases == set(PHASES)
    for name, machine in MACHINES.items():
        transient = {"absent", "read", "failed"} if name == "item" else set[str]()
        assert states[name] == {state.name for state in machine.states} - transient


@settings(max_examples=30)
@given(sessions(40))
def test_sessions_are_reached_by_events(session: Session) -> None:
    assert session.phase in PHASES
    assert laws.DEFAULT_ENGINE.restore(laws.DEFAULT_ENGINE.snapshot(session)) == session


def test_the_boring_choice_is_boring() -> None:
    """All choices 0: a chat that is requested, opens, and goes on in peace."""
    life = trace_of([bytes(10)] * 12)
    assert life.start.config.api == "v2"
    *_, last = steps(life)
    assert (last.after.phase, last.after.connection.name) == ("ivr", "polling")
    assert "RequestChat(" in repr(life)
    assert pretty(life) == repr(life), "hypothesis shows what can be pasted, not every session"


# --- the laws themselves: each notices a session, or an engine, that breaks it --------------------------------------


def broken(law: Callable[..., None], *args: object) -> str:
    with pytest.raises(BrokenLaw) as found:
        law(*args)
    return found.value.law


def a_step() -> StepResult:
    play = chatting()
    return take_step(play.session, Answered(play.now + 10, play.owed(Poll).id, EventBatch((message(1),))))


def idle_step() -> StepResult:
    session = chatting().session
    return take_step(session, Tick(session.now + 1))


def test_laws_notice_a_bad_engine() -> None:
    ours, step = laws.DEFAULT_ENGINE, a_step()
    always = evolve(step.after, now=step.after.now + 1)
    restless = Engine(reduce=lambda s, e: (evolve(s, seq=s.seq + 1), ()))
    assert broken(laws.law_01_second_tick, step, restless) == "L1"
    assert broken(laws.law_03_early_tick, step, restless) == "L3"
    assert broken(laws.law_02_due_first, step, Engine(reduce=lambda s, e: (always, ()))) == "L2"
    assert broken(laws.law_04_deadline_ahead, step, Engine(next_deadline=lambda s: s.now)) == "L4"
    assert broken(laws.law_04_deadline_ahead, step, Engine(wake_window=lambda s: None)) == "L4"
    assert broken(laws.law_05_restore, step, Engine(restore=lambda data: always)) == "L5"
    assert broken(laws.law_06_outbox, step, Engine(outbox=lambda s: ())) == "L6"
    assert broken(laws.law_07_one_poll, step, Engine(outbox=lambda s: (Poll(1, 1, "c"), Poll(2, 1, "c")))) == "L7"
    assert broken(laws.law_10_input, step, restless) == "L10"
    assert broken(laws.law_11_order, step, Engine(reduce=lambda s, e: (evolve(s, now=e.at), ()))) == "L11"
    blind = Engine(explain=lambda s, e: evolve(explain(s, e), moves=()))
    assert broken(laws.law_12_rows, step, blind) == "L12"
    assert laws.law_12_rows(step, evolve(ours, explain=None)) is None


def test_laws_notice_a_bad_session() -> None:
    over = chatting()
    over.answer(Poll, ChatOpened("x"))
    live, ended = chatting().session, opened("completed").session
    back = StepResult(evolve(live, lifecycle=idle_ended()), Tick(0), live, ())
    assert broken(laws.law_08_terminal, back) == "L8"
    assert ended.phase != "ended"  # a chat that has ended already is asked for again


def idle_ended() -> object:
    from statemachine.records import Ended

    return Ended()


def told(step: StepResult, *out: object) -> StepResult:
    return evolve(step, out=out)


def test_laws_notice_bad_numbers() -> None:
    step, poll = idle_step(), Poll(5, 1, "c")
    assert broken(laws.law_09_numbers, told(step, poll), Ledger(5)) == "L9"
    received = Received(3, 0, message(1))
    assert broken(laws.law_09_numbers, told(step, received), Ledger(0, 5)) == "L9"
    sent, again = DeliveryUpdate(1, 0, "o:1", "read"), DeliveryUpdate(2, 0, "o:1", "sent")
    assert broken(laws.law_09_numbers, told(step, sent, again), Ledger()) == "L9"
    failed = DeliveryUpdate(2, 0, "o:1", "failed")
    assert broken(laws.law_09_numbers, told(step, sent, failed), Ledger()) == "L9"


def test_laws_notice_what_is_told_twice() -> None:
    step = idle_step()
    twice = (Received(1, 0, message(1)), HistoryGap(2, 0), Received(3, 0, message(1, "AGENT-ANN")))
    assert broken(laws.law_13_told_once, told(step, *twice), Ledger()) == "L13"


def test_laws_notice_a_dropped_entry() -> None:
    play = chatting()
    poll = play.owed(Poll)
    play.poll(SessionEnded())
    batch = (message(1), message(2))
    for event in (Incoming(play.session.now, batch), Answered(play.session.now, poll.id, EventBatch(batch))):
        step, ledger = take_step(play.session, event), Ledger()
        assert broken(laws.law_14_nothing_dropped, step, ledger) == "L14"  # as if nothing was delivered
        laws.law_13_told_once(told(step, *step.updates[:1]), ledger)
        assert broken(laws.law_14_nothing_dropped, step, ledger) == "L14"
        laws.law_13_told_once(told(step, *step.updates[1:]), ledger)
        laws.law_14_nothing_dropped(step, ledger)
        laws.law_14_nothing_dropped(told(step), ledger)  # a repeated batch


def test_laws_notice_what_the_order_of_the_log_says_was_told() -> None:
    step, ledger = idle_step(), Ledger(window=8)
    for n in range(30):
        laws.law_13_told_once(told(step, Received(n, 0, message(n))), ledger)
    again = told(step, Received(21, 0, message(1)))
    assert broken(laws.law_13_told_once, told(step, Received(21, 0, message(29))), deepcopy(ledger)) == "L13"
    laws.law_13_told_once(again, deepcopy(ledger))  # live, and long forgotten
    behind = evolve(again, event=Answered(0, 1, HistoryLog((message(29), message(1)))))
    laws.law_13_told_once(behind, deepcopy(ledger))
    ahead = evolve(again, event=Answered(0, 1, HistoryLog((message(1), message(29)))))
    assert broken(laws.law_13_told_once, ahead, ledger) == "L13"


def test_only_intents_may_be_refused() -> None:
    from statemachine import IllegalIntent

    def refuse(session: Session, event: object) -> tuple[Session, tuple[()]]:
        raise IllegalIntent("idle", "Tick", "no")

    assert broken(take_step, chatting().session, Tick(0), Engine(reduce=refuse)) == "totality"

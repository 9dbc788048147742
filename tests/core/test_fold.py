"""Folding: what makes two entries the same, batches that come twice, the order of what comes out."""

from __future__ import annotations

from attrs import evolve

from statemachine import (
    Answered,
    Background,
    EventBatch,
    HistoryLog,
    Incoming,
    Poll,
    Post,
    Received,
    Restarted,
    Tick,
    reduce,
)
from statemachine import wire as w
from statemachine.core.actions import memory
from statemachine.core.draft import Draft
from statemachine.core.session import Chat, Ivr, Session
from tests.core.examples import ENTRIES
from tests.core.play import ANN, BOB, CHAT, TIMEOUT, Play, chatting, joined, message

BARE = w.Message(party_id=ANN, msg="yes")
DATED = w.Message(party_id=ANN, msg="yes", timestamp=1_000)

# --- the same, or another -------------------------------------------------------------------------------------------


def test_ids_are_of_one_side() -> None:
    """A server's id "1" and ours are two things; so are the same id from two chats."""
    play = chatting()
    play.poll(
        w.Message("1", ANN, msg="theirs"), w.Message("1", CHAT.upper(), msg="mine"), w.Message("1", BOB, msg="again")
    )
    assert play.heard() == ["theirs", "mine"]
    assert [one.own for one in play.received()] == [False, True]


def test_without_an_id_equal_ones_of_a_batch_count() -> None:
    play = chatting()
    play.poll(DATED, DATED)
    play.poll(DATED, DATED, DATED, message(1))
    assert play.heard() == ["yes", "yes", "yes", "text 1"]


def test_without_id_and_time_only_the_very_same_batch_is_a_repeat() -> None:
    play = chatting()
    play.poll(BARE)
    play.poll(BARE)
    assert (play.heard(), play.odd()) == (["yes"], ["repeated_batch"])
    play.poll(BARE, BARE)
    play.poll(BARE)
    assert play.heard() == ["yes"] * 4


def test_without_id_and_time_the_log_counts() -> None:
    play = chatting()
    play.poll(BARE)
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(joined(ANN), BARE, BARE)
    assert play.heard() == ["yes", "yes"]


def test_a_batch_that_differs_in_a_receipt_is_no_repeat() -> None:
    """Found by reading: two batches with the same message passed for one although their receipts were others'."""
    play = chatting()
    first, second = play.say("one"), play.say("two")
    play.posted()
    play.posted()
    play.poll(message(1), w.MessageDelivered(first, ANN))
    play.poll(message(1), w.MessageDelivered(second, ANN))
    assert [play.progress(item)[-1] for item in (first, second)] == ["delivered", "delivered"]


def test_an_entry_without_a_party_is_ours_by_its_id() -> None:
    play = chatting()
    play.poll(w.Message("o:77", msg="mine, from an earlier life"), w.Message("77", msg="the scenario"))
    assert [one.own for one in play.received()] == [True, False]


def test_digests_are_the_same_everywhere() -> None:
    d = Draft(chatting().session, 0)
    d.chat = Chat("o", "CHAT")
    assert memory.own_key(d, "o:1").hex() == "69c40d8ae684d718"
    assert len(memory.own_key(d, "\ud800")) == memory.WIDTH


def test_every_kind_has_keys_of_its_own() -> None:
    """No two kinds that are told at most once share a key."""
    d = Draft(chatting().session, 0)
    keys = {memory.key(d, entry)[0] for entry in ENTRIES if type(entry) in memory.REMEMBERED}
    assert len(keys) == len(memory.REMEMBERED)


def test_a_draft_is_frozen_into_a_session() -> None:
    before = chatting().session
    d = Draft(before, before.now + 5)
    d.lifecycle = Ivr()
    after = d.freeze()
    assert type(after) is Session
    assert after == evolve(before, now=before.now + 5, lifecycle=Ivr())
    d.lifecycle = before.lifecycle
    assert after.lifecycle == Ivr()


# --- what comes out -------------------------------------------------------------------------------------------------


def test_commands_by_id_then_news_by_seq_then_anomalies() -> None:
    play = chatting()
    play.poll(w.Unknown("new"), message(1), w.Status("hovering"))
    assert [type(one).__name__ for one in play.out] == [
        "Poll",
        "PostEphemeral",
        "Received",
        "Received",
        "Anomaly",
        "Anomaly",
    ]


def test_what_is_due_happens_before_the_event_in_its_order() -> None:
    """A message whose answer is overdue is in doubt before the answer of another call is heard."""
    play = chatting()
    play.say("hi")
    post = play.owed(Post)
    play.now += 20_000
    play.feed(Answered(play.now, post.id, EventBatch()))
    assert play.session.items[0].state.name == "in_doubt"


def test_an_answer_nobody_awaits_still_brings_its_events() -> None:
    play = chatting()
    before = play.session
    assert play.feed(Answered(play.now, 999, TIMEOUT)) == ()
    assert play.session is before
    play.feed(Answered(play.now, 999, EventBatch((message(1),))))
    assert play.heard() == ["text 1"]


def test_the_wrong_kind_of_answer_is_a_failure_with_events() -> None:
    play = chatting()
    item = play.say("hi")
    play.answer(Post, HistoryLog((message(1),)))
    assert play.heard() == ["text 1"]
    assert play.session.items[0].state.name == "in_doubt"
    assert play.progress(item) == []


def test_nothing_new_is_the_same_object() -> None:
    play = chatting()
    session = play.session
    for event in (Tick(play.now), Tick(0), Incoming(play.now, ()), Answered(play.now, 77, EventBatch())):
        after, out = reduce(session, event)
        assert after is session
        assert out == ()
    over = Play(session=session)
    over.poll(w.SessionEnded())
    assert reduce(over.session, Restarted(over.now + 5)) == (over.session, ())


def test_now_is_the_time_of_the_last_change_and_never_runs_backwards() -> None:
    play = chatting()
    before = play.session
    play.feed(Incoming(before.now - 5_000, (message(1),)))
    assert play.session.now == before.now
    assert [one.at for one in play.all if isinstance(one, Received)] == [before.now]
    play.feed(Tick(before.now + 5_000))
    assert play.session.now == before.now


def test_a_draft_that_changed_nothing_is_its_base() -> None:
    session = chatting().session
    assert Draft(session, session.now + 5).freeze() is session
    assert reduce(session, Tick(session.now))[0] is session
    assert reduce(session, Background(session.now))[0] is not session

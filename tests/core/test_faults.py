"""The faults of clients in the field (protocol.md section 8), each as the rule that the engine keeps instead.

Not shown here, because the engine alone cannot: F24 (error bodies), F29 (client ids) and F36 (HTML) are the codec's, in
tests/codec. Of F4, F5, F7, F8, F9, F10, F21 and F22 the driver, the client and the codec show the other half.
`test_all_faults_are_named` looks for all of them in the whole of tests/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from statemachine import (
    Answered,
    AnswerForm,
    Background,
    ChatOpened,
    Config,
    CreateChat,
    Disconnect,
    End,
    EventBatch,
    FileUploaded,
    Foreground,
    HistoryLog,
    IllegalIntent,
    Incoming,
    MarkDelivered,
    MarkRead,
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    Reattach,
    RequestChat,
    SendFile,
    SendText,
    StartTyping,
    next_deadline,
    outbox,
    reduce,
    wake_window,
)
from statemachine import wire as w
from statemachine.conformance.random_walk import Walk
from tests.core.examples import ENTRIES
from tests.core.play import (
    ANN,
    CHAT,
    TIMEOUT,
    chatting,
    doubting,
    http,
    joined,
    left,
    message,
    mine,
    opened,
    requested,
    upload,
)


@pytest.mark.parametrize(
    ("signal", "outcome"),
    [
        (w.SessionEnded(), "ended"),
        (w.InactivityTimeout(), "timed_out"),
        (w.Status("failed"), "failed"),
        (w.Status("completed"), "completed"),
        (None, "gone"),
    ],
)
def test_f01_any_terminal_signal_ends_the_polling(signal: w.Entry | None, outcome: str) -> None:
    """Any one of the five terminal signals is enough: a dead chat is not polled."""
    play = chatting()
    if signal is None:
        play.answer(Poll, http(404, 5005))
    else:
        play.poll(signal)
    assert play.session.outcome == outcome
    assert outbox(play.session) == ()
    assert next_deadline(play.session) is None


def test_f02_every_outcome_surfaces_once() -> None:
    """The loss of the session and trouble with the poll both reach the application."""
    play = chatting()
    play.answer(Poll, TIMEOUT)
    assert play.session.connection.name == "backing_off"
    play.tick()
    play.answer(ReadHistory, http(404))
    play.do(Incoming, (w.SessionEnded(),))
    assert play.finished().outcome == "gone"


@pytest.mark.parametrize("failure", [TIMEOUT, http(429, 5509), http(503), http(500, 5500), http(400)])
def test_f03_no_failure_is_polled_again_at_once(failure: Any) -> None:
    """Every failure is classified, and waited out, longer each time, with room for jitter."""
    play = chatting()
    pauses = []
    for _ in range(2):
        play.answer(Poll, failure)
        assert not play.owes(Poll)
        assert not play.owes(ReadHistory)
        window = wake_window(play.session)
        assert window is not None
        assert window[1] > window[0]
        pauses.append(window[0] - play.now)
        play.tick()
        play.log()
    assert pauses == [1_000, 2_000]


def test_f03_refused_credentials_are_not_tried_again() -> None:
    """Authorization refused in mid-session blocks the link, and nothing is sent until the host says so."""
    play = chatting()
    play.answer(Poll, http(403, 3000))
    play.say("waits")
    assert play.session.connection.name == "blocked"
    assert outbox(play.session) == ()
    assert next_deadline(play.session) is None


def test_f04_f35_sessions_share_nothing() -> None:
    """Two lives, taken in turns, are what they are alone: no state stands anywhere but in the session."""
    alone = [list(steps_of(seed)) for seed in (1, 2)]
    both = [steps_of(1), steps_of(2)]
    in_turns: list[list[Any]] = [[], []]
    for _ in range(LONG):
        for life, seen in zip(both, in_turns, strict=True):
            seen.append(next(life))
    assert in_turns == alone


LONG = 80


def steps_of(seed: int) -> Iterator[Any]:
    walk = Walk(Random(seed).randrange)
    for _ in range(LONG):
        walk.take(walk.step())
        yield walk.session


def test_f05_nothing_from_outside_raises() -> None:
    """Whatever comes from outside, an answer is given: no exception can end a loop that feeds the engine."""
    for entry in ENTRIES:
        play = chatting()
        play.do(Incoming, (w.Info(), entry, entry))
        for command in outbox(play.session):
            for reply in (
                ChatOpened(""),
                EventBatch((w.Info(), entry)),
                HistoryLog((entry,)),
                FileUploaded(""),
                TIMEOUT,
                http(None),
            ):
                reduce(play.session, Answered(play.now, command.id, reply))


def test_f06_an_unknown_wait_is_not_zero_and_drops_nothing() -> None:
    """The estimate is optional: without it the stage still moves."""
    play = opened("ivr")
    play.poll(w.Status("queued", None))
    assert play.session.lifecycle.ewt is None  # type: ignore[union-attr]
    play.poll(w.Status("queued", 0))
    assert play.session.lifecycle.ewt == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("timestamp", [None, -1, 0, 10**18])
def test_f07_no_entry_is_dropped_for_its_date(timestamp: int | None) -> None:
    """An absent or absurd time is no reason to lose a message."""
    play = chatting()
    play.poll(w.Message("s1", ANN, msg="hi", timestamp=timestamp))
    assert play.heard() == ["hi"]


def test_f08_unknown_values_are_survived() -> None:
    """Enums are open: a new stage keeps the last one, a new kind of party counts as an agent."""
    play = opened("queued")
    play.poll(w.Status("hovering"))
    assert (play.phase, play.odd()) == ("queued", ["unknown_state"])
    play.poll(joined(ANN, "msteams"))
    assert play.phase == "agent_joined"


def test_f09_one_bad_entry_spoils_nothing() -> None:
    """Each entry of a batch is isolated; what is not understood is told raw."""
    play = chatting()
    play.poll(message(1), w.Malformed("no event name", raw="[]"), w.Unknown("chat_session_new"), message(2))
    assert [type(one.entry) for one in play.received()] == [w.Message, w.Malformed, w.Unknown, w.Message]
    assert play.odd() == ["malformed_entry", "unknown_entry"]


def test_f10_every_empty_answer_is_an_empty_poll() -> None:
    """An empty list and 5511, whatever its status, mean: nothing new, poll on."""
    play = chatting()
    for reply in (EventBatch(), http(200, 5511), http(404, 5511), http(500, 5511)):
        play.answer(Poll, reply, later=5_000)
        assert play.owes(Poll)


def test_f11_an_id_is_born_with_the_act_and_kept() -> None:
    """The id is there before the post, the same on each try, and never given to another."""
    play = chatting()
    item = play.say("one")
    assert play.owed(Post).item == item
    play.answer(Post, http(503, 5509))
    play.tick()
    assert play.owed(Post).item == item
    assert play.owed(Post).entry == w.Message(item, msg_text="one")
    play.posted()
    assert play.say("two") != item


def test_f12_a_lost_answer_is_never_resent_blindly() -> None:
    """In doubt, nothing is sent until history has shown, late enough, that the post did not arrive."""
    play, item = doubting()
    play.wait(9_999)
    assert not play.owes(Post)
    assert not play.owes(ReadHistory)
    play.wait(1)
    play.log(joined(ANN))
    assert play.owed(Post).item == item
    assert play.progress(item) == []


def test_f12_found_in_history_is_sent() -> None:
    play, item = doubting()
    play.wait(10_000)
    play.log(joined(ANN), mine(item))
    assert not play.owes(Post)
    assert play.progress(item) == ["sent"]
    assert play.heard() == []


def test_f13_sent_means_that_the_server_has_it() -> None:
    """Said is not sent: each step of a message is told when it is true."""
    play = chatting()
    item = play.say("hi")
    assert play.progress(item) == []
    play.posted()
    play.poll(w.MessageDelivered(item, ANN))
    play.poll(w.MessageRead(item, ANN))
    assert play.progress(item) == ["sent", "delivered", "read"]
    refused = play.say("bad")
    play.answer(Post, http(400, 5003))
    assert play.failure(refused).reason == "refused"
    assert play.failure(refused).code == 5003


def test_f14_nothing_queued_vanishes_at_the_end() -> None:
    """Each unsent thing is reported, with what is known of it."""
    play = chatting()
    first, second = play.say("in flight"), play.say("queued")
    play.do(SendFile, "bytes")
    file = play.session.items[-1].id
    play.poll(w.SessionEnded())
    assert [play.failure(item).reason for item in (first, second, file)] == ["unknown", "not_sent", "not_sent"]


def test_f15_receipts_only_for_others_live_messages() -> None:
    """No receipt for our own echo, none for the past, one for each; read only on the application's word."""
    play = chatting()
    play.poll(w.Message("x1", CHAT.upper(), msg="from my other device"))
    assert not play.owes(PostEphemeral)
    play.poll(message(1))
    assert play.owed(PostEphemeral).entry == w.MessageDelivered("s1")
    play.answer(PostEphemeral, EventBatch())
    play.poll(message(1), message(1, ANN.upper()))
    assert not play.owes(PostEphemeral)
    play.do(MarkRead, "s1")
    assert play.owed(PostEphemeral).entry == w.MessageRead("s1")
    play.answer(PostEphemeral, EventBatch())
    play.do(MarkRead, "s1")
    assert not play.owes(PostEphemeral)


def test_f15_delivered_on_the_applications_word_once_and_only_where_the_engine_is_silent() -> None:
    """A bridge says delivered when its messenger has the message, not when the bridge has it."""
    play = chatting(Config(receipts=False))
    play.poll(message(1), message(2))
    assert not play.owes(PostEphemeral)
    play.do(MarkDelivered, "s1")
    assert play.owed(PostEphemeral).entry == w.MessageDelivered("s1")
    play.answer(PostEphemeral, EventBatch())
    play.do(MarkDelivered, "s1")
    play.do(MarkRead, "s2")
    play.answer(PostEphemeral, EventBatch())
    play.do(MarkDelivered, "s2")
    assert not play.owes(PostEphemeral)
    for config in (Config(), Config(api="v1", receipts=False)):
        play = chatting(config)
        play.do(MarkDelivered, "s1")
        assert not play.owes(PostEphemeral)


def test_f15_no_receipts_for_history_nor_in_v1() -> None:
    play = opened(new=False)
    play.log(message(1), message(2))
    assert all(one.historic for one in play.all if hasattr(one, "historic"))
    assert not play.owes(PostEphemeral)
    play = chatting(Config(api="v1"))
    play.poll(message(1))
    play.do(MarkRead, "s1")
    assert not play.owes(PostEphemeral)


def test_f16_history_and_live_tell_each_thing_once() -> None:
    """What history and a poll both bring is one message, and one form."""
    play = opened(new=False)
    play.log(message(1), w.FormShow("f1", "survey_form"))
    play.poll(message(1), w.FormShow("f1", "survey_form"), message(2))
    assert play.heard() == ["text 1", "text 2"]
    assert [form.id for form in play.session.participants.forms] == ["f1"]


def test_f17_old_news_never_moves_the_stage_back() -> None:
    """A status in history says nothing while a live stage is known; a terminal entry in it is final."""
    play = chatting()
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(w.Status("queued"), joined(ANN), w.Status("queued"))
    assert play.phase == "agent_joined"
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(joined(ANN), w.SessionEnded())
    assert play.phase == "ended"


def test_f17_an_answer_nobody_awaits_does_not_rebuild_the_roster() -> None:
    """A log that came twice, or too late, may be older than what is known."""
    play = opened("connected", new=False)
    old = play.owed(ReadHistory).id
    play.log()
    play.do(lambda at: Answered(at, play.owed(Poll).id, EventBatch((joined(ANN),))))
    play.answer(Poll, TIMEOUT)
    play.do(lambda at: Answered(at, old, HistoryLog()))
    assert play.phase == "agent_joined"


def test_f18_ties_in_time_lose_nothing() -> None:
    """New is what has a new id, not what has a later time; without ids, equal ones count."""
    play = chatting()
    play.poll(*(w.Message(f"s{n}", ANN, msg=str(n), timestamp=1_000) for n in range(3)))
    play.poll(w.Message("s3", ANN, msg="3", timestamp=1_000), w.Message("s4", ANN, msg="4", timestamp=500))
    play.poll(*[w.Message(party_id=ANN, msg="same", timestamp=2_000)] * 2)
    assert play.heard() == ["0", "1", "2", "3", "4", "same", "same"]


def test_f19_one_queue_keeps_the_order() -> None:
    """One post in flight; nobody overtakes, not even doubt; a file joins when it is uploaded."""
    play = chatting()
    play.do(SendFile, "bytes", "a.png")
    first, second = play.say("one"), play.say("two")
    assert play.owed(Post).item == first
    upload(play)
    play.posted()
    assert play.owed(Post).item == second
    play.answer(Post, TIMEOUT)
    assert not play.owes(Post)
    play.wait(10_000)
    play.log(mine(second))
    assert isinstance(play.owed(Post).entry, w.File)


def test_f20_only_failures_in_a_row_count() -> None:
    """One good answer, and the pause is short again."""
    play = chatting()
    for _ in range(6):
        play.answer(Poll, TIMEOUT)
        assert play.session.connection.due == play.now + 1_000
        play.tick()
        play.log()
        play.poll()


def test_f21_the_poll_outlasts_the_hold() -> None:
    """The read timeout lies above the server's longest hold, and the answer is awaited longer still."""
    play = chatting()
    assert play.owed(Poll).timeout > 15_000
    due = next_deadline(play.session)
    assert due is not None
    assert due > play.now + play.owed(Poll).timeout


def test_f22_never_a_second_poll() -> None:
    """The poll in flight goes on in the background, and back in the foreground it is still the one."""
    play = chatting()
    poll = play.owed(Poll)
    play.do(Background)
    play.do(Foreground)
    play.do(Foreground)
    assert play.owed(Poll) == poll
    play.answer(Poll, http(400, 5509))
    assert not play.owes(Poll)


def test_f23_the_next_poll_follows_the_last_answer() -> None:
    """No timer starts a poll; time alone only ends one that was never answered."""
    play = chatting()
    poll = play.owed(Poll)
    play.wait(30_000)
    assert play.owed(Poll) == poll
    play.poll()
    assert play.owed(Poll).id != poll.id


@pytest.mark.parametrize("code", [5006, 5502])
def test_f25_not_every_404_is_the_end(code: int) -> None:
    """The code decides: a missing entry point blocks, a missing file is a file's trouble; only 5005 is gone."""
    play = chatting()
    play.answer(Poll, http(404, code))
    assert play.phase == "agent_joined"
    play = chatting()
    play.answer(Poll, http(404, 5005))
    assert play.finished().code == 5005
    assert play.session.outcome == "gone"


@pytest.mark.parametrize("state", ["establishing", "ivr", "queued", "connecting", "connected"])
def test_f26_every_stage_that_is_not_over_is_live(state: str) -> None:
    """A second request is refused while a chat lives, whatever its stage."""
    play = opened(state)
    assert play.session.outcome is None
    assert "has a chat already" in play.refused(RequestChat, "o").reason
    assert "has a chat already" in play.refused(Reattach, "o").reason


def test_f27_asking_for_a_chat_ends() -> None:
    """Trouble is tried again with growing pauses, for a time; a refusal is final at once."""
    play = requested()
    while play.session.outcome is None:
        if play.owes(CreateChat):
            play.answer(CreateChat, http(503, 5001))
        else:
            play.tick()
    assert play.finished().outcome == "gave_up"
    assert len(play.commands(CreateChat)) < 10
    play = requested()
    play.answer(CreateChat, http(403, 3000))
    assert (play.finished().outcome, play.finished().code) == ("refused", 3000)


def test_f28_the_first_message_waits_and_fails_visibly() -> None:
    play = requested(text="hello", key="k")
    assert not play.owes(Post)
    item = play.session.items[0].id
    play.answer(CreateChat, http(400, 1000))
    assert (play.failure(item).reason, play.failure(item).key) == ("not_sent", "k")


def test_f30_disconnect_and_end_are_two_wishes() -> None:
    """Disconnect alone is sent, the session goes on for the survey, and end is for later."""
    play = chatting()
    play.do(Disconnect)
    play.posted()
    play.poll(w.FormShow("f", "survey_form"))
    assert [type(post.entry) for post in play.commands(Post)] == [w.SessionDisconnect]
    assert play.phase == "wrapping_up"
    play.do(End)
    assert isinstance(play.owed(Post).entry, w.SessionEnd)


def test_f31_one_answer_a_form() -> None:
    """A prompt takes the next text as form data, and nothing besides; a form is answered once."""
    play = chatting()
    play.poll(w.FormShow("f1"), w.FormShow("f2", "survey_form"))
    play.do(SendText, "4711")
    play.posted()
    assert [post.entry for post in play.commands(Post)] == [w.FormData("f1", "", '{"text":"4711"}')]
    play.do(AnswerForm, "f2", {"helpful": 1})
    assert "no such form is open" in play.refused(AnswerForm, "f2", {}).reason
    play.posted()
    assert play.session.participants.forms == ()


def test_f32_typing_expires_both_ways() -> None:
    """Theirs is hidden after a while; ours is announced seldom, and taken back if nobody says so."""
    play = chatting()
    play.poll(w.Typing(ANN))
    assert [typist.party_id for typist in play.session.participants.typists] == [ANN]
    play.wait(15_000)
    assert play.session.participants.typists == ()
    play.do(StartTyping)
    play.answer(PostEphemeral, EventBatch())
    play.do(StartTyping, later=1_000)
    assert not play.owes(PostEphemeral)
    play.wait(10_000)
    assert play.owed(PostEphemeral).entry == w.NotTyping()


def test_f33_the_roster_survives_everything() -> None:
    """Repeated, unknown and oversized parties; and we are not the agent, in whatever case our id is written."""
    play = opened("queued")
    play.poll(joined(CHAT.swapcase()), left("nobody"))
    assert (play.phase, play.session.participants.parties) == ("queued", ())
    play.poll(joined(ANN), joined(ANN.upper(), name="Ann"))
    assert [party.display_name for party in play.session.participants.parties] == ["Ann"]
    play.poll(left(ANN.title()), left(ANN))
    assert play.session.participants.parties == ()
    assert play.phase == "wrapping_up"


def test_f34_a_replaying_proxy_is_braked() -> None:
    """Identical answers at once are told once, and soon there is a pause before the next poll."""
    play = chatting()
    play.poll(message(1), later=5)
    for _ in range(10):
        if not play.owes(Poll):
            break
        play.poll(message(1), later=5)
    assert play.heard() == ["text 1"]
    assert not play.owes(Poll)
    assert not play.owes(ReadHistory)


@pytest.mark.parametrize("entry", [w.Status("queued"), w.Typing(ANN), w.CaseSet("c"), w.Info("s")])
def test_f34_a_replayed_status_is_braked_as_well(entry: w.Entry) -> None:
    """Found by reading: a batch without a message counted as new each time, seventy times a second."""
    play = chatting()
    for _ in range(6):
        if play.owes(Poll):
            play.poll(entry, later=5)
    assert not play.owes(Poll)


def test_polls_answered_at_once_with_a_new_message_each_are_slowed_down() -> None:
    """A server that empties its queue one message at a time, or a hostile one: the next answers bring several each."""
    play, limit = chatting(Config(brake_new_after=5)), 5
    for n in range(limit):
        play.poll(message(n), later=5)
        assert play.owes(Poll), f"answer {n + 1} is within the limit"
    for n in range(limit, limit + 20):
        play.poll(message(n), later=5)
        assert not play.owes(Poll), f"answer {n + 1} is beyond it"
        assert not play.owes(ReadHistory)
        before = play.now
        while not play.owes(Poll):
            play.tick()
        assert play.now - before <= play.session.config.brake_cap
    assert play.heard() == [f"text {n}" for n in range(limit + 20)]
    play.poll(message(limit + 20), later=play.session.config.brake)
    play.poll(message(limit + 21), later=5)
    assert play.owes(Poll), "the server holds again"


def test_f37_nothing_is_sent_after_the_end() -> None:
    """After a terminal signal, end is fulfilled, and everything else refused; a queued end is dropped."""
    play = chatting()
    play.do(End)
    play.poll(w.SessionEnded())
    assert outbox(play.session) == ()
    assert play.do(End) == ()
    assert play.do(Disconnect) == ()
    with pytest.raises(IllegalIntent, match="the session is over; request a new one"):
        play.do(SendText, "hello?")
    assert [post.entry for post in play.commands(Post)] == [w.SessionEnd()]


def test_f38_a_batch_is_told_in_its_order() -> None:
    """All of it, whatever the kinds."""
    play = chatting()
    file, place = w.File("f", msg_id="s2", party_id=ANN), w.Location("1", "2", msg_id="s4", party_id=ANN)
    batch = (message(1), file, message(3), place, w.FormShow("f5", "x"), message(6))
    play.poll(*batch)
    assert tuple(one.entry for one in play.received()) == batch
    assert [one.seq for one in play.received()] == [1, 2, 3, 4, 5, 6]


def test_all_faults_are_named() -> None:
    """Each of the thirty-eight has a test with its number, at the level where it can be seen."""
    named = set[int]()
    for path in Path(__file__).parents[1].rglob("test_*.py"):
        for test in re.findall(r"def test((?:_f\d\d)+)_", path.read_text("utf-8")):
            named.update(int(number) for number in re.findall(r"\d\d", test))
    assert named == set(range(1, 39))

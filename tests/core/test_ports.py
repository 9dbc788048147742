"""Rules that a port in another language got wrong and no vector showed, each in a short session."""

from __future__ import annotations

import pytest

from statemachine import (
    ClockChanged,
    Config,
    IllegalIntent,
    MarkRead,
    Poll,
    Post,
    RequestChat,
    SendEntry,
    SendText,
)
from statemachine import wire as w
from tests.core.play import (
    ANN,
    BOB,
    NOW,
    TIMEOUT,
    Play,
    chatting,
    http,
    joined,
    message,
    mine,
    opened,
)


def test_the_last_keys_and_read_receipts_are_remembered_together() -> None:
    """256 of them: the earliest of these is still known, and does nothing; the one before it is forgotten."""
    play = chatting(Config(ephemeral_limit=300))
    item = play.say("hi", "first")
    play.posted()
    play.poll(w.MessageRead(item, ANN))
    for n in range(255):
        play.do(MarkRead, f"s{n}")
    assert not play.do(SendText, "hi", "first")
    play.do(MarkRead, "s255")
    assert not play.do(MarkRead, "s0")
    play.say("hi", "first")
    assert play.owes(Post)


def test_times_in_seconds_are_noted_when_the_chat_is_requested() -> None:
    play = Play()
    play.now = NOW // 1_000
    play.do(ClockChanged)
    play.do(RequestChat, "o")
    assert play.odd() == ["seconds"]


def prompted(config: Config | None = None) -> Play:
    play = opened(config=config)
    play.poll(w.FormShow("f1"))
    return play


def test_the_answer_of_a_prompt_escapes_only_what_must_be() -> None:
    play = prompted()
    play.say('é/"\u2028😀')
    entry = play.owed(Post).entry
    assert isinstance(entry, w.FormData)
    assert entry.data == '{"text":"é/\\"\u2028😀"}'


def test_a_prompt_whose_answer_is_under_way_stays_when_the_next_prompt_opens() -> None:
    play = prompted(Config(limited_tries=1))
    play.say("4711")
    play.poll(w.FormShow("f2"))
    assert [form.id for form in play.session.participants.forms] == ["f1", "f2"]
    play.answer(Post, http(500))
    assert [form.id for form in play.session.participants.forms] == ["f2"]


def test_a_call_that_a_log_leaves_out_may_still_be_reported() -> None:
    """What was not reported is not remembered."""
    play = chatting()
    play.poll(message(0))
    play.answer(Poll, TIMEOUT)
    play.tick()
    offer = w.Signaling("OFFER_CALL", msg_id="c1", party_id=ANN)
    play.log(joined(ANN), message(0), offer, w.Signaling("END_CALL", msg_id="c2", party_id=ANN))
    assert not play.received()
    play.poll(offer)
    assert [one.entry for one in play.received()] == [offer]


def test_the_kind_of_a_call_signal_is_limited_as_each_text_is() -> None:
    play = chatting(Config(text_limit=10))
    with pytest.raises(IllegalIntent, match="longer"):
        play.do(SendEntry, w.Signaling(kind="x" * 11))
    play.do(SendEntry, w.Signaling(kind="x" * 10))
    assert play.owes(Post)


def test_an_own_message_before_all_that_the_full_window_knows_is_proved() -> None:
    """It was in doubt, and is not sent again."""
    play = chatting(Config(window=2))
    item = play.say("hi")
    play.answer(Post, TIMEOUT)
    play.poll(message(1), message(2), message(3))
    play.wait(10_000)
    play.log(joined(ANN), mine(item, "hi"), message(1), message(2), message(3))
    assert play.progress(item) == ["sent"]


def test_an_answer_after_exactly_the_brake_is_not_instant() -> None:
    play = chatting(Config(brake=1_000, brake_after=1))
    for _ in range(4):
        play.poll(later=1_000)
    assert play.owes(Poll)
    for _ in range(2):
        play.poll(later=999)
    assert not play.owes(Poll)


def test_an_answer_that_was_postponed_stays_the_answer_of_its_form() -> None:
    """It was posted once, so the cancel that arrives may belong to it: it is no message for an agent."""
    play = prompted()
    play.say("4711")
    play.answer(Post, http(429))
    play.poll(w.FormDataCancel("f1"), later=10)
    play.tick()
    assert isinstance(play.owed(Post).entry, w.FormData)


def test_texts_are_limited_by_characters_not_by_bytes() -> None:
    play = chatting(Config(text_limit=3, id_limit=12))
    play.say("äé😀")
    with pytest.raises(IllegalIntent, match="longer"):
        play.say("äé😀!")
    play.poll(joined("ö" * 13))


def test_a_full_roster_of_agents_loses_the_first() -> None:
    play = chatting(Config(parties_limit=2))
    play.poll(joined(BOB))
    play.poll(joined("agent-cid"))
    assert [one.id for one in play.session.participants.parties] == [BOB, "agent-cid"]

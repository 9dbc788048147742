"""Getting a chat: request, reattach, follow; the queued first message; the history that comes before the poll."""

from __future__ import annotations

import pytest

from statemachine import (
    ChatOpened,
    Config,
    ConnectionChanged,
    CreateChat,
    EventBatch,
    Failure,
    FindChat,
    HistoryGap,
    IllegalIntent,
    Incoming,
    Poll,
    Post,
    ReadHistory,
    Reattach,
    Received,
    RequestChat,
    SendText,
    changes,
    new_session,
    reduce,
)
from statemachine import wire as w
from tests.core.play import ANN, CHAT, NOW, TIMEOUT, Play, chatting, http, joined, message, mine, opened, requested


def test_a_request_carries_everything() -> None:
    play = requested(parameters={"b": 1, "a": {"c": None}}, phone_number="+1", from_="web")
    asked = play.owed(CreateChat)
    assert (asked.parameters, asked.phone_number, asked.from_) == ('{"a":{"c":null},"b":1}', "+1", "web")


@pytest.mark.parametrize("origin", ["", "  "])
def test_an_origin_is_needed(origin: str) -> None:
    play = Play()
    assert "origin is missing" in play.refused(RequestChat, origin).reason
    assert "origin is missing" in play.refused(Reattach, origin).reason


def test_the_first_message_waits_for_the_chat() -> None:
    play = requested(text="hello", key="k")
    play.do(SendText, "and more")
    assert not play.owes(Post)
    play.answer(CreateChat, ChatOpened(CHAT, "ivr", None, True))
    assert play.owed(Post).entry == w.Message("o:1", msg_text="hello")
    play.posted()
    assert play.owed(Post).item == "o:3"


def test_a_first_message_that_is_too_long() -> None:
    with pytest.raises(IllegalIntent, match="longer than the limit"):
        reduce(new_session(NOW, Config(text_limit=3)), RequestChat(NOW, "o", text="long"))


def test_a_lost_creation_is_asked_again_and_found_again() -> None:
    """E4 gives the same chat while one is alive, then not as new: its history first."""
    play = requested()
    play.answer(CreateChat, TIMEOUT)
    play.tick()
    play.answer(CreateChat, ChatOpened(CHAT, "queued", None, False))
    assert play.owes(ReadHistory)


@pytest.mark.parametrize(
    ("failure", "shown"),
    [
        (Failure("unsent", detail="no such host: check url"), (None, "unsent", "no such host: check url")),
        (Failure("unreadable", 200), (200, "unreadable", "")),
        (http(503, 5001), (5001, "http", "")),
    ],
)
@pytest.mark.parametrize("opening", [RequestChat, Reattach])
def test_a_failed_request_is_shown_at_once(
    opening: type[RequestChat | Reattach], failure: Failure, shown: tuple[object, ...]
) -> None:
    play = Play()
    play.do(opening, "o")
    before = play.session
    play.answer(CreateChat if opening is RequestChat else FindChat, failure)
    (found,) = changes(before, play.session)
    assert isinstance(found, ConnectionChanged)
    assert (found.state, found.tries, found.code, found.reason, found.detail) == ("backing_off", 1, *shown)
    assert found.next_try is not None
    play.tick()
    before = play.session
    play.answer(CreateChat if opening is RequestChat else FindChat, ChatOpened(CHAT))
    assert ConnectionChanged("polling") in changes(before, play.session)


def test_reattach_by_name_reads_the_history_first() -> None:
    play = Play()
    play.do(Reattach, "o", CHAT)
    assert (play.phase, play.owed(ReadHistory).chat_id) == ("establishing", CHAT)
    play.log(w.Status("queued"), w.Status("connected"), joined(ANN), message(1))
    assert play.phase == "agent_joined"
    assert [(one.entry.msg, one.historic) for one in play.received()] == [("text 1", True)]  # type: ignore[union-attr]
    assert play.owes(Poll)


def test_reattach_to_a_chat_that_is_gone() -> None:
    play = Play()
    play.do(Reattach, "o", CHAT)
    play.answer(ReadHistory, http(404, 5005))
    assert play.session.outcome == "gone"


def test_reattach_to_nothing_fails_what_was_queued() -> None:
    play = Play()
    play.do(Reattach, "o")
    item = play.say("anybody?")
    play.answer(FindChat, http(404))
    assert (play.phase, play.failure(item).reason) == ("idle", "not_sent")
    play.do(RequestChat, "o2")
    assert play.phase == "requesting"


def test_a_first_message_posted_before_the_history_hides_nothing() -> None:
    """Found by reading: our own message, sent before the log was ever read, stood for all that came before it."""
    play = requested(text="hi")
    play.answer(CreateChat, ChatOpened(CHAT, "ivr", None, False))
    play.posted()
    play.log(message(1), message(2), mine("o:1", "hi"))
    assert play.heard() == ["text 1", "text 2"]


def test_a_v1_answer_before_the_history_hides_nothing() -> None:
    """The same, where the server's news came with the answer of that post."""
    play = requested(Config(api="v1"), text="hi")
    play.answer(CreateChat, ChatOpened(CHAT, "ivr", None, False))
    play.answer(Post, EventBatch((message(3),)))
    play.log(message(1), message(2), mine("o:1", "hi"), message(3))
    assert play.heard() == ["text 3", "text 1", "text 2"]


def test_our_own_message_is_no_proof_that_all_before_it_was_told() -> None:
    """Found by a walk: a log of entries without ids, then one of ours; what a broken poll ate between them was lost."""
    bare = w.Message(party_id=ANN, msg="no id")
    play = opened(new=False)
    play.log(bare)
    item = play.say("hi")
    play.posted()
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(bare, message(1), mine(item, "hi"))
    assert play.heard() == ["no id", "text 1"]


def test_doubt_right_after_an_empty_history_is_not_resent() -> None:
    """The first log was empty, hence known from its beginning: what arrived since is found, whatever follows it."""
    play = opened(new=False)
    play.log()
    item = play.say("hi")
    play.answer(Post, TIMEOUT)
    play.poll(message(1))
    play.wait(10_000)
    play.log(mine(item, "hi"), message(1))
    assert play.progress(item) == ["sent"]
    assert not play.owes(Post)


# --- the merge ------------------------------------------------------------------------------------------------------


def resync(play: Play, *log: w.Entry) -> list[Received]:
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(*log)
    return play.received()


def test_merge_with_a_known_window_is_live() -> None:
    play = chatting()
    play.poll(message(1))
    told = resync(play, joined(ANN), message(1), message(2))
    assert [(one.entry, one.historic) for one in told] == [(message(2), False)]


def test_merge_over_a_gap_says_so() -> None:
    """The window has forgotten the beginning, and the log no longer reaches back to what it knows."""
    play = chatting(Config(window=4))
    play.poll(*map(message, range(6)))
    told = resync(play, message(20), message(21))
    assert any(isinstance(one, HistoryGap) for one in play.out)
    assert [one.historic for one in told] == [True, True]


def test_merge_skips_what_was_told_before_the_window() -> None:
    """Told long ago, and forgotten: all before the first entry that is known is skipped."""
    play = chatting(Config(window=4))
    play.poll(*map(message, range(6)))
    assert [one.entry for one in resync(play, joined(ANN), *map(message, range(8)))] == [message(6), message(7)]


def test_a_fresh_history_is_the_past() -> None:
    play = opened(new=False)
    play.log(message(1), w.Message("x", CHAT, msg="mine, from before"), w.TimeoutWarning("?", 5), w.Unknown("new"))
    assert [(one.own, one.historic) for one in play.received()] == [
        (False, True),
        (True, True),
        (False, True),
        (False, True),
    ]
    assert play.session.attention.name == "calm"


def test_an_unreadable_history_is_given_up_and_said() -> None:
    play = opened(new=False)
    for _ in range(3):
        play.answer(ReadHistory, http(400))
        if not play.owes(Poll):
            play.tick()
    assert any(isinstance(one, HistoryGap) for one in play.all)
    assert play.owes(Poll)


def test_a_history_in_trouble_is_read_again_and_again() -> None:
    play = opened(new=False)
    for _ in range(8):
        play.answer(ReadHistory, http(503))
        play.tick()
    play.log(message(1))
    assert play.heard() == ["text 1"]


def test_only_the_last_form_and_a_standing_offer_are_taken_from_history() -> None:
    play = opened(new=False)
    offer = w.Signaling("OFFER_CALL", "s5", ANN, sdp="v=0")
    play.log(
        w.FormShow("f1", "survey_form"),
        w.Signaling("OFFER_CALL", "s3", ANN),
        w.Signaling("END_CALL", "s4", ANN),
        offer,
        w.CobrowsingRequested("s6"),
        w.FormShow("f2", "survey_form"),
        w.Navigation("/"),
    )
    assert [form.id for form in play.session.participants.forms] == ["f2"]
    assert [one.entry for one in play.received() if isinstance(one.entry, w.Signaling)] == [offer]
    assert not any(isinstance(one.entry, w.CobrowsingRequested) for one in play.received())


# --- one session after another --------------------------------------------------------------------------------------


def follow(play: Play, new: bool, chat: str = CHAT) -> None:
    play.follow(RequestChat, "unused")
    play.answer(CreateChat, ChatOpened(chat, "ivr", None, new))


def test_a_chat_that_still_lives_is_merged_without_repeats() -> None:
    play = chatting()
    play.poll(message(1))
    item = play.say("hi")
    play.posted()
    play.answer(Poll, http(404, 5005))
    seq = play.session.seq
    follow(play, new=False, chat=CHAT.lower())
    play.log(joined(ANN), message(1), mine(item, "hi"), message(2))
    assert [one.entry for one in play.received()] == [message(2)]
    assert play.say("again") == f"o:{play.session.ids - 1}"
    assert play.session.seq > seq


def test_another_chat_remembers_nothing_of_the_first() -> None:
    play = chatting()
    play.poll(message(1))
    play.answer(Poll, http(404, 5005))
    follow(play, new=True, chat="Chat-2")
    play.poll(message(1))
    assert [one.entry for one in play.received()] == [message(1)]


def test_a_session_without_a_chat_hands_on_what_it_took_over() -> None:
    """Found by a walk: chat, a failed request, then the same chat again; its messages were told twice."""
    play = chatting()
    play.poll(message(1))
    play.answer(Poll, http(404, 5005))
    play.follow(RequestChat, "unused")
    play.answer(CreateChat, http(403))
    follow(play, new=False)
    play.log(joined(ANN), message(1))
    assert play.received() == []


def test_late_news_is_told_as_late() -> None:
    play = chatting()
    play.poll(w.SessionEnded())
    play.do(Incoming, (message(1),))
    assert [(one.late, one.entry) for one in play.received()] == [(True, message(1))]

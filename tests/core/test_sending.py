"""What goes out: the queue, receipts, doubt, files, courtesies, signals."""

from __future__ import annotations

import pytest

from statemachine import (
    ChatOpened,
    Config,
    CreateChat,
    DeliveryUpdate,
    End,
    EventBatch,
    Failure,
    IllegalIntent,
    Incoming,
    MarkRead,
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    RequestChat,
    Restarted,
    SendEntry,
    SendFile,
    SendText,
    StartTyping,
    StopTyping,
    Upload,
    next_deadline,
)
from statemachine import wire as w
from tests.core.play import (
    ANN,
    BOB,
    CHAT,
    TIMEOUT,
    UNSENT,
    Play,
    chatting,
    doubting,
    http,
    joined,
    message,
    mine,
    upload,
)

# --- receipts -------------------------------------------------------------------------------------------------------


def test_read_implies_delivered_and_comes_from_anyone() -> None:
    play = chatting()
    item = play.say("hi")
    play.posted()
    play.poll(w.MessageRead(item, BOB))
    assert play.progress(item) == ["sent", "delivered", "read"]
    play.poll(w.MessageDelivered(item, ANN), w.MessageRead(item, ANN))
    assert play.progress(item) == ["sent", "delivered", "read"]


def test_a_receipt_before_the_answer_proves_as_much() -> None:
    play = chatting()
    item = play.say("hi")
    play.poll(w.MessageDelivered(item, ANN))
    assert play.progress(item) == ["sent", "delivered"]
    assert not play.owes(Post)


def test_receipts_for_others_and_for_nothing() -> None:
    play = chatting()
    play.poll(w.MessageDelivered("unknown", ANN), w.MessageRead("", ANN))
    assert play.all[-1:] == [play.owed(Poll)]


def test_two_hundred_messages_are_confirmed_one_by_one() -> None:
    play = chatting(Config(ephemeral_limit=8))
    play.poll(*map(message, range(200)))
    assert len(play.commands(PostEphemeral)) == 1
    assert set(play.odd()) == {"receipts_dropped", "more_anomalies"}
    assert play.session.window.anomalies == 200 - 8
    for _ in range(9):
        play.answer(PostEphemeral, TIMEOUT)
        if not play.owes(PostEphemeral):
            break
    assert not play.owes(PostEphemeral)


def test_read_overtakes_a_delivered_that_waits() -> None:
    play = chatting()
    play.poll(message(1), message(2))
    play.do(MarkRead, "s2")
    play.answer(PostEphemeral, EventBatch())
    assert play.owed(PostEphemeral).entry == w.MessageRead("s2")


# --- doubt ----------------------------------------------------------------------------------------------------------


def test_a_post_that_lands_after_an_early_reading_is_not_doubled() -> None:
    """History read before the settle delay proves nothing: 388 of 400 runs doubled the message."""
    play, item = doubting()
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(joined(ANN))
    assert not play.owes(Post)
    play.wait(10_000)
    play.log(joined(ANN), mine(item))
    assert play.progress(item) == ["sent"]
    assert len(play.commands(Post)) == 1


def test_a_reading_that_began_too_early_is_followed_by_another() -> None:
    play, item = doubting()
    play.wait(8_500)
    play.answer(Poll, TIMEOUT)
    play.tick()
    early = play.owed(ReadHistory)
    play.tick()
    assert play.session.history.name == "stale"
    play.log(joined(ANN))
    assert play.owed(ReadHistory).id != early.id
    assert not play.owes(Post)
    play.log(joined(ANN))
    assert play.owed(Post).item == item


def test_an_echo_settles_doubt() -> None:
    play, item = doubting()
    play.poll(mine(item))
    assert play.progress(item) == ["sent"]


def test_without_a_readable_history_the_outcome_is_unknown() -> None:
    play, item = doubting()
    play.wait(10_000)
    for _ in range(3):
        play.answer(ReadHistory, http(400))
        if play.session.history.name == "backing_off":
            play.tick()
    assert play.failure(item).reason == "unknown"


@pytest.mark.parametrize(
    "entry", [w.Signaling("END_CALL"), w.CobrowsingRejected(), w.CobrowsingStarted(), w.CobrowsingEnded()]
)
def test_what_leaves_no_trace_is_unknown_at_once(entry: w.Entry) -> None:
    play = chatting()
    play.do(SendEntry, entry)
    item = play.session.items[-1].id
    play.answer(Post, TIMEOUT)
    assert play.failure(item).reason == "unknown"


def test_what_never_left_is_simply_sent_again() -> None:
    play = chatting()
    item = play.say("hi")
    for failure in (UNSENT, http(429), http(425)):
        play.answer(Post, failure)
        assert not play.owes(Post)
        play.tick()
        assert play.owed(Post).item == item


def test_a_refusal_fails_one_and_the_others_go_on() -> None:
    play = chatting()
    bad, good = play.say("bad"), play.say("good")
    play.answer(Post, http(400, 5003))
    assert play.failure(bad).reason == "refused"
    assert play.owed(Post).item == good


def test_after_a_restart_what_was_in_flight_is_in_doubt() -> None:
    play = chatting()
    item = play.say("hi")
    play.do(Restarted, later=86_400_000)
    assert not play.owes(Post)
    play.wait(10_000)
    play.log(joined(ANN), mine(item, "hi"))
    assert play.progress(item) == ["sent"]


# --- the application's keys -----------------------------------------------------------------------------------------


def test_one_key_is_one_message() -> None:
    play = chatting()
    item = play.say("hi", key="k")
    assert play.do(SendText, "hi", "k") == ()
    play.posted()
    assert play.do(SendText, "hi", "k") == ()
    assert [one.item for one in play.commands(Post)] == [item]


def test_a_key_is_known_after_the_message_was_read() -> None:
    """A process that starts again and says all it had to say doubled what had been read meanwhile."""
    play = chatting()
    item = play.say("hi", key="k")
    play.posted()
    play.poll(w.MessageRead(item, ANN))
    assert play.session.items == ()
    assert play.do(SendText, "hi", "k") == ()
    assert len(play.commands(Post)) == 1


def test_a_batch_that_is_delivered_again_is_sent_once() -> None:
    """A source that confirms a hundred at a time repeats all of them after a crash; the first ones were doubled."""
    play, keys = chatting(), [f"k{number}" for number in range(100)]
    for number, key in enumerate(keys):
        play.say("hi", key=key)
        play.posted()
        play.poll(w.Message(f"m{number}", ANN, msg_text="yes"))
        play.do(MarkRead, f"m{number}")
        play.answer(PostEphemeral, EventBatch())
    for key in keys:
        assert play.do(SendText, "hi", key) == ()


def test_a_key_is_free_again_after_a_failure() -> None:
    play = chatting()
    play.say("hi", key="k")
    play.answer(Post, http(400, 5003))
    play.do(SendText, "hi", "k")
    assert len(play.commands(Post)) == 2


def next_chat(play: Play) -> None:
    """The same customer's next chat, which the server knows under an id of its own."""
    play.follow(RequestChat, "origin-2")
    play.answer(CreateChat, ChatOpened("Chat-2", "connected", None, is_new_chat=True))


def test_a_key_is_known_at_the_end_and_in_the_next_chat() -> None:
    """A webhook delivered twice around the end of a chat began a new one with the same text."""
    play = chatting()
    play.say("hi", key="k")
    play.posted()
    play.poll(w.SessionEnded())
    assert play.do(SendText, "hi", "k") == ()
    with pytest.raises(IllegalIntent):
        play.do(SendText, "hi", "another")
    next_chat(play)
    assert play.do(SendText, "hi", "k") == ()
    assert not play.owes(Post)
    play.do(SendText, "hi", "another")
    assert play.owes(Post)


def test_a_key_is_known_while_the_chat_is_being_ended() -> None:
    play = chatting()
    play.say("hi", key="k")
    play.do(End)
    assert play.do(SendText, "hi", "k") == ()
    with pytest.raises(IllegalIntent):
        play.do(SendText, "hi", "another")


def test_what_was_never_sent_may_be_sent_under_its_key_in_the_next_chat() -> None:
    play = chatting()
    play.say("first")
    play.say("hi", key="k")
    play.poll(w.SessionEnded())
    with pytest.raises(IllegalIntent):
        play.do(SendText, "hi", "k")
    next_chat(play)
    play.do(SendText, "hi", "k")
    assert play.owes(Post)


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_file_is_uploaded_then_sent() -> None:
    play = chatting()
    play.do(SendFile, "bytes-1", "cat.png", "image", "k")
    item = play.session.items[-1].id
    assert (play.owed(Upload).ref, play.owed(Upload).item) == ("bytes-1", item)
    upload(play)
    assert play.owed(Post).entry == w.File("file-1", "image", "cat.png", item)
    play.posted()
    assert play.progress(item) == ["sent"]


def test_one_upload_at_a_time() -> None:
    play = chatting()
    play.do(SendFile, "one")
    play.do(SendFile, "two")
    assert play.owed(Upload).ref == "one"
    upload(play)
    assert play.owed(Upload).ref == "two"


@pytest.mark.parametrize(("failure", "tries"), [(http(500, 5558), 3), (http(400, 5501), 1), (http(413), 1)])
def test_an_upload_that_fails(failure: Failure, tries: int) -> None:
    """5501 is final; an error that promises nothing gets a few tries."""
    play = chatting()
    play.do(SendFile, "bytes")
    item = play.session.items[-1].id
    while not play.progress(item):
        if not play.owes(Upload):
            play.tick()
        play.answer(Upload, failure)
    assert play.failure(item).reason == "refused"
    assert len(play.commands(Upload)) == tries


def test_a_file_that_the_host_cannot_read_fails_at_once() -> None:
    play = chatting()
    play.do(SendFile, "bytes", key="k")
    item = play.session.items[-1].id
    text = play.say("did you get the picture?")
    play.answer(Upload, Failure("no_payload"))
    failed = play.failure(item)
    assert (failed.reason, failed.code, failed.key) == ("unreadable", None, "k")
    play.posted()
    assert play.progress(text) == ["sent"]


def test_an_upload_in_trouble_is_repeated() -> None:
    play = chatting()
    play.do(SendFile, "bytes")
    for failure in (TIMEOUT, TIMEOUT, Failure("unreadable", 200), TIMEOUT, TIMEOUT):
        play.answer(Upload, failure)
        play.tick()
    upload(play)
    assert play.owes(Post)


def test_a_server_that_fails_on_a_files_message_id_gets_none() -> None:
    """Protocol.md 10, row 18: in doubt, proved absent, then once more with a blank id; its echo is known by file."""
    play = chatting()
    play.do(SendFile, "bytes")
    item = play.session.items[-1].id
    upload(play)
    play.answer(Post, http(500, 5500))
    play.wait(10_000)
    play.log(joined(ANN))
    assert play.owed(Post).entry == w.File("file-1", "attachment", "a.png", "")
    assert play.owed(Post).item == item
    play.poll(w.File("file-1"))
    assert play.progress(item) == ["sent"]
    assert play.received() == []


def test_a_post_that_the_server_always_fails_on_does_not_block_the_queue() -> None:
    """Found by a walk: with 5500 for ever it was proved absent and sent again for ever, and nothing else got out."""
    play = chatting()
    first, second = play.say("poison"), play.say("fine")
    for _ in range(2):
        play.answer(Post, http(500, 5500))
        play.wait(10_000)
        play.log(joined(ANN))
        assert play.owed(Post).item == first
    play.answer(Post, http(500, 5500))
    assert play.progress(first) == ["failed"]
    assert play.owed(Post).item == second


def test_a_file_may_come_back_with_and_without_its_id() -> None:
    """Found by a walk: posted again with a blank id, after which the first post landed as well; that one was told."""
    play = chatting()
    play.do(SendFile, "bytes")
    item = play.session.items[-1].id
    upload(play)
    play.answer(Post, http(500, 5500))
    play.wait(10_000)
    play.log(joined(ANN))
    play.posted()
    play.poll(w.File("file-1", msg_id=item, party_id=CHAT), w.File("file-1", party_id=CHAT), w.File("file-1"))
    assert play.progress(item) == ["sent"]
    assert play.received() == []


def test_a_file_uploaded_after_our_end_was_sent_stays_unsent() -> None:
    """Found by reading: end overtook a file that was still being uploaded, and the file was posted after it."""
    play = chatting()
    play.do(SendFile, "bytes")
    item = play.session.items[-1].id
    play.do(End)
    play.posted()
    upload(play)
    assert not play.owes(Post)
    play.poll(w.SessionEnded())
    assert play.failure(item).reason == "not_sent"


# --- location, navigation, signals ----------------------------------------------------------------------------------


def test_location_goes_out_and_comes_in() -> None:
    play = chatting()
    play.do(SendEntry, w.Location("48.1", "11.5", "https://map.example"))
    item = play.session.items[-1].id
    assert play.owed(Post).entry == w.Location("48.1", "11.5", "https://map.example", item)
    play.posted()
    place = w.Location("1", "2", msg_id="s9", party_id=ANN)
    play.poll(place)
    assert [one.entry for one in play.received()] == [place]


def test_signals_and_cobrowsing_are_typed_data() -> None:
    play = chatting()
    offer = w.Signaling("OFFER_CALL", "s1", ANN, sdp="v=0", offer_video=True)
    play.poll(offer, w.CobrowsingRequested("s2"))
    assert [one.entry for one in play.received()] == [offer, w.CobrowsingRequested("s2")]
    play.do(SendEntry, w.Signaling("ANSWER_CALL", destination_party_id=ANN, sdp="v=1"))
    sent = play.owed(Post).entry
    assert isinstance(sent, w.Signaling)
    assert sent.msg_id == play.session.items[-1].id
    play.posted()
    play.poll(w.Signaling("ANSWER_CALL", sent.msg_id, play.session.chat.chat_id))
    assert play.received() == []


# --- typing ---------------------------------------------------------------------------------------------------------


def courtesies(play: Play) -> list[w.Entry]:
    return [one.entry for one in play.commands(PostEphemeral)]


def test_typing_is_throttled_renewed_and_taken_back() -> None:
    play = chatting()
    play.do(StartTyping, "dra")
    play.answer(PostEphemeral, EventBatch())
    for _ in range(4):
        play.do(StartTyping, later=1_000)
    play.do(StartTyping, later=1_000)
    play.answer(PostEphemeral, EventBatch())
    play.do(StopTyping)
    play.answer(PostEphemeral, EventBatch())
    play.do(StopTyping)
    assert courtesies(play) == [w.Typing(msg="dra"), w.Typing(), w.NotTyping()]


def test_a_text_ends_typing_without_a_word() -> None:
    play = chatting()
    play.do(StartTyping)
    play.answer(PostEphemeral, EventBatch())
    play.say("done")
    play.wait(60_000)
    assert courtesies(play) == [w.Typing()]


def test_their_typing_ends_when_they_speak_or_leave() -> None:
    play = chatting()
    play.poll(w.Typing(ANN), w.Typing(BOB))
    play.poll(w.Message("s1", ANN.upper(), msg="hi"))
    assert [typist.party_id for typist in play.session.participants.typists] == [BOB]
    play.poll(w.PartyLeft(BOB))
    assert play.session.participants.typists == ()


def test_our_own_typing_is_not_theirs() -> None:
    play = chatting()
    play.do(Incoming, (w.Typing(play.session.chat.chat_id.upper()),))
    assert play.session.participants.typists == ()


def test_a_courtesy_in_flight_delays_no_message() -> None:
    play = chatting()
    play.do(StartTyping)
    assert play.owes(PostEphemeral)
    play.say("hi")
    assert play.owes(Post)
    assert next_deadline(play.session) is not None


def test_a_note_comes_back_with_every_news_of_its_message_and_goes_nowhere_else() -> None:
    """A bridge finds its own message again without a table of its own."""
    play = chatting()
    play.do(SendText, "hello", note='{"telegram": 17}')
    assert "telegram" not in repr(play.owed(Post))
    play.answer(Post, EventBatch())
    (item,) = play.session.items
    play.poll(w.MessageDelivered(item.id, ANN))
    assert [(one.state, one.note) for one in play.all if isinstance(one, DeliveryUpdate)] == [
        ("sent", '{"telegram": 17}'),
        ("delivered", '{"telegram": 17}'),
    ]
    with pytest.raises(IllegalIntent):
        play.do(SendText, "hello", note="x" * 16_001)


def test_the_first_text_has_its_note_too() -> None:
    play = Play()
    play.do(RequestChat, "o", text="hello", note="first")
    assert play.session.items[0].note == "first"

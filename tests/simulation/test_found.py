"""What the simulation found, each as the shortest trace that showed it."""

from __future__ import annotations

from statemachine import (
    Answered,
    Batch,
    Config,
    CreateChat,
    End,
    Failure,
    FindChat,
    Log,
    Opened,
    Poll,
    Post,
    PostCourtesy,
    ReadHistory,
    Reattach,
    Received,
    Request,
    Say,
    Session,
    StartTyping,
    Tick,
    new_session,
    next_deadline,
    outbox,
    past,
    reduce,
)
from statemachine.wire import FormData, FormShow, Message, Navigation, NotTyping, SessionEnd, Typing

CHAT = "chat"


def answer(session: Session, kind: type, reply: Opened | Batch | Log | Failure, at: int | None = None) -> Session:
    """Answer the one command of this kind."""
    (command,) = [one for one in outbox(session) if type(one).__name__ == kind.__name__]
    return reduce(session, Answered(session.now if at is None else at, command.id, reply))[0]


def live(config: Config | None = None) -> Session:
    """A session with a chat, polling."""
    session, _ = reduce(new_session(0, config or Config()), Request(0, "origin"))
    return answer(session, CreateChat, Opened(CHAT, "ivr", is_new_chat=True))


def posted(session: Session) -> list[object]:
    """The entries that are on their way."""
    return [one.entry for one in outbox(session) if isinstance(one, Post | PostCourtesy)]


def test_an_end_that_was_refused_did_not_end_the_session() -> None:
    """A proxy's 400 to the end: the session reported `ended`, while the server's chat lived on, never told."""
    session, _ = reduce(live(), End(0))
    session = answer(session, Post, Failure("http", 400))
    assert session.outcome is None
    while session.outcome is None:
        due = next_deadline(session)
        assert due is not None
        session, _ = reduce(session, Tick(due))
        if any(isinstance(entry, SessionEnd) for entry in posted(session)):
            session = answer(session, Post, Failure("http", 400))
    assert session.outcome == "gave_up"


def test_a_refused_end_is_tried_again() -> None:
    session, _ = reduce(live(), End(0))
    session = answer(session, Post, Failure("http", 400))
    due = next_deadline(session)
    assert due is not None
    session, _ = reduce(session, Tick(due))
    assert [type(entry) for entry in posted(session)] == [SessionEnd]


def test_typing_is_taken_back_when_the_text_answers_a_form() -> None:
    """The agent saw "typing…" for ever: the text went out as form data, and no message hid it."""
    session = answer(live(), Poll, Batch((FormShow("1", timestamp=1_000),)))
    session, _ = reduce(session, StartTyping(0))
    session = answer(session, PostCourtesy, Batch())
    session, _ = reduce(session, Say(0, "4711"))
    assert {type(entry) for entry in posted(session)} == {FormData, NotTyping}


def test_typing_that_arrives_after_its_text_is_taken_back() -> None:
    """The announcement was on its way when the text was said: it could arrive last, and stay."""
    session, _ = reduce(live(), StartTyping(0))
    session, _ = reduce(session, Say(0, "hello"))
    assert {type(entry) for entry in posted(session)} == {Typing, Message}
    session = answer(session, Post, Batch())
    session = answer(session, PostCourtesy, Batch())
    session, _ = reduce(session, Tick(session.config.typing_expires))
    assert [type(entry) for entry in posted(session)] == [NotTyping]


def test_a_session_without_a_chat_hands_on_the_past_it_took_over() -> None:
    """After a vain search in between, the next session told the whole chat again."""
    word = Message("0", "agent", "hello", timestamp=1_000)
    session = answer(live(), Poll, Batch((word,)))
    session = answer(session, Poll, Failure("http", 404, 5005))
    vain, _ = reduce(new_session(0), Reattach(0, "second", after=past(session)))
    vain = answer(vain, FindChat, Failure("http", 404, 5005))
    third, _ = reduce(new_session(0), Request(0, "third", after=past(vain)))
    third = answer(third, CreateChat, Opened(CHAT, "ivr", is_new_chat=False))
    (reading,) = [one for one in outbox(third) if isinstance(one, ReadHistory)]
    _, out = reduce(third, Answered(0, reading.id, Log((word,))))
    assert not [one for one in out if isinstance(one, Received)]


def test_a_full_window_forgets_ours_first_and_tells_it_once() -> None:
    """Ours is remembered when it is sent, ahead of what stands before it in the log, and so forgotten first."""
    words = [Message(str(n), "agent", f"word {n}", timestamp=1_000 * n) for n in range(8)]
    session, _ = reduce(live(Config(window=8, api="v1")), Say(0, "ours"))
    item = session.items[0].id
    session = answer(session, Post, Batch())
    for word in words:
        session = answer(session, Poll, Batch((word,)), at=session.now + 5_000)
    session = answer(session, Poll, Failure("cut"))
    due = next_deadline(session)
    assert due is not None
    session, _ = reduce(session, Tick(due))
    ours = Message(item, CHAT, "ours", timestamp=1_000)
    (reading,) = [one for one in outbox(session) if isinstance(one, ReadHistory)]
    _, out = reduce(session, Answered(due, reading.id, Log((words[0], ours, *words[1:]))))
    assert not [one for one in out if isinstance(one, Received)]


def test_the_history_is_read_again_when_the_first_poll_after_a_cut_is_answered() -> None:
    """Only an answered poll proves that the one before has let go of its slot (knob `after_cut` = swallow)."""
    session = answer(live(), Poll, Failure("cut"))
    due = next_deadline(session)
    assert due is not None
    session, _ = reduce(session, Tick(due))
    session = answer(session, ReadHistory, Log((Navigation("page"),)))
    session = answer(session, Poll, Batch(), at=session.now + 15_000)
    due = session.history.due
    assert due is not None
    session, _ = reduce(session, Tick(due))
    assert any(isinstance(one, ReadHistory) for one in outbox(session))


def test_an_answer_that_comes_with_the_wake_up_is_proved_by_the_log() -> None:
    """A laptop slept while the answer was on its way. Deadlines fire first (L2), so the text is in doubt until then."""
    session, _ = reduce(live(), Say(0, "hello"))
    session = answer(session, Post, Batch(), at=60_000)
    assert session.items[0].state.name == "in_doubt"

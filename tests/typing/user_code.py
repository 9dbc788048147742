"""What a user writes, and the type checkers must accept: mypy --strict and pyright strict."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, assert_never, assert_type

from statemachine import (
    Anomaly,
    Answered,
    ChatClient,
    ChatOpened,
    Command,
    Config,
    CreateChat,
    DeliveryUpdate,
    EventBatch,
    Explanation,
    Failure,
    FindChat,
    Finished,
    HistoryGap,
    IllegalIntent,
    Notification,
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    Received,
    Reply,
    RequestChat,
    SendText,
    Session,
    Tick,
    Upload,
    carry_over,
    changes,
    explain,
    new_session,
    next_deadline,
    outbox,
    reduce,
    restore,
    snapshot,
    wake_window,
)
from statemachine.client import ChatSession
from statemachine.wire import File, Message


def path(command: Command) -> str:
    """Every command has its branch, or the checker says which is missing."""
    match command:
        case CreateChat():
            return "chats"
        case FindChat():
            return "chats/active"
        case Poll(chat_id=chat_id) | Post(chat_id=chat_id) | PostEphemeral(chat_id=chat_id):
            return f"chats/{chat_id}/events"
        case ReadHistory(chat_id=chat_id):
            return f"chats/{chat_id}/history"
        case Upload():
            return "files"
        case _:
            assert_never(command)


def show(update: Notification) -> str:
    match update:
        case Received(entry=Message(msg_text=text)):
            return text or ""
        case Received(entry=File(file_name=name)):
            return name
        case Received():
            return ""
        case DeliveryUpdate(item=item, state=state, reason=reason):
            return f"{item} {state} {reason}"
        case Finished(outcome=outcome, code=code):
            return f"{outcome} {code}"
        case HistoryGap(seq=seq):
            return str(seq)
        case Anomaly(kind=kind):
            return kind
        case _:
            assert_never(update)


def drive(reply: Reply) -> Session:
    session = new_session(at=0, config=Config(request_within=30_000))
    session, out = reduce(session, RequestChat(at=1, origin="o", parameters={"name": "Ann"}, text="hi", key="k"))
    for one in out:
        if isinstance(one, CreateChat):
            assert_type(one.id, int)
    session, _ = reduce(session, Answered(2, 1, reply))
    session, _ = reduce(session, Answered(2, 1, Failure("http", 503, 5001, retry_after=1_000)))
    session, _ = reduce(session, Answered(3, 1, ChatOpened("c", "queued", None, is_new_chat=True)))
    session, _ = reduce(session, Answered(4, 2, EventBatch((Message(msg_id="1", msg="hello"),))))
    try:
        session, _ = reduce(session, SendText(at=5, text="hi"))
    except IllegalIntent as refusal:
        print(refusal.phase, refusal.intent, refusal.reason)
    session, _ = reduce(session, Tick(at=6))
    assert_type(next_deadline(session), int | None)
    assert_type(wake_window(session), tuple[int, int] | None)
    assert_type(outbox(session), tuple[Command, ...])
    assert_type(explain(session, Tick(at=7)), Explanation)
    for level in changes(new_session(at=0), session):
        print(level)
    again, _ = reduce(new_session(at=9), RequestChat(at=9, origin="p", after=carry_over(session)))
    return restore(snapshot(again))


async def chat() -> None:
    async with ChatClient("http://127.0.0.1:1", app_id="a") as client:
        session = await client.session("c")
        assert_type(session, ChatSession)
        sending = await session.send("and")
        assert_type(await sending.delivered(timeout=timedelta(seconds=1)), Literal["delivered", "unknown"])
        async for update in session.updates():
            print(update)
        async for one, told in client:
            assert_type(one, ChatSession)
            print(told)

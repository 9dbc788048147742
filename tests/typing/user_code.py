"""What a user writes, and the type checkers must accept: mypy --strict and pyright strict."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, assert_never, assert_type

from statemachine import (
    Anomaly,
    AnomalyKind,
    Answered,
    CaseChanged,
    ChatClient,
    ChatOpened,
    Command,
    Config,
    ConnectionChanged,
    ConnectionState,
    CreateChat,
    DeliveryUpdate,
    EventBatch,
    Explanation,
    Failure,
    FileUploaded,
    FindChat,
    Finished,
    FormsChanged,
    HistoryGap,
    HistoryLog,
    IllegalIntent,
    Notification,
    Outcome,
    Phase,
    PhaseChanged,
    Poll,
    Post,
    PostEphemeral,
    ReadHistory,
    Received,
    Reply,
    RequestChat,
    RosterChanged,
    SendText,
    Session,
    Tick,
    TypingChanged,
    Update,
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


def is_not_gone(phase: Phase) -> bool:
    match phase:
        case (
            "idle"
            | "requesting"
            | "establishing"
            | "ivr"
            | "queued"
            | "connecting"
            | "connected"
            | "agent_joined"
            | "warned"
            | "wrapping_up"
            | "ending"
            | "ended"
            | "failed"
            | "timed_out"
        ):
            return True
        case "gone":
            return False
        case _:
            assert_never(phase)


def is_not_blocked(state: ConnectionState) -> bool:
    match state:
        case "off" | "polling" | "backing_off" | "paused":
            return True
        case "blocked":
            return False
        case _:
            assert_never(state)


def is_ours(kind: AnomalyKind) -> bool:
    match kind:
        case (
            "forms_full"
            | "malformed_entry"
            | "more_anomalies"
            | "receipts_dropped"
            | "repaired_answer"
            | "repeated_batch"
            | "roster_full"
            | "seconds"
            | "unknown_entry"
        ):
            return True
        case "unknown_state":
            return False
        case _:
            assert_never(kind)


def is_kept(outcome: Outcome) -> bool:
    match outcome:
        case "ended" | "completed" | "failed" | "refused" | "gave_up" | "timed_out":
            return True
        case "gone":
            return False
        case _:
            assert_never(outcome)


def read(reply: Reply) -> str:
    match reply:
        case ChatOpened(chat_id=text) | FileUploaded(file_id=text):
            return text
        case EventBatch(entries=entries) | HistoryLog(entries=entries):
            return str(len(entries))
        case Failure(kind=kind):
            return kind
        case _:
            assert_never(reply)


def on_screen(update: Update) -> str:
    match update:
        case Received() | DeliveryUpdate() | Finished() | HistoryGap():
            return str(update.seq)
        case PhaseChanged(phase=phase):
            return phase
        case ConnectionChanged(state=state):
            return state
        case RosterChanged() | TypingChanged() | FormsChanged() | CaseChanged():
            return ""
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

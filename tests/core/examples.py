"""A session for each state of each machine, reached by events, and a payload for each thing that a machine may hear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statemachine import (
    AnswerForm,
    AnswerSecureForm,
    Background,
    CancelForm,
    ChatOpened,
    ClockChanged,
    Config,
    CreateChat,
    Disconnect,
    End,
    EventBatch,
    Failure,
    FileUploaded,
    Foreground,
    HistoryLog,
    Incoming,
    MarkDelivered,
    MarkRead,
    Poll,
    Post,
    PushReceived,
    ReadHistory,
    Reattach,
    Reauthorized,
    Reply,
    RequestChat,
    Restarted,
    SendEntry,
    SendFile,
    SendText,
    Session,
    StartTyping,
    StopTyping,
    Tick,
    Upload,
)
from statemachine import records as r
from statemachine import wire as w
from statemachine.conformance.entries import sample
from statemachine.core import signals as sig
from tests.core.play import ANN, CHAT, NOW, TIMEOUT, Play, chatting, doubting, http, joined, left, message, opened
from tests.core.play import requested as requesting

# --- sessions -------------------------------------------------------------------------------------------------------


def _over(*entries: Any) -> Play:
    play = chatting()
    play.poll(*entries)
    return play


def _after(play: Play, intent: type[Any], *args: Any) -> Play:
    play.do(intent, *args)
    return play


def _ending_blind() -> Play:
    play = requesting()
    play.do(End)
    return play


def _wrapping() -> Play:
    return _over(left(ANN))


def _gone() -> Play:
    play = chatting()
    play.answer(Poll, http(404, 5005))
    return play


def _warned() -> Play:
    return _over(w.TimeoutWarning("still there?", 5))


def _failing(kind: type[Any], failure: Failure, play: Play) -> Play:
    play.answer(kind, failure)
    return play


def _reattached() -> Play:
    play = Play()
    play.do(Reattach, "o", CHAT)
    return play


def _stale() -> Play:
    play, _ = doubting()
    play.wait(9_000)
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.tick()
    return play


def _delivered(kind: type[Any]) -> Play:
    play = chatting()
    item = play.say("hi")
    play.posted()
    play.poll(kind(item, ANN))
    return play


def _failing_upload() -> Play:
    """One more failure of this kind is one too many."""
    play = _after(chatting(), SendFile, "ref")
    for _ in range(2):
        play.answer(Upload, http(500, 5558))
        play.tick()
    return play


def _signalled(play: Play) -> Play:
    play.do(SendEntry, w.Signaling("END_CALL", destination_party_id=ANN))
    return play


def _said(play: Play) -> Play:
    play.say("hi")
    return play


def _posted() -> Play:
    play = _said(chatting())
    play.posted()
    return play


def _full_room() -> Play:
    """Live, with everything in it at once."""
    play = chatting()
    play.poll(w.FormShow("f1", "survey_form", 60_000), w.FormShow("f2"), w.SecureFormShow("f3", "card"))
    play.poll(w.Typing(ANN), w.CaseSet("case"), message(1))
    play.do(StartTyping)
    return play


def _failing_request() -> Play:
    return _failing(CreateChat, http(503, 5001), requesting())


def _paused_search() -> Play:
    return _after(_failing_request(), End)


def _braking() -> Play:
    play = chatting()
    while play.owes(Poll):
        play.poll(later=5)
    return play


def _denied() -> Play:
    """A text was answered "no such chat" while the poll is held."""
    play = chatting()
    play.say("are you there?")
    play.answer(Post, http(404, 5005))
    return play


LIFECYCLE: dict[type[Any], tuple[Callable[[], Play], ...]] = {
    r.Idle: (Play,),
    r.Requesting: (
        requesting,
        _failing_request,
        lambda: requesting(text="first"),
        lambda: _after(Play(), Reattach, "o"),
    ),
    r.Establishing: (lambda: opened(""), _reattached),
    r.Ivr: (opened,),
    r.Queued: (lambda: opened("queued"),),
    r.Connecting: (lambda: opened("connecting"),),
    r.Connected: (lambda: opened("connected"),),
    r.AgentJoined: (chatting, _full_room, lambda: chatting(Config(api="v1")), lambda: chatting(Config(receipts=False))),
    r.WrappingUp: (_wrapping,),
    r.Ending: (
        lambda: _after(chatting(), End),
        lambda: _after(_after(Play(), Reattach, "o"), End),
        _ending_blind,
        _paused_search,
    ),
    r.Ended: (lambda: _over(w.SessionEnded()), lambda: _over(w.Status("completed"))),
    r.Failed: (lambda: _over(w.Status("failed")),),
    r.TimedOut: (lambda: _over(w.InactivityTimeout("bye")),),
    r.Gone: (_gone,),
}


OPENING: dict[type[Any], tuple[Callable[[], Play], ...]] = {
    r.OpeningIdle: (Play, chatting),
    r.OpeningCreating: (requesting, _ending_blind),
    r.OpeningFinding: (lambda: _after(Play(), Reattach, "o"), lambda: _after(_after(Play(), Reattach, "o"), End)),
    r.OpeningBackingOff: (_failing_request, _paused_search),
}
ATTENTION: dict[type[Any], tuple[Callable[[], Play], ...]] = {r.Calm: (chatting,), r.Warned: (_warned,)}
LINK: dict[type[Any], tuple[Callable[[], Play], ...]] = {
    r.ConnectionOff: (Play, _reattached),
    r.ConnectionPolling: (chatting,),
    r.ConnectionBackingOff: (lambda: _failing(Poll, TIMEOUT, chatting()), _braking),
    r.ConnectionPaused: (lambda: _after(chatting(), Background), lambda: _after(Play(), Background)),
    r.ConnectionBlocked: (
        lambda: _failing(Poll, http(401), chatting()),
        lambda: _after(_failing(Poll, http(401), chatting()), Background),
    ),
}
HISTORY: dict[type[Any], tuple[Callable[[], Play], ...]] = {
    r.HistoryCurrent: (chatting,),
    r.HistoryReading: (_reattached,),
    r.HistoryStale: (_stale,),
    r.HistoryBackingOff: (lambda: _failing(ReadHistory, TIMEOUT, _reattached()),),
}
PRESENCE: dict[type[Any], tuple[Callable[[], Play], ...]] = {
    r.Present: (chatting,),
    r.Doubted: (_denied, lambda: _after(_denied(), Background)),
}
COURTESY: dict[type[Any], tuple[Callable[[], Play], ...]] = {
    r.EphemeralQuiet: (chatting,),
    r.EphemeralPosting: (lambda: _over(message(1)),),
}
ITEM: dict[type[Any], tuple[Callable[[], Play], ...]] = {
    r.ItemUploading: (
        lambda: _after(chatting(), SendFile, "ref"),
        lambda: _after(_after(Play(), Reattach, "o"), SendFile, "ref"),
        _failing_upload,
    ),
    r.ItemPending: (lambda: requesting(text="first"),),
    r.ItemSending: (lambda: _said(chatting()), lambda: _signalled(chatting())),
    r.ItemInDoubt: (lambda: doubting()[0],),
    r.ItemSent: (_posted,),
    r.ItemDelivered: (lambda: _delivered(w.MessageDelivered),),
}
"""Absent, read and failed items are not in a session."""

EXAMPLES: dict[str, dict[type[Any], tuple[Callable[[], Play], ...]]] = {
    "lifecycle": LIFECYCLE,
    "opening": OPENING,
    "attention": ATTENTION,
    "connection": LINK,
    "history": HISTORY,
    "presence": PRESENCE,
    "ephemeral": COURTESY,
    "item": ITEM,
}


def phase_examples() -> dict[str, tuple[Session, ...]]:
    """Public phase -> sessions in it."""
    found = {state.name: tuple(make().session for make in makers) for state, makers in LIFECYCLE.items()}
    found["warned"] = (_warned().session,)
    return found


# --- events and payloads --------------------------------------------------------------------------------------------

_ENTRIES: tuple[w.Entry, ...] = (
    *(
        w.Status(state)
        for state in ("establishing", "ivr", "queued", "connecting", "connected", "failed", "completed", "odd")
    ),
    joined("agent-new"),
    left(ANN),
    message(9),
    w.MessageDelivered("o:1", ANN),
    w.MessageRead("o:1", ANN),
    w.Typing(ANN),
    w.NotTyping(ANN),
    w.Location("1", "2", msg_id="s8", party_id=ANN),
    w.File("f", msg_id="s7", party_id=ANN),
    w.TimeoutWarning("hm"),
    w.InactivityTimeout("bye"),
    w.SessionEnded(),
    w.CaseSet("case-1"),
    w.SessionDisconnect(),
    w.SessionEnd(),
    w.Navigation("/"),
    w.FormShow("form-9", "survey_form"),
    w.FormData("f1"),
    w.FormDataCancel("f1"),
    w.SecureFormShow("form-8", "card"),
    w.SecureFormData("f3"),
    w.SecureFormCancel("f3"),
    w.Signaling("OFFER_CALL", "s6", ANN),
    w.CobrowsingRequested("s5"),
    w.Unknown("chat_session_new"),
    w.Malformed("not an object"),
)
_CLASSES = {type(entry) for entry in _ENTRIES}
ENTRIES = (*_ENTRIES, *(sample(cls, 9) for cls in w.ENTRIES if cls not in _CLASSES))
"""At least one of each class; a class without an example of its own has a sample."""

INTENTS: tuple[Callable[[int], Any], ...] = (
    lambda at: RequestChat(at, "o2"),
    lambda at: Reattach(at, "o2"),
    lambda at: SendText(at, "hello"),
    lambda at: SendEntry(at, w.Navigation("/page")),
    lambda at: SendFile(at, "ref"),
    lambda at: AnswerForm(at, "f1", {}),
    lambda at: AnswerSecureForm(at, "f3", "vault"),
    lambda at: CancelForm(at, "f1"),
    Disconnect,
    End,
    StartTyping,
    StopTyping,
    lambda at: MarkDelivered(at, "s1"),
    lambda at: MarkRead(at, "s1"),
    Background,
    Foreground,
    lambda at: PushReceived(at, CHAT),
    Reauthorized,
)

OTHER_EVENTS: tuple[Callable[[int], Any], ...] = (
    *(lambda at, e=entry: Incoming(at, (e,)) for entry in ENTRIES),
    lambda at: Incoming(at, (w.Location("1", "2", msg_id="other device", party_id=CHAT),)),
    Tick,
    Restarted,
    ClockChanged,
    lambda at: ClockChanged(at + 60_000, 60_000),
)

REPLIES: tuple[Reply, ...] = (
    ChatOpened(CHAT, "queued", None, True),
    EventBatch(ENTRIES),
    HistoryLog(ENTRIES),
    EventBatch((message(9),), incomplete=True),
    HistoryLog((message(9),), incomplete=True),
    FileUploaded("file-1"),
    TIMEOUT,
    http(404, 5005),
    *map(http, (400, 401, 404, 429, 503)),
    http(200, 5511),
    http(500, 5500),
)

FAILURE = http(503, 5001)
PAYLOADS: dict[type[Any], Any] = {
    **{type(entry): entry for entry in ENTRIES},
    **{type(make(NOW)): make(NOW) for make in INTENTS},
    sig.ChatRequested: RequestChat(NOW, "o"),
    sig.ChatFound: ChatOpened(CHAT, "ivr", None, True),
    sig.DeliveryConfirmed: w.MessageDelivered("o:1", ANN),
    sig.ReadConfirmed: w.MessageRead("o:1", ANN),
    sig.EchoReceived: message(1),
    sig.UploadAccepted: FileUploaded("file-1"),
    sig.PostAccepted: EventBatch(),
    sig.PollAnswered: EventBatch(),
    sig.HistoryRead: HistoryLog(),
    sig.StatusQueued: w.Status("queued", 30_000),
    sig.StatusOther: w.Status("odd"),
    sig.StatusFailed: w.Status("failed"),
    sig.StatusCompleted: w.Status("completed"),
}


def payload(on: type[Any]) -> Any:
    """What travels with this event or signal; a failure, where nothing better is known."""
    return PAYLOADS.get(on, FAILURE)

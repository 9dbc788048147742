"""Reactions: the meaning of an answer (kind of call x outcome class), and who receives it: protocol.md section 7 as data.

A post that the server (or a proxy) answered with an error it may not mean for ever is in doubt too, but *limited*:
after a few rounds in which the log lacks it, it fails, so that one bad message does not block the queue.

`classify` turns an answer into one of a few classes: the body's code first, then the HTTP status, then how the call
failed. A *read* that failed is simply tried again; a *post* whose answer was lost is in doubt.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from .. import signals as sig
from ..commands import Kind as Kind
from ..events import ChatOpened, EventBatch, Failure, FileUploaded, HistoryLog, Reply
from ..record import record

OutcomeClass: TypeAlias = Literal[
    "ok", "partial", "empty", "busy", "retry", "limited", "unreadable", "doubt", "gone", "refused", "blocked"
]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
CLASSES: Final[tuple[OutcomeClass, ...]] = get_args(OutcomeClass)

SUCCESS: Final[dict[Kind, type[Reply]]] = {
    "create": ChatOpened,
    "find": ChatOpened,
    "poll": EventBatch,
    "history": HistoryLog,
    "post": EventBatch,
    "ephemeral": EventBatch,
    "upload": FileUploaded,
}
"""The reply that counts as success of each kind of call."""


@record
class Code:
    """One error code of section 7: its class for reads (and for what is safe to repeat), and for posts."""

    name: str
    read: OutcomeClass
    post: OutcomeClass


CODES: Final[dict[int, Code]] = {
    406: Code("CaseNotSpecified (an early build's mapping)", "refused", "refused"),
    1000: Code("BadTenantUrl", "blocked", "blocked"),
    2000: Code("NoAuthHeader", "blocked", "blocked"),
    2001: Code("AuthHeaderWrongFormat", "blocked", "blocked"),
    2002: Code("AuthHeaderBadScheme", "blocked", "blocked"),
    2003: Code("AuthHeaderMissingAppId", "blocked", "blocked"),
    2004: Code("AuthHeaderMissingClientId", "blocked", "blocked"),
    3000: Code("AuthHeaderBadAppId", "blocked", "blocked"),
    5000: Code("ServerTimeout", "retry", "limited"),
    5001: Code("ServerNotAvailable", "retry", "limited"),
    5003: Code("InvalidJson", "refused", "refused"),
    5004: Code("ServerDisconnected", "retry", "limited"),
    5005: Code("NotFound", "gone", "gone"),
    5006: Code("EntryNotFound", "blocked", "blocked"),
    5500: Code("InternalServerError", "limited", "limited"),
    5501: Code("UploadSizeLimitExceeded", "refused", "refused"),
    5502: Code("FileNotFound", "refused", "refused"),
    5509: Code("TooManyPollRequests", "busy", "busy"),
    5511: Code("NoEvents", "empty", "empty"),
    5558: Code("FileError", "limited", "limited"),
    5601: Code("CaseNotSpecified", "refused", "refused"),
    5602: Code("CrmServerError", "refused", "refused"),
    5603: Code("TooManyParameters", "refused", "refused"),
    5955: Code("UnspecifiedServerError", "limited", "limited"),
}

STATUSES: Final[dict[int, tuple[OutcomeClass, OutcomeClass]]] = {
    401: ("blocked", "blocked"),
    403: ("blocked", "blocked"),
    404: ("gone", "gone"),
    408: ("retry", "limited"),
    410: ("gone", "gone"),  # no server was seen to send it; in HTTP it says for good what 404 says
    425: ("retry", "retry"),
    429: ("busy", "busy"),
}
"""HTTP statuses without a known code: class for reads, class for posts. Other 4xx refuse, 5xx are trouble."""


def classify(kind: Kind, reply: Reply) -> OutcomeClass:
    """The outcome class of an answer. Pure, and total: whatever came, something is to be done."""
    if type(reply) is SUCCESS[kind]:
        return "partial" if reply.incomplete else "ok"
    column = 1 if kind in ("post", "ephemeral") else 0
    if not isinstance(reply, Failure) or reply.kind == "unreadable":
        return "doubt" if column else "unreadable"
    if reply.kind in ("timeout", "cut", "restart"):
        return "doubt" if column else "retry"
    if reply.kind == "unsent":
        return "retry"
    if reply.kind == "no_payload":
        return "refused"
    code = CODES.get(reply.code) if reply.code is not None else None
    if code is not None:
        return code.post if column else code.read
    status = reply.status or 0
    if status in STATUSES:
        return STATUSES[status][column]
    if 400 <= status < 500 or status in (501, 505):
        return "refused"
    return "limited" if column else "retry"


@record
class Reaction:
    """What an outcome raises, in order, each in one machine ("item": the item whose call was answered)."""

    signals: tuple[tuple[str, type[sig.Signal]], ...]
    why: str


def _to(machine: str, signal: type[sig.Signal], why: str) -> Reaction:
    return Reaction(((machine, signal),), why)


def _and_read(reaction: Reaction, why: str) -> Reaction:
    return Reaction((*reaction.signals, ("history", sig.HistoryRequested)), why)


# fmt: off
OPENED: Final =      _to("opening", sig.ChatFound, "the chat id is known")
OPEN_LATER: Final =  _to("opening", sig.OpeningFailed, "try again; E4 returns the same chat while one is alive")
NOT_OPENED: Final =  _to("opening", sig.OpeningRefused, "fatal while requesting")
NO_CHAT: Final =     _to("opening", sig.NoActiveChat, "404 on E5: no active chat")
POLLED: Final =      Reaction((("connection", sig.PollAnswered), ("presence", sig.ChatSeen)), "entries, or an empty answer")
POLLED_PART: Final = _and_read(POLLED, "the log has the entries that are missing")
POLL_BUSY: Final =   _to("connection", sig.PollBusy, "another poll is held, or we are too fast")
POLL_LATER: Final =  _to("connection", sig.PollFailed, "back off; events may be lost, so history first")
POLL_STOP: Final =   _to("connection", sig.PollBlocked, "waits for Reauthorized or End")
GONE: Final =        _to("lifecycle", sig.ChatGone, "this chat is unknown to the server")
READ: Final =        _to("history", sig.HistoryRead, "the whole log")
READ_LATER: Final =  _to("history", sig.HistoryFailed, "try again later")
READ_FAIL: Final =   _to("history", sig.HistoryRejected, "a few more tries, then without it")
READ_GONE: Final =   Reaction((("presence", sig.HistoryDenied), ("history", sig.HistoryRejected)), "a poll in flight decides; without one it is gone")
READ_STOP: Final =   _to("history", sig.HistoryBlocked, "waits for Reauthorized or End")
POSTED: Final =      _to("item", sig.PostAccepted, "the server has it")
POSTED_PART: Final = _and_read(POSTED, "the log has the entries that are missing")
POST_LATER: Final =  _to("item", sig.PostPostponed, "certainly not processed")
POST_LIMIT: Final =  _to("item", sig.PostLimited, "unknown as well, but not for ever")
POST_DOUBT: Final =  _to("item", sig.PostDoubted, "what the server did is unknown")
POST_GONE: Final =   Reaction((("item", sig.PostDenied), ("presence", sig.ChatDenied)), "not processed; the poll decides")
POST_FAIL: Final =   _to("item", sig.PostRefused, "this one fails; the others go on")
POST_STOP: Final =   _to("item", sig.PostBlocked, "the queue waits for Reauthorized or End")
DONE: Final =        _to("ephemeral", sig.EphemeralDone, "best effort")
DONE_PART: Final =   _and_read(DONE, "the log has the entries that are missing")
DROP: Final =        _to("ephemeral", sig.EphemeralFailed, "best effort: the rest is dropped, no storm of them")
DROP_GONE: Final =   Reaction((("ephemeral", sig.EphemeralFailed), ("presence", sig.ChatDenied)), "the poll decides")
UPLOADED: Final =    _to("item", sig.UploadAccepted, "it has a file id")
AGAIN: Final =       _to("item", sig.UploadPostponed, "harmless to repeat: an orphan file at worst")
LIMITED: Final =     _to("item", sig.UploadLimited, "a few more tries")
NOT_TAKEN: Final =   _to("item", sig.UploadRefused, "this file will not be taken")
NO_UPLOAD: Final =   _to("item", sig.UploadBlocked, "waits for Reauthorized or End")
# fmt: on


def _row(classes: tuple[OutcomeClass, ...], *reactions: Reaction) -> dict[OutcomeClass, Reaction]:
    return dict(zip(classes, reactions, strict=True))


# fmt: off
_READ: Final[tuple[OutcomeClass, ...]] = ("ok", "empty", "busy", "retry", "limited", "unreadable", "gone", "refused", "blocked")
_POST: Final[tuple[OutcomeClass, ...]] = ("ok", "empty", "busy", "retry", "limited", "doubt", "gone", "refused", "blocked")
_READ_ENTRIES: Final = (*_READ, "partial")
_POST_ENTRIES: Final = (*_POST, "partial")

REACTIONS: Final[dict[Kind, dict[OutcomeClass, Reaction]]] = {
    #                                ok        empty       busy        retry       limited     unreadable  gone        refused     blocked     partial
    "create":    _row(_READ,         OPENED,   OPEN_LATER, OPEN_LATER, OPEN_LATER, OPEN_LATER, OPEN_LATER, NOT_OPENED, NOT_OPENED, NOT_OPENED),
    "find":      _row(_READ,         OPENED,   NO_CHAT,    OPEN_LATER, OPEN_LATER, OPEN_LATER, OPEN_LATER, NO_CHAT,    NOT_OPENED, NOT_OPENED),
    "poll":      _row(_READ_ENTRIES, POLLED,   POLLED,     POLL_BUSY,  POLL_LATER, POLL_LATER, POLL_LATER, GONE,       POLL_LATER, POLL_STOP,  POLLED_PART),
    "history":   _row(_READ_ENTRIES, READ,     READ_FAIL,  READ_LATER, READ_LATER, READ_FAIL,  READ_FAIL,  READ_GONE,  READ_FAIL,  READ_STOP,  READ_FAIL),
    "upload":    _row(_READ,         UPLOADED, AGAIN,      AGAIN,      AGAIN,      LIMITED,    AGAIN,      NOT_TAKEN,  NOT_TAKEN,  NO_UPLOAD),
    #                                ok        empty       busy        retry       limited     doubt       gone        refused     blocked     partial
    "post":      _row(_POST_ENTRIES, POSTED,   POSTED,     POST_LATER, POST_LATER, POST_LIMIT, POST_DOUBT, POST_GONE,  POST_FAIL,  POST_STOP,  POSTED_PART),
    "ephemeral": _row(_POST_ENTRIES, DONE,     DONE,       DROP,       DROP,       DROP,       DROP,       DROP_GONE,  DONE,       DONE,       DONE_PART),
}
# fmt: on
"""Only the classes that `classify` can give for a kind; a test compares the two."""

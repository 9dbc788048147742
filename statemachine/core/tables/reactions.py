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
    "ok", "empty", "busy", "retry", "limited", "unreadable", "doubt", "gone", "refused", "blocked"
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
    425: ("retry", "retry"),
    429: ("busy", "busy"),
}
"""HTTP statuses without a known code: class for reads, class for posts. Other 4xx refuse, 5xx are trouble."""


def classify(kind: Kind, reply: Reply) -> OutcomeClass:
    """The outcome class of an answer. Pure, and total: whatever came, something is to be done."""
    if type(reply) is SUCCESS[kind]:
        return "ok"
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


_OPENED: Final = _to("opening", sig.ChatFound, "the chat id is known")
_OPEN_FAILED: Final = _to("opening", sig.OpeningFailed, "try again; E4 returns the same chat while one is alive")
_OPEN_REFUSED: Final = _to("opening", sig.OpeningRefused, "fatal while requesting")
_NO_CHAT: Final = _to("opening", sig.NoActiveChat, "404 on E5: no active chat")
_GONE: Final = _to("lifecycle", sig.ChatGone, "this chat is unknown to the server")
_POLLED: Final = Reaction((("connection", sig.PollAnswered), ("presence", sig.ChatSeen)), "entries, or an empty answer")
_POLL_FAILED: Final = _to("connection", sig.PollFailed, "back off; events may be lost, so history first")
_READ: Final = _to("history", sig.HistoryRead, "the whole log")
_READ_FAILED: Final = _to("history", sig.HistoryFailed, "try again later")
_READ_REJECTED: Final = _to("history", sig.HistoryRejected, "a few more tries, then without it")
_POSTED: Final = _to("item", sig.PostAccepted, "the server has it")
_POSTPONED: Final = _to("item", sig.PostPostponed, "certainly not processed")
_DOUBTED: Final = _to("item", sig.PostDoubted, "what the server did is unknown")
_COURTESY: Final = _to("ephemeral", sig.EphemeralDone, "best effort")
_DISCOURAGED: Final = _to("ephemeral", sig.EphemeralFailed, "best effort: the rest is dropped, no storm of them")
_UPLOAD_AGAIN: Final = _to("item", sig.UploadPostponed, "harmless to repeat: an orphan file at worst")
_UPLOAD_REFUSED: Final = _to("item", sig.UploadRefused, "this file will not be taken")

REACTIONS: Final[dict[Kind, dict[OutcomeClass, Reaction]]] = {
    "create": {
        "ok": _OPENED,
        "empty": _OPEN_FAILED,
        "busy": _OPEN_FAILED,
        "retry": _OPEN_FAILED,
        "unreadable": _OPEN_FAILED,
        "limited": _OPEN_FAILED,
        "gone": _OPEN_REFUSED,
        "refused": _OPEN_REFUSED,
        "blocked": _OPEN_REFUSED,
    },
    "find": {
        "ok": _OPENED,
        "empty": _NO_CHAT,
        "busy": _OPEN_FAILED,
        "retry": _OPEN_FAILED,
        "unreadable": _OPEN_FAILED,
        "limited": _OPEN_FAILED,
        "gone": _NO_CHAT,
        "refused": _OPEN_REFUSED,
        "blocked": _OPEN_REFUSED,
    },
    "poll": {
        "ok": _POLLED,
        "empty": _POLLED,
        "busy": _to("connection", sig.PollBusy, "another poll is held, or we are too fast"),
        "retry": _POLL_FAILED,
        "unreadable": _POLL_FAILED,
        "limited": _POLL_FAILED,
        "gone": _GONE,
        "refused": _to("connection", sig.PollRejected, "refused for no known reason"),
        "blocked": _to("connection", sig.PollBlocked, "waits for Reauthorized or End"),
    },
    "history": {
        "ok": _READ,
        "empty": _READ_REJECTED,
        "busy": _READ_FAILED,
        "retry": _READ_FAILED,
        "unreadable": _READ_REJECTED,
        "limited": _READ_REJECTED,
        "gone": Reaction(
            (("presence", sig.HistoryDenied), ("history", sig.HistoryRejected)),
            "a poll in flight decides; without one it is gone",
        ),
        "refused": _READ_REJECTED,
        "blocked": _to("history", sig.HistoryBlocked, "waits for Reauthorized or End"),
    },
    "post": {
        "ok": _POSTED,
        "empty": _POSTED,
        "busy": _POSTPONED,
        "retry": _POSTPONED,
        "limited": _to("item", sig.PostLimited, "unknown as well, but not for ever"),
        "doubt": _DOUBTED,
        "gone": Reaction((("item", sig.PostDenied), ("presence", sig.ChatDenied)), "not processed; the poll decides"),
        "refused": _to("item", sig.PostRefused, "this one fails; the others go on"),
        "blocked": _to("item", sig.PostBlocked, "the queue waits for Reauthorized or End"),
    },
    "ephemeral": {
        "ok": _COURTESY,
        "empty": _COURTESY,
        "busy": _DISCOURAGED,
        "retry": _DISCOURAGED,
        "limited": _DISCOURAGED,
        "doubt": _DISCOURAGED,
        "gone": Reaction((("ephemeral", sig.EphemeralFailed), ("presence", sig.ChatDenied)), "the poll decides"),
        "refused": _COURTESY,
        "blocked": _COURTESY,
    },
    "upload": {
        "ok": _to("item", sig.UploadAccepted, "it has a file id"),
        "empty": _UPLOAD_AGAIN,
        "busy": _UPLOAD_AGAIN,
        "retry": _UPLOAD_AGAIN,
        "unreadable": _UPLOAD_AGAIN,
        "limited": _to("item", sig.UploadLimited, "a few more tries"),
        "gone": _UPLOAD_REFUSED,
        "refused": _UPLOAD_REFUSED,
        "blocked": _to("item", sig.UploadBlocked, "waits for Reauthorized or End"),
    },
}
"""Only the classes that `classify` can give for a kind; a test compares the two."""

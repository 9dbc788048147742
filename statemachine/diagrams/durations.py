"""How long the deadlines are: for each record with a `due`, the numbers of `Config` that may decide it.

The tables name the functions that set a deadline; the arithmetic is theirs. What is said here about it is held by a
test that measures every deadline of thousands of random traces.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from attrs import frozen

from ..core import session as s
from ..core import signals as sig
from ..core.session import DEFAULT_CONFIG
from ..durations import duration_words


@frozen
class Span:
    """The sum of these numbers."""

    names: tuple[str, ...]

    @property
    def is_answer(self) -> bool:
        """Whether it is how long a call may stay unanswered."""
        return "answer_margin" in self.names

    def words(self) -> str:
        """With the default numbers."""
        return duration_words(sum(_number(name) for name in self.names))


@frozen
class Doubling:
    """`start`, then twice as long after each failure in a row, up to `cap`; `Retry-After` may prolong it."""

    cap: str
    start: str = "backoff_start"
    retry_after_cap: str = "retry_after_cap"
    is_answer: ClassVar[bool] = False

    def words(self) -> str:
        """With the default numbers."""
        return f"{duration_words(_number(self.start)).removesuffix(' s')}-{duration_words(_number(self.cap))}"


def _number(name: str) -> int:
    found: int = getattr(DEFAULT_CONFIG, name)
    return found


def _answer(timeout: str) -> Span:
    return Span((timeout, "answer_margin"))


_REQUEST: Final = _answer("request_timeout")
_BACK_OFF: Final = Doubling("backoff_cap")
_SETTLE: Final = Span(("settle",))

DURATIONS: Final[dict[type[Any], tuple[Span | Doubling, ...]]] = {
    s.Requesting: (Span(("request_within",)),),
    s.OpeningCreating: (_REQUEST,),
    s.OpeningFinding: (_REQUEST,),
    s.OpeningBackingOff: (_BACK_OFF,),
    s.Ending: (Span(("ending_within",)),),
    s.ConnectionPolling: (_answer("poll_timeout"),),
    s.ConnectionBackingOff: (_BACK_OFF, Doubling("busy_cap"), Doubling("brake_cap")),
    s.ConnectionPaused: (_answer("poll_timeout"),),
    s.HistoryReading: (_REQUEST,),
    s.HistoryStale: (_REQUEST,),
    s.HistoryBackingOff: (_BACK_OFF, _SETTLE),
    s.Doubted: (Span(("presence_timeout",)),),
    s.ItemUploading: (_answer("upload_timeout"), _BACK_OFF),
    s.ItemPending: (_BACK_OFF,),
    s.ItemSending: (_REQUEST,),
    s.ItemInDoubt: (_SETTLE,),
    s.EphemeralPosting: (_REQUEST,),
    s.EphemeralQueue: (Span(("typing_expires",)),),
    s.Typist: (Span(("remote_typing_expires",)),),
}
"""An open form has a `due` too; its time is the server's (`form_timeout`)."""

BESIDE: Final[dict[type[sig.Signal], type[Any]]] = {
    sig.OwnTypingExpired: s.EphemeralQueue,
    sig.TypingExpired: s.Typist,
    sig.FormExpired: s.OpenForm,
}
"""Signals of deadlines that are no state's but those of a record beside: which record."""

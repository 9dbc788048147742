"""The parts of recorded calls that cannot be read, and the rules that cannot be judged without them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

from attrs import frozen

from statemachine.codec.har import unreadable_part
from statemachine.emulator.routes import Route

from .recorded import Recorded

Part: TypeAlias = Literal["time", "request", "answer"]

_WITH_EVENTS: Final = ("create", "poll", "history")
"""The calls whose answers say something of the chat."""
_NEED_REQUESTS: Final = frozenset(("F18", "F38"))
"""A receipt that seems to be missing may be in a request that cannot be read."""
_NEED_ANSWERS: Final = frozenset(("F5", "F10", "F15", "F20", "F31"))
"""A message, a form, or the end of the chat may be in an answer that cannot be read."""
_WORDS: Final[dict[Part, str]] = {
    "time": "without a time that can be read",
    "request": "whose request cannot be read",
    "answer": "whose answer cannot be read",
}


@frozen
class Gap:
    """A part of a call that cannot be read, and why. `chat_id`: in lower case, "" if the call names none."""

    number: int
    chat_id: str
    part: Part
    why: str = ""


def gaps_of(number: int, route: Route, one: Recorded) -> Iterator[Gap]:
    """The gaps of the call with this number."""
    chat_id = route.chat_id.lower()
    if not one.timed:
        yield Gap(number, chat_id, "time")
    if route.call == "send" and (why := one.request_problem or unreadable_part(one.request.body, one.request.headers)):
        yield Gap(number, chat_id, "request", why)
    if route.call in _WITH_EVENTS or (one.response_problem and route.call == "send" and one.response.status != 200):
        why = one.response_problem
        if not why and one.response.status == 200 and one.response.body.strip():
            why = unreadable_part(one.response.body, one.response.headers)
        if why:
            yield Gap(number, chat_id, "answer", why)


def unjudged_rules(gaps: Iterable[Gap], chat_id: str) -> frozenset[str]:
    """The rules that cannot be judged in this chat."""
    parts = {gap.part for gap in gaps if gap.chat_id == chat_id.lower()}
    requests = _NEED_REQUESTS if parts & {"time", "request"} else frozenset[str]()
    return requests | (_NEED_ANSWERS if parts & {"time", "answer"} else frozenset[str]())


def notes_of(gaps: Iterable[Gap]) -> list[str]:
    """The gaps in words, counted."""
    counted: Counter[tuple[Part, str]] = Counter((gap.part, gap.why) for gap in gaps)
    return [
        f"{count} {'call' if count == 1 else 'calls'} {_WORDS[part]}{why and f': {why}'}"
        for (part, why), count in counted.items()
    ]

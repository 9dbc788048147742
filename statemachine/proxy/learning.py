"""Learns the settings of a contact centre from calls to it, with the evidence for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from statistics import median_low
from typing import Any, Final

from attrs import Factory, define, evolve, frozen

from statemachine.emulator import names
from statemachine.emulator.judge import message_id
from statemachine.emulator.knobs import Knobs

from .exchange import ChatRecord, DecodedExchange, is_own
from .observations import CALL_OBSERVATIONS, CHAT_OBSERVATIONS, INSTANT_MS, Observation

_DEFAULTS: Final = Knobs()
_CHATS: Final = 1_000
_SAMPLES: Final = 1_000
_JITTER_MS: Final = 300
"""Holds that differ by less were the same."""


@frozen
class Finding:
    """The value of one setting, how many observations it rests on, and the request of the first.

    `differing`: other values that were seen, each with its count and first request.
    """

    setting: str
    value: Any
    count: int
    first: int
    differing: tuple[tuple[Any, int, int], ...] = ()


@define
class _Evidence:
    """How often each set of fitting values was seen, and in which request first."""

    counts: Counter[tuple[Any, ...]] = Factory(Counter[tuple[Any, ...]])
    first: dict[tuple[Any, ...], int] = Factory(dict[tuple[Any, ...], int])

    def add(self, values: tuple[Any, ...], number: int) -> None:
        self.counts[values] += 1
        self.first.setdefault(values, number)

    def finding(self, setting: str) -> Finding:
        """The value that fits most observations; of several the default, else the one named first."""
        values = dict.fromkeys(value for fitting in self.counts for value in fitting)
        support = {value: sum(n for fitting, n in self.counts.items() if value in fitting) for value in values}
        most = max(support.values())
        best = [value for value in values if support[value] == most]
        default = getattr(_DEFAULTS, setting)
        value = default if default in best else best[0]
        others = [fitting for fitting in self.counts if value not in fitting]
        first = min(number for fitting, number in self.first.items() if value in fitting)
        differing = tuple((one[0], self.counts[one], self.first[one]) for one in others)
        return Finding(setting, value, most, first, differing)


class Learner:
    """Collects observations from calls, in the order of their ends. Memory is bounded.

    A chat that ended long ago leaves its observations here; its calls are forgotten.
    """

    def __init__(self) -> None:
        self._evidence: dict[str, _Evidence] = {}
        self._chats: dict[str, ChatRecord] = {}
        self._holds: list[tuple[int, int]] = []
        self._instant: list[tuple[int, int]] = []
        self._timeouts: list[tuple[int, int]] = []

    def add(self, seen: DecodedExchange) -> None:
        """Learn from one call whose answer has ended, or was cut."""
        chat = self._chats.get((seen.route.chat_id or str(seen.body.get("chat_id", ""))).lower())
        for observe in CALL_OBSERVATIONS:
            self._note(observe(seen, chat), seen.number)
        if chat is None:
            chat = self._opened(seen)
        if chat is not None:
            self._remember(chat, seen)

    def findings(self) -> tuple[Finding, ...]:
        """What is known now, in the order of the emulator's settings."""
        evidence = {setting: evolve(one, counts=one.counts.copy(), first=dict(one.first))
                    for setting, one in self._evidence.items()}  # fmt: skip
        for chat in self._chats.values():
            _add(evidence, _whole(chat), chat.last_number)
        found = {setting: one.finding(setting) for setting, one in evidence.items()}
        found |= {one.setting: one for one in (*self._hold(), *self._timeout())}
        return tuple(found[name] for name in Knobs.__annotations__ if name in found)

    # --- calls ------------------------------------------------------------------------------------------------------

    def _note(self, observations: Iterable[Observation], number: int) -> None:
        _add(self._evidence, observations, number)

    def _opened(self, seen: DecodedExchange) -> ChatRecord | None:
        chat_id = seen.route.chat_id or (str(seen.body.get("chat_id", "")) if seen.is_ok else "")
        if not chat_id:
            return None
        chat = self._chats[chat_id.lower()] = ChatRecord(chat_id, seen.route.version)
        if len(self._chats) > _CHATS:
            oldest = self._chats.pop(next(iter(self._chats)))
            self._note(_whole(oldest), oldest.last_number)
        return chat

    def _remember(self, chat: ChatRecord, seen: DecodedExchange) -> None:
        match seen.route.call:
            case "poll":
                self._polled(chat, seen)
            case "send" if seen.is_ok:
                for event in seen.sent_events:
                    if event.get("event") == names.MESSAGE:
                        chat.active_at = seen.at
                        if msg_id := message_id(event):
                            chat.posts[msg_id] = seen
                ids = [str(event["msg_id"]) for event in seen.events if "msg_id" in event]
                chat.replied |= dict.fromkeys(ids, seen.number)
            case "history":
                chat.histories = [*chat.histories[-9:], seen]
            case "create" if seen.is_ok:
                chat.signals.clear()
            case _:
                pass
        if seen.route.call != "history":
            chat.last_number = seen.number

    def _polled(self, chat: ChatRecord, seen: DecodedExchange) -> None:
        if seen.status == 0:
            chat.cut = seen
            return
        chat.cut = None
        if seen.status == 404 and seen.code in (None, 5005):
            chat.add_signal("gone")
        if not seen.is_ok and seen.code != 5511:
            return
        if not seen.events:
            samples = self._instant if seen.took < INSTANT_MS else self._holds
            samples.append((seen.took, seen.number))
            del samples[:-_SAMPLES]
            return
        if seen.response.body == chat.last_batch:
            chat.repeats += 1
            return
        chat.last_batch, chat.repeats = seen.response.body, 0
        self._timed_out(chat, seen)
        chat.add_events(seen)

    def _timed_out(self, chat: ChatRecord, seen: DecodedExchange) -> None:
        """How long a customer with an agent was silent until the timeout."""
        for event in seen.events:
            name = event.get("event")
            joined = name == names.PARTY_JOINED and event.get("type") == "internal" and chat.active_at is None
            if joined or (name == names.MESSAGE and is_own(event, chat.chat_id)):
                chat.active_at = seen.end
            elif name in (names.TIMEOUT, names.TIMEOUT_MISSPELT) and chat.active_at is not None:
                self._timeouts = [*self._timeouts[-99:], (seen.end - chat.active_at, seen.number)]

    # --- lengths of time --------------------------------------------------------------------------------------------

    def _hold(self) -> Iterable[Finding]:
        if not self._holds:
            if self._instant:
                yield Finding("hold_ms", 0, len(self._instant), self._instant[0][1])
            return
        times = [took for took, _ in self._holds]
        shortest, longest = min(times), max(times)
        jitter = longest - shortest if longest - shortest > _JITTER_MS else 0
        yield Finding("hold_ms", _rounded(longest if jitter else shortest), len(times), self._holds[0][1])
        yield Finding("hold_jitter_ms", _rounded(jitter), len(times), self._holds[0][1])

    def _timeout(self) -> Iterable[Finding]:
        if self._timeouts:
            idle = median_low(took for took, _ in self._timeouts)
            yield Finding("inactivity_timeout_ms", _rounded(idle), len(self._timeouts), self._timeouts[0][1])


def _add(evidence: dict[str, _Evidence], observations: Iterable[Observation], number: int) -> None:
    for setting, values in observations:
        evidence.setdefault(setting, _Evidence()).add(values, number)


def _whole(chat: ChatRecord) -> Iterable[Observation]:
    for observe in CHAT_OBSERVATIONS:
        yield from observe(chat)


def _rounded(ms: int) -> int:
    """Measured times are a little longer than the setting: a tenth of a second is enough."""
    step = 10 if ms < 200 else 100
    return ms // step * step

"""The judge: plays a vector on an implementation and says what is wrong. All doors lead to it.

At each step, in this order: has the answer the shape that MESSAGES.md gives it; do the laws hold that can be seen
from outside (L4, L6 to L9, L13, by the very functions of `laws.py`); is it what the reference shows, ids aside
(`agreement`). The other laws say that two ways of doing one thing look the same (`variations.py`): for them the vector
is played again, and the implementation is compared with itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from attrs import define, evolve, field, frozen

from statemachine.codec.errors import BadRecord
from statemachine.codec.records import (
    decode_command,
    decode_event,
    decode_update,
    encode_command,
    encode_update,
    from_json,
)

from ..core import Anomaly, Command, Notification, Session
from ..core.session import Chat, Config
from . import laws
from .ids import IdMap
from .implementation import Implementation, NoAnswer, Object, WithPipelining, declared_features
from .results import CheckFailed, Level
from .variations import Variation, same
from .vector_runner import VectorRunner
from .vectors import Vector, VectorStep

__all__ = ["AGREEMENT", "Deviation", "JudgedRunner", "judge"]

AGREEMENT: Final = "agreement"
SHAPE: Final = "shape"
CRASH: Final = "crash"
_SHOWN: Final = 400


@frozen
class Deviation:
    """What is wrong: a law, `agreement`, `shape` or `crash`, at which step of the vector, in words."""

    law: str
    step: int
    what: str
    level: Level = "must"


def judge(subject: Implementation, vector: Vector, variation: Variation | None = None) -> Deviation | None:
    """The first thing that is wrong with how `subject` plays `vector`, and then plays it varied; None if nothing is."""
    player = JudgedRunner(subject, vector.config, ahead=isinstance(subject, WithPipelining))
    try:
        try:
            plain = player.play(vector)
        except OtherIds:
            player = JudgedRunner(subject, vector.config)
            plain = player.play(vector)
        if variation is not None:
            _vary(variation, player, vector, plain)
    except CheckFailed as wrong:
        agrees = wrong.law == AGREEMENT and player.at >= 0
        return Deviation(wrong.law, player.at, str(wrong), vector.steps[player.at].level if agrees else "must")
    except NoAnswer as broken:
        return Deviation(CRASH, player.at, str(broken))
    return None


def _vary(variation: Variation, player: JudgedRunner, vector: Vector, plain: Sequence[Object]) -> None:
    player.at = -1
    same("L10", plain[0], "begun once more", player.begin(vector.at))
    asked = tuple(variation(vector, plain))
    answers = player.do_each(one.do for one in asked)
    for one in asked:
        player.at = one.at
        said = next(answers)
        try:
            one.look(said)
        except (AttributeError, KeyError, TypeError) as error:  # nothing is read here as strictly as before
            raise CheckFailed(SHAPE, f"told in another way, an answer has another shape ({error})") from None


# --- what can be seen -----------------------------------------------------------------------------------------------


_NOWHERE: Final = Chat()


@frozen
class OutsideView:
    """As much of a session as can be seen from outside: all that the laws asked here read of one."""

    now: int
    phase: str = "idle"
    outcome: str | None = None
    owed: tuple[Command, ...] = ()
    deadline: int | None = None
    latest: int | None = None
    seq: int = 0
    ids: int = 0
    chat: Chat = _NOWHERE


def _window(seen: OutsideView) -> tuple[int, int] | None:
    return None if seen.deadline is None else (seen.deadline, max(seen.deadline, seen.latest or 0))


_OUTSIDE: Final = laws.Engine(
    next_deadline=lambda s: cast(OutsideView, s).deadline,
    outbox=lambda s: cast(OutsideView, s).owed,
    wake_window=lambda s: _window(cast(OutsideView, s)),
    explain=None,
)
_STEP_LAWS: Final = (laws.law_04_deadline_ahead, laws.law_06_outbox, laws.law_07_one_poll, laws.law_08_terminal)


@frozen
class Observation:
    """An observation, read."""

    commands: tuple[Command, ...]
    updates: tuple[Notification, ...]
    owed: tuple[int, ...]


def _read(said: Object) -> Observation:
    try:
        if not isinstance(said.get("phase"), str):
            raise BadRecord("$.phase: expected text")
        for name in ("deadline", "latest"):
            if not isinstance(said.get(name), int | None):
                raise BadRecord(f"$.{name}: expected milliseconds since the epoch, a whole number, or null")
        return Observation(
            tuple(decode_command(one) for one in said.get("commands", ())),
            tuple(cast(Notification, decode_update(one)) for one in said.get("updates", ())),
            tuple(said.get("owed", ())),
        )
    except (BadRecord, TypeError) as error:
        raise CheckFailed(SHAPE, f"{error}, in {_short(said)}") from None


class OtherIds(Exception):
    """The implementation has ids of its own, and may have been asked for something by the reference's already."""


@define
class JudgedRunner(VectorRunner):
    """Feeds one implementation, step by step. `at`: the step in hand; -1: the beginning.

    `ahead`: a vector is played on the guess that ids are those of the reference, as they mostly are, so that nobody
    need wait for an answer to know what to ask next.
    """

    at: int = -1
    ahead: bool = False
    names: IdMap = field(factory=IdMap)
    seen: OutsideView = OutsideView(0)
    _ledger: laws.Ledger = field(factory=laws.Ledger)
    _known: dict[int, Command] = field(factory=dict[int, Command])
    _features: frozenset[str] | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._features = declared_features(self.subject)

    def begin(self, at: int) -> Object:
        """A new session, which owes nothing yet."""
        said = self.subject.begin(at, self.config)
        self._ledger.window = from_json(self.config, Config).window
        self._known = {}
        self.seen = self._look(said, _read(said), at, _NOWHERE)
        return said

    def play(self, vector: Vector) -> list[Object]:
        """What it shows at the beginning, and at each step. Raises Wrong, Broken, OtherIds."""
        shown = [self.begin(vector.at)]
        answers = self.do_each((step.do for step in vector.steps), self.ahead)
        for self.at, step in enumerate(vector.steps):
            shown.append(self._take(step, next(answers)))
        return shown

    def _take(self, step: VectorStep, said: Object) -> Object:
        """One step of a vector, with all that is asked of it."""
        if "refused" not in said:
            if "event" in step.do:
                self._hold(step.do["event"], said)
            elif "follow" in step.do:
                self._follow(step.do["follow"], said)
            else:
                self._reloaded(said)
        self._agree(step.expect, said)
        if self.ahead and not self.names.same:
            raise OtherIds
        return said

    def event(self, event: Object) -> Object:
        """The event in the implementation's ids."""
        return self.names.to_them(event)

    def _look(self, said: Object, shown: Observation, at: int, chat: Chat) -> OutsideView:
        self._known.update((command.id, command) for command in shown.commands)
        lost = [one for one in shown.owed if one not in self._known]
        if lost:
            raise CheckFailed("L6", f"owes {lost[0]}, which was never commanded")
        told = [one.seq for one in shown.updates if not isinstance(one, Anomaly)]
        named = (getattr(command, "chat_id", "") for command in shown.commands)
        chat_id = next(filter(None, named), chat.chat_id)
        return OutsideView(
            at,
            said["phase"],
            said.get("outcome"),
            tuple(self._known[one] for one in sorted(shown.owed)),
            said.get("deadline"),
            said.get("latest"),
            told[-1] if told else self.seen.seq,
            max(self._known, default=0),
            chat if chat_id == chat.chat_id else evolve(chat, chat_id=chat_id),
        )

    def _hold(self, event: Object, said: Object) -> None:
        """The laws of one step, and of the whole life."""
        before, shown = self.seen, _read(said)
        now = event["at"] if event["type"] == "restarted" else max(before.now, event["at"])
        chat = evolve(before.chat, origin=event["origin"]) if "origin" in event else before.chat
        self.seen = after = self._look(said, shown, now, before.chat if before.chat.origin else chat)
        outputs = (*shown.commands, *shown.updates)
        step = laws.StepResult(cast(Session, before), decode_event(event), cast(Session, after), outputs)
        try:
            for law in _STEP_LAWS:
                law(step, _OUTSIDE)
            for life_law in laws.LIFE_LAWS:
                life_law(step, self._ledger)
        except laws.BrokenLaw as broken:
            raise CheckFailed(broken.law, str(broken).partition(": ")[2]) from None

    def _follow(self, at: int, said: Object) -> None:
        """Another session has begun; of its chat nothing is known yet, be it the same as before or not."""
        self._known = {}
        self.seen = evolve(self._look(said, _read(said), at, _NOWHERE), ids=0)
        self._ledger.finished, self._ledger.command = 0, 0

    def _reloaded(self, said: Object) -> None:
        """A session that was read again owes what it owed, and says so."""
        shown, before = _read(said), self.seen
        ids = [command.id for command in before.owed]
        if sorted(shown.owed) != ids or sorted(command.id for command in shown.commands) != ids:
            raise CheckFailed("L5", f"restored, it owes {sorted(shown.owed)}, not {ids}")
        self.seen = self._look(said, shown, before.now, before.chat)

    # --- agreement

    def _agree(self, expect: Object, said: Object) -> None:
        if ("refused" in expect) != ("refused" in said):
            raise _differs("refused", expect.get("refused"), said.get("refused"))
        if "refused" in said:
            return
        for name in ("phase", "outcome", "deadline", *(["latest"] if self._can("latest") else [])):
            if expect.get(name) != said.get(name):
                raise _differs(name, expect.get(name), said.get(name))
        self._match("commands", expect, said, encode_command, decode_command)
        self._match("updates", expect, said, encode_update, decode_update)
        if self._can("changes"):
            self._match("changes", expect, said, encode_update, decode_update)

    def _can(self, feature: str) -> bool:
        return self._features is None or feature in self._features

    def _match(
        self,
        name: str,
        expect: Object,
        said: Object,
        encode: Callable[[Any], Object],
        decode: Callable[[object], object],
    ) -> None:
        """Two lists, one by one, ids aside; whether a field at its default is written does not matter."""
        wanted, shown = expect.get(name, []), said.get(name, [])
        if not self._can("anomalies"):
            wanted, shown = ([one for one in ones if one["type"] != "anomaly"] for ones in (wanted, shown))
        if len(wanted) != len(shown):
            raise _differs(name, wanted, shown)
        for one, other in zip(wanted, shown, strict=True):
            same = self.names.bind(one, other) and (
                self.names.to_us(other) == one or self.names.to_us(encode(decode(other))) == one
            )
            if not same:
                raise _differs(name, one, other)


def _differs(name: str, expected: object, shown: object) -> CheckFailed:
    return CheckFailed(AGREEMENT, f"{name}: expected {_short(expected)}, shown {_short(shown)}")


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

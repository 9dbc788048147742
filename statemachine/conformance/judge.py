"""The judge: runs a vector on an implementation and returns the first deviation. All entry points use it.

For each step, in this order: the observation has the shape that MESSAGES.md describes; the laws that are visible from
outside hold (L4, L6 to L9, L13, L14: functions of `laws.py`); it equals the reference's observation, except
ids (`agreement`). After a difference that rests on an inference, the rest of the vector runs too, but is no longer
compared with the reference. The other laws say that two runs give the same observations (`variations.py`): for them the
vector runs again in a varied form, and the implementation is compared with itself. A run may enforce only some of the
laws: then an implementation that differs from the reference is still compared with itself.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial
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
from statemachine.engine.session import JsonObject

from ..core import Anomaly, Command, Notification, Session
from ..core.session import Chat, Config
from . import laws
from .ids import IdMap
from .implementation import Implementation, NoAnswer, NoAnswers, WithPipelining, declared_features
from .levels import softened_at
from .results import CheckFailed, Level, short
from .variations import VARIATIONS, Variation, same, time_after
from .vector_runner import VectorRunner
from .vectors import Vector, VectorStep

AGREEMENT: Final = "agreement"
SHAPE: Final = "shape"
CRASH: Final = "crash"
LAWS_OF_STEPS: Final = frozenset({"L4", "L6", "L7", "L8", "L9", "L13", "L14"})
"""The laws that one run shows from outside."""
EVERYTHING: Final = LAWS_OF_STEPS | VARIATIONS.keys() | {AGREEMENT}


@frozen
class Deviation:
    """A fault at a step of a vector. `law`: the broken law, `agreement`, `shape` or `crash`; `what`: in words.

    `member`, `values`: of an agreement, the member of the observation that differs, as expected and as shown.
    """

    law: str
    step: int
    what: str
    level: Level = "must"
    member: str = ""
    values: tuple[Any, Any] = (None, None)


def judge(
    subject: Implementation, vector: Vector, variation: Variation | None = None, enforced: Container[str] = EVERYTHING
) -> Deviation | None:
    """Run the vector, then its variation, on the implementation; returns the first deviation, or None.

    A deviation that rests on an inference is returned only where there is no other. `enforced`: the laws whose
    violation counts. An answer that cannot be read always counts.
    """
    try:
        return _judge(subject, vector, variation, enforced)
    except NoAnswers:
        return _judge(subject, vector, variation, enforced)


def _judge(
    subject: Implementation, vector: Vector, variation: Variation | None, enforced: Container[str]
) -> Deviation | None:
    runner = JudgedRunner(subject, vector.config, ahead=isinstance(subject, WithPipelining), enforced=enforced)
    try:
        try:
            plain = runner.run_vector(vector)
        except OtherIds:
            runner = JudgedRunner(subject, vector.config, enforced=enforced)
            plain = runner.run_vector(vector)
        if variation is not None:
            _vary(variation, runner, vector, plain)
    except CheckFailed as failed:
        return _deviation(failed, runner.at)
    except NoAnswer as broken:
        return Deviation(CRASH, runner.at, str(broken))
    return runner.inferred


def _deviation(failed: CheckFailed, at: int, level: Level = "must") -> Deviation:
    return Deviation(failed.law, at, str(failed), level, failed.member, failed.values)


def _vary(variation: Variation, runner: JudgedRunner, vector: Vector, plain: Sequence[JsonObject]) -> None:
    runner.at = -1
    steps = tuple(variation(vector, plain))
    answers = runner.run_all(({"begin": vector.at}, *(one.do for one in steps)))
    begun = runner.begun(vector.at, next(answers))
    if "L10" in runner.enforced:
        same("L10", plain[0], "begun again", begun)
    for one in steps:
        runner.at = one.at
        said = next(answers)
        try:
            one.check(said)
        except (AttributeError, KeyError, TypeError) as error:  # observations are not parsed here
            raise CheckFailed(SHAPE, f"in the varied run, an observation has another shape ({error})") from None


# --- observations ---------------------------------------------------------------------------------------------------


_NOWHERE: Final = Chat()


@frozen
class OutsideView:
    """The parts of a session that are visible from outside, which the laws of this module read."""

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
    """An observation, parsed."""

    commands: tuple[Command, ...]
    updates: tuple[Notification, ...]
    owed: tuple[int, ...]


def _read(said: JsonObject) -> Observation:
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
        raise CheckFailed(SHAPE, f"{error}, in {short(said)}") from None


class OtherIds(Exception):
    """The implementation uses other ids, and requests with the reference's ids may have been sent already."""


@define
class JudgedRunner(VectorRunner):
    """Runs a vector on one implementation and checks each observation.

    Attributes:
        at: The number of the current step; -1 is the beginning.
        ahead: Send steps ahead, on the assumption that ids are those of the reference.
        enforced: The laws whose violation raises CheckFailed.
        inferred: The first difference that rests on an inference. From there on, nothing need agree.
    """

    at: int = -1
    ahead: bool = False
    enforced: Container[str] = EVERYTHING
    ids: IdMap = field(factory=IdMap)
    view: OutsideView = OutsideView(0)
    inferred: Deviation | None = None
    _ledger: laws.Ledger = field(factory=laws.Ledger)
    _known: dict[int, Command] = field(factory=dict[int, Command])
    _features: frozenset[str] | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._features = declared_features(self.subject)

    def begun(self, at: int, said: JsonObject) -> JsonObject:
        """Check the observation of a new session."""
        self._ledger.window = from_json(self.config, Config).window
        self._known = {}
        self.view = self._look(said, _read(said), at, _NOWHERE)
        return said

    def run_vector(self, vector: Vector) -> list[JsonObject]:
        """The observations at the beginning and after each step. Raises CheckFailed, NoAnswer, OtherIds."""
        answers = self.run_all(({"begin": vector.at}, *(step.do for step in vector.steps)), self.ahead)
        shown = [self.begun(vector.at, next(answers))]
        for self.at, step in enumerate(vector.steps):
            shown.append(self._take(vector, step, next(answers)))
        return shown

    def _take(self, vector: Vector, step: VectorStep, said: JsonObject) -> JsonObject:
        """Check the observation of one step."""
        if "refused" not in said:
            if "event" in step.do:
                self._hold(step.do["event"], said)
            elif "follow" in step.do:
                self._follow(step.do["follow"], said)
            else:
                self._reloaded(said)
        if AGREEMENT in self.enforced and self.inferred is None:
            for failed in self._differences(step.expect, said):
                if failed.member not in softened_at(vector, self.at):
                    raise failed
                self.inferred = self.inferred or _deviation(failed, self.at, "should")
        else:
            self._bind(step.expect, said)
        if self.ahead and not self.ids.same:
            raise OtherIds
        return said

    def event(self, event: JsonObject) -> JsonObject:
        """The event with the implementation's ids."""
        return self.ids.to_subject(event)

    def _look(self, said: JsonObject, shown: Observation, at: int, chat: Chat) -> OutsideView:
        self._known.update((command.id, command) for command in shown.commands)
        lost = [one for one in shown.owed if one not in self._known]
        if lost and "L6" in self.enforced:
            raise CheckFailed("L6", f"command {lost[0]} is owed, but was never returned")
        numbers = [one.seq for one in shown.updates if not isinstance(one, Anomaly)]
        named = (getattr(command, "chat_id", "") for command in shown.commands)
        chat_id = next(filter(None, named), chat.chat_id)
        return OutsideView(
            at,
            said["phase"],
            said.get("outcome"),
            tuple(self._known[one] for one in sorted(shown.owed) if one in self._known),
            said.get("deadline"),
            said.get("latest"),
            numbers[-1] if numbers else self.view.seq,
            max(self._known, default=0),
            chat if chat_id == chat.chat_id else evolve(chat, chat_id=chat_id),
        )

    def _hold(self, event: JsonObject, said: JsonObject) -> None:
        """The laws of one step, and of the whole trace."""
        before, shown = self.view, _read(said)
        now = time_after(before.now, {"event": event}, said)
        chat = evolve(before.chat, origin=event["origin"]) if "origin" in event else before.chat
        self.view = after = self._look(said, shown, now, before.chat if before.chat.origin else chat)
        outputs = (*shown.commands, *shown.updates)
        if not any(law in self.enforced for law in LAWS_OF_STEPS):
            return
        step = laws.StepResult(cast(Session, before), decode_event(event), cast(Session, after), outputs)
        checks = (
            *(partial(law, step, _OUTSIDE) for law in _STEP_LAWS),
            *(partial(law, step, self._ledger) for law in laws.LIFE_LAWS),
        )
        for check in checks:
            try:
                check()
            except laws.BrokenLaw as broken:
                if broken.law in self.enforced:
                    raise CheckFailed(broken.law, str(broken).partition(": ")[2]) from None

    def _follow(self, at: int, said: JsonObject) -> None:
        """Another session has begun; nothing is known of its chat yet."""
        self._known = {}
        self.view = evolve(self._look(said, _read(said), at, _NOWHERE), ids=0)
        self._ledger.finished, self._ledger.command = 0, 0

    def _reloaded(self, said: JsonObject) -> None:
        """A restored session owes the same commands, and returns them."""
        shown, before = _read(said), self.view
        ids = [command.id for command in before.owed]
        differs = sorted(shown.owed) != ids or sorted(command.id for command in shown.commands) != ids
        if differs and "L5" in self.enforced:
            raise CheckFailed("L5", f"after restoring, it owes {sorted(shown.owed)}, not {ids}")
        self.view = self._look(said, shown, before.now, before.chat)

    # --- agreement

    def _differences(self, expect: JsonObject, said: JsonObject) -> Iterator[CheckFailed]:
        """Each member that differs from the reference's."""
        if ("refused" in expect) != ("refused" in said):
            yield _differs("refused", expect.get("refused"), said.get("refused"))
        if "refused" in expect or "refused" in said:
            return
        for name in ("phase", "outcome", "deadline", *(["latest"] if self._can("latest") else [])):
            if expect.get(name) != said.get(name):
                yield _differs(name, expect.get(name), said.get(name))
        yield from self._match("commands", expect, said, encode_command, decode_command)
        yield from self._match("updates", expect, said, encode_update, decode_update)
        if self._can("changes"):
            yield from self._match("changes", expect, said, encode_update, decode_update)

    def _bind(self, expect: JsonObject, said: JsonObject) -> None:
        """Bind the ids of the outputs that correspond to each other, without comparing the rest."""
        for name in ("commands", "updates"):
            for one, other in zip(expect.get(name, ()), said.get(name, ()), strict=False):
                if one["type"] == other.get("type"):
                    self.ids.bind(one, other)

    def _can(self, feature: str) -> bool:
        return self._features is None or feature in self._features

    def _match(
        self,
        name: str,
        expect: JsonObject,
        said: JsonObject,
        encode: Callable[[Any], JsonObject],
        decode: Callable[[object], object],
    ) -> Iterator[CheckFailed]:
        """Compare two lists one by one, except ids; fields at their default may be left out."""
        wanted, shown = expect.get(name, []), said.get(name, [])
        if not self._can("anomalies"):
            wanted, shown = ([one for one in ones if one["type"] != "anomaly"] for ones in (wanted, shown))
        if len(wanted) != len(shown):
            yield _differs(name, wanted, shown)
            return
        for one, other in zip(wanted, shown, strict=True):
            if (clash := self.ids.bind(one, other)) is not None:
                yield CheckFailed(AGREEMENT, f"{name}: {clash}", name)
            elif self.ids.to_reference(other) != one and self.ids.to_reference(encode(decode(other))) != one:
                yield _differs(name, one, other)


def _differs(name: str, expected: object, shown: object) -> CheckFailed:
    return CheckFailed(AGREEMENT, f"{name}: expected {short(expected)}, got {short(shown)}", name, (expected, shown))

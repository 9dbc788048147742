"""The kit: all checks, and running them on one implementation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from time import monotonic
from typing import Any, Final, cast

from attrs import evolve, frozen

from statemachine.engine.session import JsonObject

from ..core.tables import MACHINES
from . import random_search
from .deadlines import deadline_words
from .implementation import Implementation, NoAnswer, Unusable, WithCodec, declared_features
from .judge import AGREEMENT, EVERYTHING, LAWS_OF_STEPS, Deviation, judge
from .laws import STEP_LAWS
from .parallel import each
from .results import CheckResult, Level, area_of, is_selected
from .variations import VARIATIONS
from .vectors import BadVector, Vector, codec_vectors, engine_vectors, read_vector, vector_data

RANDOM_TRACES: Final = 200
"""Random traces, divided among the laws."""
_SECONDS_PER_STEP: Final = 0.000_3
_SECONDS_PER_CASE: Final = 0.02
_TIMED: Final = 4


@frozen
class Check:
    """One check. `tags`: other names that select it; `run` returns a deviation and the vector that shows it.

    Only a law uses more than the first of the implementations that it is given: they are copies of one.
    """

    id: str
    level: Level
    why: str
    source: str
    tags: tuple[str, ...]
    requires: frozenset[str]
    steps: int
    run: Callable[[Sequence[Implementation]], tuple[Deviation, Vector | None] | None]


# --- all checks -----------------------------------------------------------------------------------------------------


def checks(cases: int = RANDOM_TRACES, seed: int = 1) -> tuple[Check, ...]:
    """All checks: the vectors of the engine, those of the codec, and the laws over random traces.

    The vectors of the engine are ordered as a port is written: by machine, in the order of the tables, the shortest
    first; then what concerns several machines.
    """
    machines = [*MACHINES]

    def rung(check: Check) -> tuple[int, int]:
        area = area_of(check.id)
        return (machines.index(area) if area in machines else len(machines), check.steps)

    return (
        *sorted((_vector_check(one) for one in engine_vectors()), key=rung),
        *(_codec_check(one) for one in codec_vectors()),
        *(_law_check(law, share, seed) for law, share in _shares(cases)),
    )


def _codec_check(vector: JsonObject) -> Check:
    op, ask, answer, level = (vector[name] for name in ("op", "ask", "answer", "level"))

    def run(subjects: Sequence[Implementation]) -> tuple[Deviation, None] | None:
        try:
            shown = cast(WithCodec, subjects[0]).codec(op, ask)
        except NoAnswer as error:
            return Deviation("crash", 0, str(error)), None
        if shown == answer:
            return None
        request, expected, actual = (json.dumps(one, ensure_ascii=False) for one in (ask, answer, shown))
        return Deviation(AGREEMENT, 0, f"{op} {request}: expected {expected}, got {actual}", level), None

    return Check(vector["id"], level, vector["why"], vector["source"], tuple(vector.get("covers", ())), _CODEC, 1, run)


_CODEC: Final = frozenset({"codec"})


def _vector_check(vector: Vector) -> Check:
    def run(subjects: Sequence[Implementation]) -> tuple[Deviation, Vector] | None:
        deviation = judge(subjects[0], vector)
        return None if deviation is None else (deviation, vector)

    return Check(
        vector.id, vector.level, vector.why, vector.source, vector.covers, vector.requires, len(vector.steps), run
    )


def _shares(cases: int) -> Iterator[tuple[str, int]]:
    """Nearly one half for the agreement, a fifth for the laws of one run; the varied runs share the rest."""
    each, steps = cases * 2 // 5 // len(VARIATIONS), cases // 5
    for law in random_search.LAWS:
        rest = steps if law == random_search.STEPS else each
        yield law, cases - steps - each * len(VARIATIONS) if law == AGREEMENT else rest


def _law_check(law: str, cases: int, seed: int) -> Check:
    def run(subjects: Sequence[Implementation]) -> tuple[Deviation, Vector] | None:
        found = random_search.search(subjects[0], law, cases, seed, subjects[1:])
        return None if found is None else (found.deviation, found.vector)

    requires = frozenset({"snapshot"}) if law == "L5" else frozenset[str]()
    tags = tuple(sorted(LAWS_OF_STEPS)) if law == random_search.STEPS else (law,)
    return Check(f"law/{law}", "must", _why(law), "design: the laws", tags, requires, cases * 40, run)


def _why(law: str) -> str:
    if law == AGREEMENT:
        return "random traces give the observations of the reference"
    if law == random_search.STEPS:
        return "random traces keep the laws that one run shows: L4, L6 to L9, L13 and L14"
    name = f"law_{int(law[1:]):02}_"
    doc = next(one.__doc__ or "" for one in STEP_LAWS if one.__name__.startswith(name))
    return " ".join(doc.partition("\n\n")[0].partition(": ")[2].split())


# --- running --------------------------------------------------------------------------------------------------------


def has_codec(subject: Implementation) -> bool:
    """Whether the implementation has a codec."""
    return bool(getattr(subject, "has_codec", isinstance(subject, WithCodec)))


def smoke(subject: Implementation) -> None:
    """Begin a session and request a chat. Raises Unusable where that fails: then the harness does not work."""
    origin = {"type": "request_chat", "at": 1_000, "origin": "smoke"}
    try:
        begun, stepped = subject.begin(1_000, {}), subject.step(origin)
    except NoAnswer as broken:
        raise Unusable(f"the harness does not work: {broken}") from None
    for said, phase in ((begun, "idle"), (stepped, "requesting")):
        if said.get("phase") != phase:
            raise Unusable(
                "the harness does not work: after begin and request_chat it must be in phase "
                f'"{phase}", but it answers {json.dumps(said)[:300]}'
            )


def run(
    subject: Implementation, asked: Iterable[Check], copies: Sequence[Implementation] = ()
) -> Iterator[CheckResult]:
    """The result of each check, in order, as soon as it is known. `copies`: of the subject, to share the work."""
    subjects = (subject, *copies)
    for is_law, some in groupby(asked, lambda check: check.id.startswith("law/")):
        if is_law:
            yield from (_result(subjects, check) for check in some)
        else:
            yield from each(subjects, lambda one, check: _result((one,), check), some)


def _result(subjects: Sequence[Implementation], check: Check) -> CheckResult:
    lacking = _lacking(subjects[0], check.requires)
    if lacking:
        what = f"needs features that are not declared: {', '.join(sorted(lacking))}"
        return CheckResult(check.id, "skipped", check.level, check.why, check.source, what)
    started = monotonic()
    try:
        found = check.run(subjects)
    except Unusable as unusable:
        raise Unusable(f"{check.id}: {unusable}") from None
    return evolve(_verdict(check, found), seconds=monotonic() - started)


def _lacking(subject: Implementation, needed: frozenset[str]) -> frozenset[str]:
    if needed == _CODEC:
        return frozenset() if has_codec(subject) else _CODEC
    features = declared_features(subject)
    return frozenset() if features is None else needed - features


def _verdict(check: Check, found: tuple[Deviation, Vector | None] | None) -> CheckResult:
    if found is None:
        return CheckResult(check.id, "passed", check.level, check.why, check.source)
    deviation, vector = found
    if vector is not None and deviation.member in ("deadline", "latest"):
        expected, shown = (deadline_words(vector, deviation.step, one) for one in deviation.values)
        deviation = evolve(deviation, what=f"{deviation.member}: expected {expected}, got {shown}")
    where = "" if vector is None else f" at step {deviation.step + 1} of {len(vector.steps)}"
    return CheckResult(
        check.id,
        "failed" if deviation.level == "must" else "warned",
        deviation.level,
        check.why,
        check.source,
        f"{deviation.law}{where}: {deviation.what}",
        evidence=() if vector is None else tuple(case_lines(vector, deviation)),
    )


def expected_seconds(asked: Sequence[Check], answer: float = 0.0) -> float:
    """The approximate duration of a run, in seconds. `answer`: how long one answer takes."""
    return sum(
        check.steps * (answer + (_SECONDS_PER_CASE / 40 if check.id.startswith("law/") else _SECONDS_PER_STEP))
        for check in asked
    )


def answer_seconds(subject: Implementation) -> float:
    """How long one answer takes, in seconds: the shortest of several."""
    times: list[float] = []
    for _ in range(_TIMED):
        started = monotonic()
        smoke(subject)
        times.append((monotonic() - started) / 2)
    return min(times)


def select_checks(asked: Iterable[Check], only: Sequence[str]) -> tuple[Check, ...]:
    """The checks that these names select."""
    return tuple(check for check in asked if is_selected(check.id, check.tags, only))


# --- stored cases ---------------------------------------------------------------------------------------------------


def case_lines(vector: Vector, deviation: Deviation) -> Iterator[str]:
    """A failing case as JSON lines: a header, then one line per step, up to the failing one."""
    said = vector_data(vector)
    steps = said.pop("steps")[: deviation.step + 1]
    yield json.dumps({"law": deviation.law, "what": deviation.what, **said}, ensure_ascii=False)
    for step in steps:
        yield json.dumps(step, ensure_ascii=False)


def read_case(path: Path) -> tuple[str, Vector]:
    """The law and the vector in a file of such lines. Raises BadVector."""
    try:
        header, *steps = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return str(header["law"]), read_vector({**cast("dict[str, Any]", header), "steps": steps})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadVector(f"{path}: not a stored case: {type(error).__name__} {error}") from None


def replay_case(subject: Implementation, law: str, vector: Vector) -> CheckResult:
    """Run a stored case."""
    alone = frozenset({law}) if law in VARIATIONS or law in LAWS_OF_STEPS else EVERYTHING
    deviation = judge(subject, vector, VARIATIONS.get(law), alone)
    check = _vector_check(vector)
    return _verdict(check, None if deviation is None else (deviation, vector))

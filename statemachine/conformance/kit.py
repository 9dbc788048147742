"""The kit: every check that there is, and the run of them on one implementation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final, cast

from attrs import evolve, frozen

from . import random_search
from .implementation import Implementation, NoAnswer, Object, Unusable, WithCodec, declared_features
from .judge import AGREEMENT, Deviation, judge
from .laws import STEP_LAWS
from .results import CheckResult, Level, is_selected
from .variations import VARIATIONS
from .vectors import BadVector, Vector, codec_vectors, engine_vectors, read_vector, vector_data

__all__ = [
    "RANDOM_TRACES",
    "Check",
    "checks",
    "expected_seconds",
    "has_codec",
    "read_case",
    "replay_case",
    "run",
    "smoke",
]

RANDOM_TRACES: Final = 200
"""Random lives, shared out among the laws."""
_SECONDS_PER_STEP: Final = 0.000_3
_SECONDS_PER_CASE: Final = 0.02


@frozen
class Check:
    """One thing that can be asked. `tags`: other names to ask for it by; `run` gives a fault and what shows it."""

    id: str
    level: Level
    why: str
    source: str
    tags: tuple[str, ...]
    requires: frozenset[str]
    steps: int
    run: Callable[[Implementation], tuple[Deviation, Vector | None] | None]


# --- what there is --------------------------------------------------------------------------------------------------


def checks(cases: int = RANDOM_TRACES, seed: int = 1) -> tuple[Check, ...]:
    """Every check: the codec's vectors, the engine's, and the laws over random lives."""
    return (
        *(_codec_check(one) for one in codec_vectors()),
        *(_vector_check(one) for one in engine_vectors()),
        *(_law_check(law, share, seed) for law, share in _shares(cases)),
    )


def _codec_check(said: Object) -> Check:
    def run(subject: Implementation) -> tuple[Deviation, None] | None:
        try:
            shown = cast(WithCodec, subject).codec(said["op"], said["ask"])
        except NoAnswer as broken:
            return Deviation("crash", 0, str(broken)), None
        if shown == said["answer"]:
            return None
        asked, wanted, got = (json.dumps(one, ensure_ascii=False) for one in (said["ask"], said["answer"], shown))
        return Deviation(AGREEMENT, 0, f"{said['op']} {asked}: expected {wanted}, shown {got}", said["level"]), None

    return Check(said["id"], said["level"], said["why"], said["source"], tuple(said.get("covers", ())), _CODEC, 1, run)


_CODEC: Final = frozenset({"codec"})


def _vector_check(vector: Vector) -> Check:
    def run(subject: Implementation) -> tuple[Deviation, Vector] | None:
        fault = judge(subject, vector)
        return None if fault is None else (fault, vector)

    return Check(
        vector.id,
        vector.level,
        vector.why,
        vector.source,
        vector.covers,
        vector.requires,
        len(vector.steps),
        run,
    )


def _shares(cases: int) -> Iterator[tuple[str, int]]:
    """One half for the agreement, in which six laws are held as well; each of the others has its part of the rest."""
    each = cases // 2 // len(VARIATIONS)
    for law in random_search.LAWS:
        yield law, cases - each * len(VARIATIONS) if law == AGREEMENT else each


def _law_check(law: str, cases: int, seed: int) -> Check:
    def run(subject: Implementation) -> tuple[Deviation, Vector] | None:
        found = random_search.search(subject, law, cases, seed)
        return None if found is None else (found.fault, found.vector)

    requires = frozenset({"snapshot"}) if law == "L5" else frozenset[str]()
    return Check(f"law/{law}", "must", _why(law), "design: the laws", (law,), requires, cases * 40, run)


def _why(law: str) -> str:
    if law == AGREEMENT:
        return "random lives are answered as the reference answers them, and L4, L6 to L9 and L13 hold in them"
    name = f"law_{int(law[1:]):02}_"
    doc = next(one.__doc__ or "" for one in STEP_LAWS if one.__name__.startswith(name))
    return " ".join(doc.partition("\n\n")[0].partition(": ")[2].split())


# --- running --------------------------------------------------------------------------------------------------------


def has_codec(subject: Implementation) -> bool:
    """Whether the codec's vectors can be asked at all."""
    return bool(getattr(subject, "has_codec", isinstance(subject, WithCodec)))


def smoke(subject: Implementation) -> None:
    """The least that anything to be judged must do. Raises Unusable: then it is the harness that does not work."""
    origin = {"type": "request_chat", "at": 1_000, "origin": "smoke"}
    try:
        begun, stepped = subject.begin(1_000, {}), subject.step(origin)
    except NoAnswer as broken:
        raise Unusable(f"the harness does not work: {broken}") from None
    for said, phase in ((begun, "idle"), (stepped, "requesting")):
        if said.get("phase") != phase:
            raise Unusable(
                "the harness does not work: it is to begin a session and to request a chat, "
                f'and should be in phase "{phase}", but answers {json.dumps(said)[:300]}'
            )


def run(subject: Implementation, asked: Iterable[Check]) -> Iterator[CheckResult]:
    """A verdict for each check, as it is reached."""
    for check in asked:
        lacking = _lacking(subject, check.requires)
        if lacking:
            what = f"needs what is not declared: {', '.join(sorted(lacking))}"
            yield CheckResult(check.id, "skipped", check.level, check.why, check.source, what)
            continue
        started = monotonic()
        found = check.run(subject)
        yield evolve(_verdict(check, found), seconds=monotonic() - started)


def _lacking(subject: Implementation, needed: frozenset[str]) -> frozenset[str]:
    if needed == _CODEC:
        return frozenset() if has_codec(subject) else _CODEC
    features = declared_features(subject)
    return frozenset() if features is None else needed - features


def _verdict(check: Check, found: tuple[Deviation, Vector | None] | None) -> CheckResult:
    if found is None:
        return CheckResult(check.id, "passed", check.level, check.why, check.source)
    fault, vector = found
    where = "" if vector is None else f" at step {fault.step + 1} of {len(vector.steps)}"
    return CheckResult(
        check.id,
        "failed" if fault.level == "must" else "warned",
        fault.level,
        check.why,
        check.source,
        f"{fault.law}{where}: {fault.what}",
        evidence=() if vector is None else tuple(case_lines(vector, fault)),
    )


def expected_seconds(asked: Sequence[Check]) -> float:
    """About how long a run takes."""
    return sum(
        check.steps * (_SECONDS_PER_CASE / 40 if check.id.startswith("law/") else _SECONDS_PER_STEP) for check in asked
    )


def select_checks(asked: Iterable[Check], only: Sequence[str]) -> tuple[Check, ...]:
    """The checks that are asked for."""
    return tuple(check for check in asked if is_selected(check.id, check.tags, only))


# --- cases, to be shown again ---------------------------------------------------------------------------------------


def case_lines(vector: Vector, fault: Deviation) -> Iterator[str]:
    """A failing case as JSON lines: a header, then a step a line, up to the one that fails."""
    said = vector_data(vector)
    steps = said.pop("steps")[: fault.step + 1]
    yield json.dumps({"law": fault.law, "what": fault.what, **said}, ensure_ascii=False)
    for step in steps:
        yield json.dumps(step, ensure_ascii=False)


def read_case(path: Path) -> tuple[str, Vector]:
    """The law and the story in a file of such lines. Raises BadVector."""
    try:
        header, *steps = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return str(header["law"]), read_vector({**cast("dict[str, Any]", header), "steps": steps})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadVector(f"{path}: holds no case: {type(error).__name__} {error}") from None


def replay_case(subject: Implementation, law: str, vector: Vector) -> CheckResult:
    """How a stored case goes now."""
    fault = judge(subject, vector, VARIATIONS.get(law))
    check = _vector_check(vector)
    return _verdict(check, None if fault is None else (fault, vector))

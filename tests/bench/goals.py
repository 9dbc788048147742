"""The goals, each with what was measured and whether it holds: told honestly where it falls short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from tests.bench.adapter import Load
from tests.bench.contenders import BASELINE, OURS
from tests.bench.race import Race, Stats
from tests.bench.work import Work

__all__ = ["Goal", "goals"]

MOST_OVER_BASELINE: Final = 1.4
MOST_CALLS: Final = {
    "a phase change": 8,
    "a message with its receipt": 40,
    "a message from bytes to commands": 110,
    "a text that is sent": 50,
}
MOST_AGE: Final = 1.1
MOST_BYTES: Final = 2_048
MOST_IMPORT: Final = 0.020
LEAST_BYTES_TO_BYTES: Final = 90_000
"""Events a second from bytes to bytes, on a machine where the baseline takes 1.5 million."""
_BASELINE_THERE: Final = 1_500_000
MOST_HELD_BYTES: Final = {"plain": 28_000, "TLS": 60_000}
MOST_LATE: Final = 1.0


@frozen
class Goal:
    """`figure` and `wanted` in words; `holds`: whether it is reached; `why`: the reason where it is not."""

    what: str
    wanted: str
    figure: str
    holds: bool
    reason: str = ""

    @property
    def why(self) -> str:
        """The reason, where it falls short."""
        return "" if self.holds else self.reason


_NAMED: Final = "each guard and effect of a row is a named function, each record a call; batch and id are hashed"
_FIELDS: Final = "each field is read in all its variants on the wire, and unknown members are kept"
_DRAFT: Final = (
    "a step also checks nine deadlines, compares ids of parties without regard to case, and compares the session at "
    "its end; the baseline and a plain table do none of that"
)
_CLASSES: Final = "130 classes, 1,300 cells: all made and checked before the first event"
_NOISE: Final = "no call and no byte is added (the tests gate both): a busy machine, and memory further apart"
_HELD: Final = "the client keeps a driver, its tasks and an answer's parser for each session"
_COLLECTING: Final = (
    "a burst of answers, and the garbage collector, which visits all sessions at once (0.1 s a thousand)"
)


def goals(race: Race, work: Work, loads: Sequence[Load]) -> tuple[Goal, ...]:
    """All that can be judged from what was measured."""
    by_name = {one.name: one for one in race.engines}
    return (
        *_against_peers(by_name),
        *_against_baseline(by_name, work),
        *_exact(work),
        *_age_and_size(by_name, work),
        *_held(loads),
    )


def _against_peers(by_name: dict[str, Stats]) -> Iterator[Goal]:
    for one in by_name.values():
        if one.goal is not None:
            ratio = one.behind.middle
            yield Goal(
                f"phase changes, against {one.name}",
                f"≥ {one.goal:g} x",
                f"{ratio:.1f} x",
                ratio >= one.goal,
                _DRAFT,
            )


def _against_baseline(by_name: dict[str, Stats], work: Work) -> Iterator[Goal]:
    baseline = by_name[BASELINE.name]
    over = 1 / baseline.behind.middle
    yield Goal(
        "phase changes, against the baseline",
        f"≤ {MOST_OVER_BASELINE} x",
        f"{over:.1f} x",
        over <= MOST_OVER_BASELINE,
        _DRAFT,
    )
    scale = baseline.events_per_second.middle / _BASELINE_THERE
    rate = work.rates["bytes to bytes"].middle
    wanted = LEAST_BYTES_TO_BYTES * scale
    yield Goal(
        "bytes to bytes, at this machine's speed",
        f"≥ {wanted / 1000:.0f} k/s",
        f"{rate / 1000:.0f} k/s",
        rate >= wanted,
        _FIELDS,
    )


def _exact(work: Work) -> Iterator[Goal]:
    for what, most in MOST_CALLS.items():
        count = work.calls[what]
        yield Goal(f"calls of {what}", f"≤ {most}", str(count), count <= most, _NAMED)
    kept = work.allocated
    yield Goal("blocks allocated by an ignored event", "0", str(kept), kept == 0)


def _age_and_size(by_name: dict[str, Stats], work: Work) -> Iterator[Goal]:
    age = work.age.middle
    yield Goal("event 100,000 against event 100", f"≤ {MOST_AGE} x", f"{age:.2f} x", age <= MOST_AGE, _NOISE)
    crowd = work.crowd.middle
    yield Goal(
        "an event among 20,000 sessions against alone", f"≤ {MOST_AGE} x", f"{crowd:.2f} x", crowd <= MOST_AGE, _NOISE
    )
    yield Goal(
        "a session at rest, one agent", f"≤ {MOST_BYTES:,} bytes", f"{work.weight:,} bytes", work.weight <= MOST_BYTES
    )
    ours, attrs = by_name[OURS.name].imported, by_name[BASELINE.name].imported
    if ours is not None and attrs is not None:
        above = ours - attrs
        yield Goal(
            "import, above `import attrs`",
            f"≤ {MOST_IMPORT * 1000:.0f} ms",
            f"{above * 1000:.0f} ms",
            above <= MOST_IMPORT,
            _CLASSES,
        )


def _held(loads: Sequence[Load]) -> Iterator[Goal]:
    """Of the largest load that was measured, on each kind of line."""
    for line, most in MOST_HELD_BYTES.items():
        ours = [one for one in loads if one.kind == "ours" and one.line == line]
        if ours:
            load = max(ours, key=lambda one: one.sessions)
            what = f"{load.sessions:,} held polls, {line}"
            weight, late = load.bytes_each, load.late.most
            yield Goal(
                f"{what}: memory of each", f"≤ {most / 1000:.0f} KB", f"{weight / 1000:.1f} KB", weight <= most, _HELD
            )
            yield Goal(
                f"{what}: the latest deadline", "≤ 1 s late", f"{late * 1000:.0f} ms", late <= MOST_LATE, _COLLECTING
            )

"""The figures, as lines for a terminal, as JSON, and as the page `diagrams/benchmarks/README.md`."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from sqlite3 import sqlite_version
from string import Template
from typing import Any, Final

from attrs import asdict, frozen

from tests.bench.adapter import Load, Start
from tests.bench.before import Before
from tests.bench.goals import Goal
from tests.bench.race import Race, Spread
from tests.bench.work import Work

__all__ = [
    "Results",
    "as_json",
    "chats_a_core",
    "goal_lines",
    "load_lines",
    "machine",
    "message_cost",
    "page",
    "race_lines",
    "short_lines",
    "start_lines",
    "store_lines",
    "work_lines",
]


@frozen
class Results:
    """All that one run has measured; what was not asked for is empty."""

    race: Race
    work: Work
    loads: tuple[Load, ...] = ()
    start: Start | None = None
    store: dict[str, Any] | None = None
    before: Before | None = None


_NOISY: Final = 2.0
"""A ratio that varies by more than this within one run tells of a busy machine."""


def _count(figure: float) -> str:
    return f"{figure / 1_000:,.1f} k" if figure < 1_000_000 else f"{figure / 1_000_000:,.2f} M"


def _ratio(spread: Spread, digits: int = 1) -> str:
    return f"{spread.middle:.{digits}f} ({spread.least:.{digits}f}–{spread.most:.{digits}f})"


_WEIGHT: Final = "bytes of a session at rest, one agent"
HOLD_S: Final = 15.0
"""Seconds for which the emulator holds a poll without news, as contact centres do."""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table, its columns aligned, so that a terminal shows it too."""
    whole = [list(head), *[list(row) for row in rows]]
    widths = [max(len(row[column]) for row in whole) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in whole
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def race_lines(race: Race) -> list[str]:
    """All engines, fastest first. Who is missing is named."""
    rows = [
        (
            f"{one.name} {one.version}",
            "1" if one.behind.least == one.behind.most == 1 else _ratio(one.behind),
            _count(one.events_per_second.middle),
            _count(one.made_per_second.middle),
            f"{one.bytes_each:,.0f}",
            "" if one.imported is None else f"{one.imported * 1000:.0f} ms",
        )
        for one in sorted(race.engines, key=lambda one: -one.events_per_second.middle)
    ]
    head = ("engine", "`reduce` is faster by", "events/s", "sessions made/s", "bytes/session", "import")
    return [*_table(head, rows), *(f"missing: {name}: {why}" for name, why in race.absent.items())]


def chats_a_core(load: Load) -> float:
    """Idle chats whose polls one core answers for: the server holds each for some seconds."""
    return HOLD_S * 1_000 / load.cpu_ms_a_poll


def message_cost(results: Results) -> list[tuple[str, float]]:
    """Microseconds of an event from bytes to bytes: today's, and those of the older commit where it was measured."""
    what = "bytes to bytes"
    today = 1e6 / results.work.rates[what].middle
    if results.before is None:
        return [("today", today)]
    return [("today", today), (f"commit {results.before.commit}", today * results.before.faster[what].middle)]


def work_lines(work: Work, before: Before | None = None) -> list[str]:
    """Ours on real work, and what is exact; with what the older commit does, where it was measured."""
    faster = before.faster if before else {}
    rates = [
        (
            name,
            _ratio(faster[name], 2) if name in faster else "",
            _count(one.middle),
            f"{_count(one.least)}–{_count(one.most)}",
        )
        for name, one in work.rates.items()
    ]
    old = before.exact if before else {}
    exact = [
        *((f"calls of {name}", str(count), str(old.get(name, ""))) for name, count in work.calls.items()),
        (
            "event 100,000 against event 100",
            f"{_ratio(work.age, 2)} times the time",
            "",
        ),
        (
            "an event while 20,000 other sessions are held, against alone",
            f"{_ratio(work.crowd, 2)} times the time",
            "",
        ),
        ("blocks allocated by an ignored event", str(work.allocated), ""),
        (_WEIGHT, f"{work.weight:,}", f"{old[_WEIGHT]:,}" if _WEIGHT in old else ""),
    ]
    then = f"commit {before.commit}" if before else "before"
    head = ("work", f"times faster than {then}", "events/s", "least to most")
    return [*_table(head, rates), "", *_table(("of a step", "figure", then), exact)]


def load_lines(loads: Sequence[Load]) -> list[str]:
    """Held polls, by number of sessions."""
    rows = [
        (
            f"{one.sessions:,} {one.line}, {one.kind}",
            f"{chats_a_core(one):,.0f}",
            f"{one.opened_in:.1f} s",
            f"{one.bytes_each / 1000:.1f} KB",
            f"{one.cpu_ms_a_poll:.2f} ms",
            f"{one.latency.middle * 1000:.0f} ms ({one.latency.most * 1000:.0f})",
            f"{one.late.most * 1000:.0f} ms",
            str(one.answered),
        )
        for one in loads
    ]
    head = (
        "sessions",
        "idle chats a core",
        "opened in",
        "memory each",
        "processor a poll",
        "event to application (most)",
        "latest deadline",
        "polls",
    )
    return _table(head, rows)


def start_lines(start: Start) -> list[str]:
    """A process that goes on with what another one left."""
    row = (
        f"{start.sessions:,}",
        f"{start.caught_up:.1f} s",
        f"{start.processor:.1f} s",
        f"{start.polling:.1f} s",
        f"{start.store_bytes / 1_000_000:.1f} MB",
    )
    return _table(("sessions", "all histories read", "processor", "all polls held", "store"), [row])


def store_lines(store: dict[str, Any]) -> list[str]:
    """Saves a second, by how many wait at once."""
    rows = [
        (
            row["kind"],
            f"{row['saves a second']:,.0f}",
            f"{row['ratio']:.1f} ({row['ratios'][0]:.1f}–{row['ratios'][1]:.1f})",
            f"{row['ms, middle']:.2f} ms",
            f"{row['ms, worst of 100']:.2f} ms",
        )
        for row in store["saves"]
    ]
    return _table(("saves", "a second", "against a transaction each", "one takes", "worst of 100"), rows)


def goal_lines(goals: Sequence[Goal]) -> list[str]:
    """Each goal with pass or fall short."""
    rows = [(one.what, one.wanted, one.figure, "pass" if one.holds else "**falls short**") for one in goals]
    return _table(("goal", "wanted", "measured", ""), rows)


def short_lines(goals: Sequence[Goal]) -> list[str]:
    """Each reason, with the goals that fall short for it."""
    reasons: dict[str, list[str]] = {}
    for one in goals:
        if not one.holds:
            reasons.setdefault(one.why, []).append(f"{one.what} ({one.figure})")
    return [f"* {'; '.join(short)}.\n  Reason: {reason}." for reason, short in reasons.items()]


def as_json(results: Results, goals: Sequence[Goal]) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "benchmark": 2,
        "machine": machine(),
        **asdict(results),
        "goals": [{**asdict(o), "why": o.why} for o in goals],
    }


def machine() -> str:
    """What it ran on, without a name, and with which versions."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("attrs", "aiohttp"))
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, CPython {platform.python_version()}, "
        f"{libraries}, SQLite {sqlite_version}"
    )


_BUSY: Final = "It was busy with other things meanwhile: one ratio varied by {0:.1f} within the run."
_PICTURE: Final = "![Bytes of a session with its poll held](held.png)"
_NOT_MEASURED: Final = "Not measured this time."


def page(results: Results, goals: Sequence[Goal]) -> str:
    """The whole page, in Markdown: `page.md` with the figures in their places."""
    spread = max(one.behind.most / one.behind.least for one in results.race.engines)
    template = Template((Path(__file__).parent / "page.md").read_text("utf-8"))
    return template.substitute(
        machine=machine(),
        noise=_BUSY.format(spread) if spread > _NOISY else "",
        goals="\n".join(goal_lines(goals)),
        race="\n".join(race_lines(results.race)),
        work="\n".join(work_lines(results.work, results.before)),
        short="\n".join(short_lines(goals)),
        load="\n".join([_PICTURE, "", *load_lines(results.loads)]) if results.loads else _NOT_MEASURED,
        start="\n".join(start_lines(results.start)) if results.start else _NOT_MEASURED,
        store="\n".join(store_lines(results.store)) if results.store else _NOT_MEASURED,
    )

"""The pictures: what a person asks first, bytes a session, bytes of a held poll. All bars begin at zero."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from tests.bench.adapter import Load
from tests.bench.contenders import BASELINE, OURS
from tests.bench.race import Race
from tests.bench.report import Results, chats_a_core, message_cost

__all__ = ["draw"]

_OURS: Final = "#0072b2"
_BASELINE: Final = "#999999"
_THEIRS: Final = "#e69f00"
"""Of the palette of Okabe and Ito, which survives colour-blindness."""


@frozen
class _Bar:
    name: str
    length: float
    label: str
    colour: str


@frozen
class _Chart:
    title: str
    bars: Sequence[_Bar]


def draw(results: Results, place: Path) -> list[Path]:
    """Write `overview`, `memory` and, where they were measured, `held`, as PNG and SVG.

    Raises ModuleNotFoundError without matplotlib.
    """
    charts = [*_chats(results.loads), *_message(results), _events(results.race)]
    held = [_held(results.loads)] if results.loads else []
    return [
        *_drawn(charts, place / "overview"),
        *_drawn([_memory(results.race)], place / "memory"),
        *(path for chart in held for path in _drawn([chart], place / "held")),
    ]


def _chats(loads: Sequence[Load]) -> list[_Chart]:
    found = [(load, chats_a_core(load)) for load in _largest(loads)]
    bars = [_Bar(_client(load), chats, f"{chats:,.0f}", _load_colour(load)) for load, chats in found]
    return [_Chart("Idle chats that one processor core carries (more is better)", bars)] if bars else []


def _message(results: Results) -> list[_Chart]:
    found, colours = message_cost(results), (_OURS, _BASELINE)
    bars = [_Bar(name, cost, f"{cost:.0f} µs", colour) for (name, cost), colour in zip(found, colours, strict=False)]
    return [_Chart("Time of an event, from bytes to bytes (less is better)", bars)]


def _events(race: Race) -> _Chart:
    engines = sorted(race.engines, key=lambda one: one.behind.middle)
    bars = [_Bar(one.name, one.behind.middle, f"{one.behind.middle:.1f} x", _colour(one.name)) for one in engines]
    return _Chart("Time of a phase change, `reduce` = 1 (less is better)", bars)


def _memory(race: Race) -> _Chart:
    engines = sorted(race.engines, key=lambda one: one.bytes_each)
    bars = [_Bar(one.name, one.bytes_each, f"{one.bytes_each:,.0f}", _colour(one.name)) for one in engines]
    return _Chart("Bytes of a session (less is better)", bars)


def _held(loads: Sequence[Load]) -> _Chart:
    largest = _largest(loads)
    bars = [
        _Bar(_client(one), one.bytes_each, f"{one.bytes_each / 1_000:.0f} KB", _load_colour(one)) for one in largest
    ]
    return _Chart(f"Memory of a chat with an open long poll, {largest[0].sessions:,} chats (less is better)", bars)


def _largest(loads: Sequence[Load]) -> list[Load]:
    most = max((one.sessions for one in loads), default=0)
    return [one for one in loads if one.sessions == most]


def _client(load: Load) -> str:
    return f"{'ChatClient' if load.kind == 'ours' else 'aiohttp alone'}, {load.line}"


def _load_colour(load: Load) -> str:
    return _OURS if load.kind == "ours" else _BASELINE


def _colour(name: str) -> str:
    return {OURS.name: _OURS, BASELINE.name: _BASELINE}.get(name, _THEIRS)


def _drawn(charts: Sequence[_Chart], path: Path) -> list[Path]:
    import_module("matplotlib").use("Agg")  # no screen
    plot: Any = import_module("matplotlib.pyplot")  # of an extra that the type checkers do without
    heights = [0.42 * len(chart.bars) + 0.6 for chart in charts]
    with plot.rc_context({"svg.hashsalt": "statemachine", "font.size": 11}):
        picture, rows = plot.subplots(
            len(charts), squeeze=False, figsize=(9, sum(heights)), height_ratios=heights, layout="constrained"
        )
        for axes, chart in zip(rows[:, 0], charts, strict=True):
            _fill(axes, chart)
        written = [path.with_suffix(".png"), path.with_suffix(".svg")]
        picture.savefig(written[0], dpi=120)
        picture.savefig(written[1], metadata={"Date": None})
        plot.close(picture)
    return written


def _fill(axes: Any, chart: _Chart) -> None:
    shown = [*reversed(chart.bars)]  # the first one on top
    drawn = axes.barh([one.name for one in shown], [one.length for one in shown], color=[one.colour for one in shown])
    axes.bar_label(drawn, labels=[one.label for one in shown], padding=4)
    axes.set_title(chart.title, loc="left", fontsize=12, fontweight="bold")
    axes.margins(x=0.12)
    axes.xaxis.set_visible(False)  # each bar has its number
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)

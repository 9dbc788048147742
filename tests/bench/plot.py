"""The pictures: events a second, bytes a session, bytes of a held poll."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from tests.bench.adapter import Load
from tests.bench.contenders import BASELINE, OURS
from tests.bench.race import Race, Stats
from tests.bench.report import Results

__all__ = ["draw"]

_OURS: Final = "#0072b2"
_FLOOR: Final = "#999999"
_THEIRS: Final = "#e69f00"
"""Of the palette of Okabe and Ito, which survives colour-blindness."""


def draw(results: Results, place: Path) -> list[Path]:
    """Write `events`, `memory` and, where they were measured, `held`, as PNG and SVG.

    Raises ModuleNotFoundError without matplotlib.
    """
    race = results.race
    return [
        *_bars(
            race, place / "events", "events a second, one core (log scale)", lambda one: one.events_per_second.middle
        ),
        *_bars(race, place / "memory", "bytes a session (log scale)", lambda one: one.bytes_each),
        *(_held(results.loads, place / "held") if results.loads else ()),
    ]


def _bars(race: Race, path: Path, label: str, figure: Callable[[Stats], float]) -> list[Path]:
    import_module("matplotlib").use("Agg")  # no screen
    plot: Any = import_module("matplotlib.pyplot")  # of an extra that the type checkers do without
    engines = sorted(race.engines, key=lambda one: one.events_per_second.middle)
    with plot.rc_context({"svg.hashsalt": "statemachine", "font.size": 11}):
        picture, axes = plot.subplots(figsize=(8.5, 0.5 * len(engines) + 1.2), layout="constrained")
        colours = {OURS.name: _OURS, BASELINE.name: _FLOOR}
        bars = axes.barh(
            [one.name for one in engines],
            [figure(one) for one in engines],
            color=[colours.get(one.name, _THEIRS) for one in engines],
        )
        axes.bar_label(bars, labels=[_short(figure(one)) for one in engines], padding=4)
        axes.set_xscale("log")
        axes.set_xlabel(label)
        axes.margins(x=0.2)
        return _saved(plot, picture, axes, path)


def _held(loads: Sequence[Load], path: Path) -> list[Path]:
    """What a session with its poll held weighs: of the largest number that was measured."""
    most = max(one.sessions for one in loads)
    shown = [one for one in loads if one.sessions == most]
    import_module("matplotlib").use("Agg")
    plot: Any = import_module("matplotlib.pyplot")
    with plot.rc_context({"svg.hashsalt": "statemachine", "font.size": 11}):
        picture, axes = plot.subplots(figsize=(8.5, 0.5 * len(shown) + 1.2), layout="constrained")
        bars = axes.barh(
            [f"{'ChatClient' if one.kind == 'ours' else 'aiohttp alone'}, {one.line}" for one in shown],
            [one.bytes_each / 1_000 for one in shown],
            color=[_OURS if one.kind == "ours" else _FLOOR for one in shown],
        )
        axes.bar_label(bars, labels=[f"{one.bytes_each / 1_000:.0f} KB" for one in shown], padding=4)
        axes.set_xlabel(f"kilobytes a session, {most:,} polls held")
        axes.margins(x=0.12)
        return _saved(plot, picture, axes, path)


def _saved(plot: Any, picture: Any, axes: Any, path: Path) -> list[Path]:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    written = [path.with_suffix(".png"), path.with_suffix(".svg")]
    picture.savefig(written[0], dpi=120)
    picture.savefig(written[1], metadata={"Date": None})
    plot.close(picture)
    return written


def _short(figure: float) -> str:
    if figure >= 1_000_000:
        return f"{figure / 1_000_000:.1f} M"
    return f"{figure / 1_000:.0f} k" if figure >= 10_000 else f"{figure:,.0f}"

"""What `statemachine conform` can test, and the options of each: an engine, or a client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import click
from attrs import frozen

from statemachine.conformance.kit import RANDOM_TRACES
from statemachine.conformance.process import TIMEOUT_S
from statemachine.conformance.results import CheckResult, area_of, is_selected
from statemachine.emulator.script.values import did_you_mean

from .app import Trouble, grouped
from .files import FILE, FOLDER
from .numbers import FiniteRange


@frozen
class Judged:
    """`name`: of the implementation. `scope`: what its results are about, or ""."""

    name: str
    results: list[CheckResult]
    scope: str = ""


def refuse_unknown(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise Trouble for a name that does not exist: it would silently mean nothing."""
    names = list(known)
    for name in given:
        if name not in names:
            raise Trouble(f"no {what} is called {name!r}{did_you_mean(name, names)}")


def refuse_unselecting(only: Iterable[str], known: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Raise Trouble for a name that selects none of these checks, given by name and tags."""
    names = list(known)
    for one in only:
        if not any(is_selected(name, tags, (one,)) for name, tags in names):
            close = {part for name, tags in names for part in (name, area_of(name), *tags)}
            raise Trouble(f"no check is called {one!r}{did_you_mean(one, sorted(close))}; see --list")


@frozen
class ClientOptions:
    """`port`: of a client that is started by hand; `har`: the folder for traffic."""

    client: bool
    watch: bool
    port: int | None
    har: Path | None


client_options: Final = grouped(
    "client",
    ClientOptions,
    click.option("--client", is_flag=True, help="COMMAND is a client that uses the emulator over HTTP."),
    click.option("--watch", is_flag=True, help="The client acts on its own; it reads no orders."),
    click.option(
        "--listen", "port", type=click.IntRange(1, 65535), metavar="PORT", help="Wait for a client started by hand."
    ),
    click.option("--har", type=FOLDER, help="Folder for the traffic of each case of a client."),
)


@frozen
class EngineOptions:
    """`replay`: a stored case to run instead of the checks; `out`: the folder that failed cases are written to."""

    cases: int
    seed: int
    timeout: float
    replay: Path | None
    out: Path


def _count(name: str, default: int, help: str) -> Any:
    return click.option(name, default=default, show_default=True, type=click.IntRange(0), help=help)


engine_options: Final = grouped(
    "engine",
    EngineOptions,
    _count("--cases", RANDOM_TRACES, "Random sessions of an engine."),
    _count("--seed", 1, "First seed of these sessions."),
    click.option(
        "--timeout",
        type=FiniteRange(0.1, 3_600),
        default=TIMEOUT_S,
        show_default=True,
        metavar="SECONDS",
        help="For one answer of an engine; the third answer that does not come in time ends the run.",
    ),
    click.option("--replay", type=FILE, help="Run only this stored case of an engine."),
    click.option("--out", type=FOLDER, default=Path(), show_default=True, help="Folder for failed cases of an engine."),
)

"""What `statemachine conform` can test, and the options of each: an engine, or a client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

import click
from attrs import frozen

from statemachine.conformance.kit import RANDOM_TRACES
from statemachine.conformance.process import TIMEOUT_S
from statemachine.conformance.results import CheckResult

from .app import grouped
from .files import FILE, FOLDER
from .numbers import FiniteRange


class Trial(Protocol):
    """The implementation to be tested. Its methods raise Trouble."""

    missing: ClassVar[str]
    """The message where no command was given."""

    def list_cases(self, verbose: bool) -> None:
        """List the cases, and with `verbose` all that is known of their rules; run none."""
        ...

    def judged(self, heard: Callable[[CheckResult], CheckResult]) -> tuple[str, list[CheckResult]]:
        """Run the cases; returns the implementation's name, and `heard(result)` for each result."""
        ...


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

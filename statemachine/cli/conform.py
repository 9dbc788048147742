"""`statemachine conform`; `harness` tests engines, `blackbox` tests clients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar, Protocol

import click

from statemachine.conformance.kit import RANDOM_TRACES
from statemachine.conformance.report import html, junit, lines_of, summary
from statemachine.conformance.results import CheckResult, as_strict, conforms

from .app import Trouble
from .errors import missing
from .files import write
from .harness import EngineTrial
from .screen import progress
from .text import visible

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


class Trial(Protocol):
    """The implementation to be tested. Its methods raise Trouble."""

    missing: ClassVar[str]
    """The message where no command was given."""

    def list_cases(self) -> None:
        """List the cases and run none."""
        ...

    def judged(self, heard: Callable[[CheckResult], CheckResult]) -> tuple[str, list[CheckResult]]:
        """Run the cases; returns the implementation's name, and `heard(verdict)` for each verdict."""
        ...


@click.command(name="conform")
@click.option("--client", is_flag=True, help="COMMAND is a client that uses the emulator over HTTP.")
@click.option("--watch", is_flag=True, help="The client acts on its own; it reads no orders.")
@click.option(
    "--listen", "port", type=click.IntRange(1, 65535), metavar="PORT", help="Wait for a client started by hand."
)
@click.option("--list", "list_", is_flag=True, help="List the cases and run none.")
@click.option("--only", multiple=True, metavar="NAME", help="Run only this case, prefix, fault (F3) or pattern.")
@click.option("--strict", is_flag=True, help="Treat SHOULD rules as MUST.")
@click.option("--known", type=_FILE, help="File of cases known to fail, one per line; they are run too.")
@click.option(
    "--cases", default=RANDOM_TRACES, show_default=True, type=click.IntRange(0), help="Random sessions of an engine."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="First seed of these sessions.")
@click.option("--replay", type=_FILE, help="Run only this stored case of an engine.")
@click.option("--out", type=_FOLDER, default=Path(), show_default=True, help="Folder for failed cases of an engine.")
@click.option("--har", type=_FOLDER, help="Folder for the traffic of each case of a client.")
@click.option("--junit", "junit_", type=_FILE, help="Write JUnit XML to this file.")
@click.option("--html", "html_", type=_FILE, help="Write an HTML report to this file.")
@click.option("--pack", "pack_", type=_FILE, help="Write the kit for engines to this zip file and run nothing.")
@click.option("--verbose", "-v", is_flag=True, help="List passed and skipped cases too.")
@click.argument("given", nargs=-1, metavar="[-- COMMAND...]")
def command(
    client: bool,
    watch: bool,
    port: int | None,
    list_: bool,
    only: tuple[str, ...],
    strict: bool,
    known: Path | None,
    cases: int,
    seed: int,
    replay: Path | None,
    out: Path,
    har: Path | None,
    junit_: Path | None,
    html_: Path | None,
    pack_: Path | None,
    verbose: bool,
    given: tuple[str, ...],
) -> None:
    """Test whether an engine or a client conforms to this one.

    An engine in any language is tested through a harness, which answers JSON lines as MESSAGES.md describes (it is in
    the zip file of --pack). Vectors run first, then the laws over random sessions; a failed case is shortened, printed
    and written to a file:

      statemachine conform -- node harness.mjs

    A client is any program that uses the emulator over HTTP. It goes through a catalogue of cases, each with a process
    and an emulator of its own; the emulator detects its faults:

      statemachine conform --client -- python my_client.py

    It reads the emulator's address from STATEMACHINE_URL, STATEMACHINE_TENANT, STATEMACHINE_APP_ID and
    STATEMACHINE_CLIENT_ID, and its orders as JSON lines from standard input: {"do": "start"},
    {"do": "say", "text": "…"}, {"do": "end"},
    {"do": "typing"}, {"do": "answer_form", "form": "…", "data": {}}, {"do": "background"}, {"do": "foreground"}. It may
    ignore unknown orders. It has a working directory of its own, the same after a restart.

    Exit status: 0 it conforms; 1 it does not; 2 it could not be run.
    """
    if pack_ is not None:
        from statemachine.conformance.pack import pack

        write(pack_, pack())
        click.echo(f"{pack_}: written")
        return
    trial: Trial = EngineTrial(given, only, cases, seed, known, replay, out)
    if client or watch or port is not None:
        if replay is not None:
            raise click.UsageError("--replay is for an engine's stored case; a client's case is played again by --only")
        trial = _client(given, only, watch, port, known, har)
    if list_:
        trial.list_cases()
        return
    if not given and port is None:
        raise click.UsageError(trial.missing)
    name, verdicts = trial.judged(partial(_heard, strict, verbose))
    for path, text in ((junit_, junit(name, verdicts)), (html_, html(name, verdicts))):
        if path is not None:
            write(path, text)
    click.echo(visible(summary(name, verdicts)))
    if not conforms(verdicts):
        raise click.exceptions.Exit(1)


def _client(
    command: tuple[str, ...], only: tuple[str, ...], watch: bool, port: int | None, known: Path | None, har: Path | None
) -> Trial:
    """Imported at first use: a test of an engine needs no HTTP library."""
    try:
        from .blackbox import ClientTrial
    except ModuleNotFoundError as error:
        raise Trouble(missing(error, "statemachine conform --client") or str(error)) from None
    return ClientTrial(command, only, watch, port, known, har)


def _heard(strict: bool, verbose: bool, found: CheckResult) -> CheckResult:
    """Print a verdict as soon as it is known."""
    verdict = as_strict(found) if strict else found
    if verbose or verdict.status not in ("passed", "skipped"):
        progress("")
        click.echo("\n".join(map(visible, lines_of(verdict))))
    return verdict

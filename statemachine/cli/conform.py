"""`statemachine conform`: the doors are the modules `harness` and `blackbox`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar, Protocol

import click

from statemachine.conformance.kit import CASES
from statemachine.conformance.report import html, junit, lines_of, summary
from statemachine.conformance.verdicts import Verdict, conforms, strictly

from .app import Trouble
from .errors import missing
from .files import write
from .harness import EngineTrial
from .text import visible

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


class Trial(Protocol):
    """What somebody asked to be judged, and how it is reached. Its methods raise Trouble."""

    missing: ClassVar[str]
    """What to say where no command was given."""

    def list_cases(self) -> None:
        """Name the cases; nothing is run."""
        ...

    def judged(self, heard: Callable[[Verdict], Verdict]) -> tuple[str, list[Verdict]]:
        """Its name, and a verdict for each case, as `heard` gives it back. Nothing can be judged: raises Trouble."""
        ...


@click.command(name="conform")
@click.option("--client", is_flag=True, help="COMMAND is a client: it talks HTTP to the emulator.")
@click.option("--watch", is_flag=True, help="The client lives by itself, and takes no orders.")
@click.option(
    "--listen", "port", type=click.IntRange(1, 65535), metavar="PORT", help="Wait for a client started by hand."
)
@click.option("--list", "list_", is_flag=True, help="Name the cases; nothing is run.")
@click.option(
    "--only", multiple=True, metavar="NAME", help="A case, the beginning of its name, a fault (F3), a pattern."
)
@click.option("--strict", is_flag=True, help="What only should hold must hold.")
@click.option("--known", type=_FILE, help="Cases known to fail, one a line: run all the same.")
@click.option("--cases", default=CASES, show_default=True, type=click.IntRange(0), help="Random lives of an engine.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Where they begin.")
@click.option("--replay", type=_FILE, help="Play an engine's stored case; nothing else is done.")
@click.option("--out", type=_FOLDER, default=Path(), show_default=True, help="Where an engine's cases are written.")
@click.option("--har", type=_FOLDER, help="Keep the traffic of each of a client's cases here.")
@click.option("--junit", "junit_", type=_FILE, help="Write JUnit XML here.")
@click.option("--html", "html_", type=_FILE, help="Write a page here.")
@click.option("--pack", "pack_", type=_FILE, help="Write the engines' kit as a zip file; nothing else is done.")
@click.option("--verbose", "-v", is_flag=True, help="Name what passes and what is skipped, too.")
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
    """Does an engine, or a client, hold what this one holds?

    An engine in any language is asked through a harness, which answers JSON lines as MESSAGES.md says (it is in the zip
    of --pack). Vectors first, then the laws over random lives; what fails is made short, shown, and written to a file:

      statemachine conform -- node harness.mjs

    Any program that talks HTTP to the emulator is played through a catalogue of cases, each with a process and an
    emulator of its own, and judged by what the emulator sees of it:

      statemachine conform --client -- python my_client.py

    It finds the emulator in STATEMACHINE_URL, STATEMACHINE_TENANT, STATEMACHINE_APP_ID and STATEMACHINE_CLIENT_ID, and
    what it shall do as JSON lines on standard input: {"do": "start"}, {"do": "say", "text": "…"}, {"do": "end"},
    {"do": "typing"}, {"do": "answer_form", "form": "…", "data": {}}, {"do": "background"}, {"do": "foreground"}. What
    it does not know it may leave undone. Its working directory is its own, and the same after a restart.

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
    """Loaded when it is asked for: who judges an engine need not have, or wait for, what talks HTTP."""
    try:
        from .blackbox import ClientTrial
    except ModuleNotFoundError as error:
        raise Trouble(missing(error, "statemachine conform --client") or str(error)) from None
    return ClientTrial(command, only, watch, port, known, har)


def _heard(strict: bool, verbose: bool, found: Verdict) -> Verdict:
    """A verdict, told as it comes."""
    verdict = strictly(found) if strict else found
    if verbose or verdict.status not in ("passed", "skipped"):
        click.echo("\n".join(map(visible, lines_of(verdict))))
    return verdict

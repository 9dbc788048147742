"""`statemachine conform`: one module for each door."""

from __future__ import annotations

from pathlib import Path

import click

from statemachine.conformance.kit import CASES
from statemachine.conformance.pack import pack
from statemachine.conformance.report import html, junit, lines_of, summary
from statemachine.conformance.verdicts import Verdict, conforms, strictly

from . import blackbox, harness
from .text import visible

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


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
@click.option("--known", type=_FILE, help="An engine's checks known to fail, one a line: run all the same.")
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
        harness.write(pack_, pack())
        click.echo(f"{pack_}: written")
        return
    is_client = client or watch or port is not None
    a_client = blackbox.Asked(given, only, watch, port, har)
    an_engine = harness.Asked(given, only, cases, seed, known, replay, out)
    if list_:
        blackbox.list_cases(a_client) if is_client else harness.list_checks(an_engine)
        return
    if not given and port is None:
        raise click.UsageError(
            "give the client's command after --, as in: --client -- python my_client.py"
            if is_client
            else "give the command of a harness after --, as in: statemachine conform -- node harness.mjs "
            "(or --client, --watch, --listen PORT for a client over HTTP)"
        )

    def heard(found: Verdict) -> Verdict:
        verdict = strictly(found) if strict else found
        if verbose or verdict.status not in ("passed", "skipped"):
            click.echo("\n".join(map(visible, lines_of(verdict))))
        return verdict

    if is_client:
        name = " ".join(given) or f"the client on port {port}"
        verdicts = [strictly(one) if strict else one for one in blackbox.run(a_client, heard)]
    else:
        name, verdicts = harness.judged(an_engine, heard)
    for path, text in ((junit_, junit(name, verdicts)), (html_, html(name, verdicts))):
        if path is not None:
            harness.write(path, text)
    click.echo(visible(summary(name, verdicts)))
    if not conforms(verdicts):
        raise click.exceptions.Exit(1)

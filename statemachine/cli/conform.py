"""`statemachine conform`: one module for each door."""

from __future__ import annotations

from pathlib import Path

import click

from statemachine.conformance.report import html, junit, lines_of, summary
from statemachine.conformance.verdicts import Verdict, conforms, strictly

from . import blackbox
from .app import Trouble
from .text import visible

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, path_type=Path)


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
@click.option("--har", type=click.Path(file_okay=False, path_type=Path), help="Keep the traffic of each case here.")
@click.option("--junit", "junit_", type=_FILE, help="Write JUnit XML here.")
@click.option("--html", "html_", type=_FILE, help="Write a page here.")
@click.option("--verbose", "-v", is_flag=True, help="Name what passes and what is skipped, too.")
@click.argument("given", nargs=-1, metavar="[-- COMMAND...]")
def command(
    client: bool,
    watch: bool,
    port: int | None,
    list_: bool,
    only: tuple[str, ...],
    strict: bool,
    har: Path | None,
    junit_: Path | None,
    html_: Path | None,
    verbose: bool,
    given: tuple[str, ...],
) -> None:
    """Does a client do what its users, and the contact centre, rely on?

    Any program that talks HTTP to the emulator is played through a catalogue of cases, each with a process and an
    emulator of its own, and judged by what the emulator sees of it:

      statemachine conform --client -- python my_client.py

    It finds the emulator in STATEMACHINE_URL, STATEMACHINE_TENANT, STATEMACHINE_APP_ID and STATEMACHINE_CLIENT_ID, and
    what it shall do as JSON lines on standard input: {"do": "start"}, {"do": "say", "text": "…"}, {"do": "end"},
    {"do": "typing"}, {"do": "answer_form", "form": "…", "data": {}}, {"do": "background"}, {"do": "foreground"}. What
    it does not know it may leave undone. Its working directory is its own, and the same after a restart.

    Exit status: 0 it conforms; 1 it does not; 2 it could not be run.
    """
    if not client and not watch and port is None:
        raise click.UsageError("say what is to be tried: --client or --watch with a command after --, or --listen PORT")
    asked = blackbox.Asked(given, only, watch, port, har)
    if list_:
        blackbox.list_cases(asked)
        return
    if not given and port is None:
        raise click.UsageError("give the client's command after --, as in: --client -- python my_client.py")

    def heard(verdict: Verdict) -> None:
        if verbose or verdict.status not in ("passed", "skipped"):
            click.echo("\n".join(map(visible, lines_of(verdict))))

    verdicts = [strictly(one) if strict else one for one in blackbox.run(asked, heard)]
    name = " ".join(given) or f"the client on port {port}"
    for path, text in ((junit_, junit(name, verdicts)), (html_, html(name, verdicts))):
        if path is not None:
            _write(path, text)
    click.echo(visible(summary(name, verdicts)))
    if not conforms(verdicts):
        raise click.exceptions.Exit(1)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise Trouble(f"{path}: cannot be written: {error.strerror}") from None

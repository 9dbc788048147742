"""`statemachine diagrams`: write the generated folder, or check that it is up to date."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from .app import Trouble


@click.command("diagrams")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file is out of date.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("diagrams"),
    show_default=True,
    help="The folder to write or to check.",
)
@click.option(
    "--diff",
    "old",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="OLD.json",
    help="Write nothing; compare an older table.json with the tables as they are.",
)
@click.option(
    "--coverage",
    "traces",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Draw how often each row was taken in the traces of FOLDER, into coverage/ or --out.",
)
@click.pass_context
def command(ctx: click.Context, check: bool, out: Path, old: Path | None, traces: Path | None) -> None:
    """Draw the tables: pictures, matrices, the tables as data, and a gallery of them.

    --diff calls each change since an older table.json additive or breaking: additive is something new, or other words;
    breaking is something that is gone, or a cell that answers otherwise.

    Exit status: 0 written, up to date, or nothing broken; 1 out of date, or a change breaks; 2 no such comparison.
    """
    from ..diagrams import NoRenderer, stale, write

    if old is not None:
        _show_changes(old)
        return
    if traces is not None:
        given = ctx.get_parameter_source("out") is not ParameterSource.DEFAULT
        _draw_coverage(traces, out if given else Path("coverage"))
        return
    if not check:
        try:
            written = write(out)
        except NoRenderer as problem:
            raise click.ClickException(str(problem)) from None
        click.echo(f"{out}: {len(written)} files written" if written else f"{out}: up to date")
    found = stale(out)
    if found:
        click.echo("\n".join(f"out of date: {out / name}" for name in found), err=True)
        option = "" if out == Path("diagrams") else f" --out {out}"
        click.echo(f"Run `statemachine diagrams{option}`; remove what it does not write.", err=True)
        raise click.exceptions.Exit(1)


def _show_changes(old: Path) -> None:
    from ..diagrams.difference import NotATable, compare, read
    from ..diagrams.export import table

    try:
        changes = compare(read(old.read_bytes()), table())
    except (NotATable, OSError) as problem:
        raise Trouble(f"{old}: {problem}") from None
    for change in sorted(changes, key=lambda one: one.severity != "breaking"):
        click.echo(f"{change.severity:<9} {change.where}: {change.what}".replace(" : ", " "))
    breaking = sum(change.severity == "breaking" for change in changes)
    click.echo(f"{len(changes)} changes, {breaking} of them breaking" if changes else "no change")
    if breaking:
        raise click.exceptions.Exit(1)


def _draw_coverage(traces: Path, out: Path) -> None:
    from ..diagrams import NoRenderer
    from ..diagrams.coverage import NoCoverage, counted, summary
    from ..diagrams.files import write_coverage

    try:
        counts = counted(traces)
        click.echo("\n".join(summary(counts)))
        written = write_coverage(out, counts)
    except NoCoverage as problem:
        raise Trouble(str(problem)) from None
    except NoRenderer as problem:
        raise click.ClickException(str(problem)) from None
    click.echo(f"{out}: {len(written)} files written")

"""`statemachine diagrams`: write the generated folder, or check that it is up to date."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from .app import in_trouble
from .files import FILE, FOLDER, content_of


@click.command("diagrams")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file is out of date.")
@click.option("--out", type=FOLDER, default=Path("diagrams"), show_default=True, help="The folder to write or check.")
@click.option("--diff", "old", type=FILE, metavar="OLD.json", help="Compare an older table.json with the tables.")
@click.option(
    "--coverage", "traces", type=FOLDER, help="Draw how often traces in this folder take each row, into coverage/."
)
@click.pass_context
def command(ctx: click.Context, check: bool, out: Path, old: Path | None, traces: Path | None) -> int:
    """Draw the tables: pictures, matrices, the tables as data, and a gallery of them.

    --diff calls each change since an older table.json additive or breaking: additive is something new, or other words;
    breaking is something that is gone, or a cell that answers otherwise. It writes nothing.

    Exit status: 0 written, up to date, or nothing broken; 1 out of date, or a change breaks; 2 no such comparison.
    """
    from ..diagrams import NoRenderer, stale, write

    if old is not None:
        return _show_changes(old)
    if traces is not None:
        given = ctx.get_parameter_source("out") is not ParameterSource.DEFAULT
        return _draw_coverage(traces, out if given else Path("coverage"))
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
    return 1 if found else 0


def _show_changes(old: Path) -> int:
    from ..diagrams.difference import NotATable, compare, read
    from ..diagrams.export import table

    with in_trouble(NotATable, about=old):
        changes = compare(read(content_of(old)), table())
    for change in sorted(changes, key=lambda one: one.severity != "breaking"):
        click.echo(f"{change.severity:<9} {change.where}: {change.what}".replace(" : ", " "))
    breaking = sum(change.severity == "breaking" for change in changes)
    click.echo(f"{len(changes)} changes, {breaking} of them breaking" if changes else "no change")
    return 1 if breaking else 0


def _draw_coverage(traces: Path, out: Path) -> int:
    from ..diagrams import NoRenderer
    from ..diagrams.coverage import NoCoverage, counted, summary
    from ..diagrams.files import write_coverage

    with in_trouble(NoCoverage):
        counts = counted(traces)
    click.echo("\n".join(summary(counts)))
    try:
        written = write_coverage(out, counts)
    except NoRenderer as problem:
        raise click.ClickException(str(problem)) from None
    click.echo(f"{out}: {len(written)} files written")
    return 0

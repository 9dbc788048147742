"""`statemachine diagrams`: write the generated folder, or check that it is up to date."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("diagrams")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file is out of date.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("diagrams"),
    show_default=True,
    help="The folder to write or to check.",
)
def command(check: bool, out: Path) -> None:
    """Draw the tables: pictures, matrices, and a gallery of them."""
    from ..diagrams import NoRenderer, stale, write

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

"""`statemachine scenario`: what the emulated contact centre does, as files to read, copy, change and check."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from statemachine.emulator.script import (
    Problem,
    ScriptError,
    catalogue,
    read_scenario,
    scenario_named,
    scenario_source,
    schema,
)
from statemachine.emulator.script.catalogue import parts
from statemachine.emulator.steps import Scenario

from .app import Group, Trouble, in_trouble
from .files import FILE, read_text
from .screen import Screen
from .text import visible


@click.group(name="scenario", cls=Group)
def command() -> None:
    """Scenarios of the emulated contact centre: TOML files of steps that wait, send, branch and repeat.

    Begin with a copy: statemachine scenario show survey > mine.toml
    """


@command.command(name="list")
def list_() -> None:
    """List all scenarios, with a line about the use of each."""
    screen = Screen()
    for scenario in catalogue().values():
        screen.line((f"{scenario.name:<20} ", "bold"), scenario.about, indent=21)
        screen.line(f"{'':<20} ", (scenario.teaches, "dim"), indent=21)


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Print the file of a scenario, to copy and change. "parts" prints the parts that scenarios include."""
    try:
        click.echo(scenario_source(name), nl=False)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@command.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: {problems: [{file, line, message}]}.")
def check(files: tuple[Path, ...], as_json: bool) -> int:
    """Check scenario files, and print every problem with its line.

    Exit status: 0 all are valid; 1 some are not; 2 a file cannot be read.
    """
    problems = list(_problems(files))
    if as_json:
        found = [{"file": one.file, "line": one.line, "message": one.message} for one in problems]
        click.echo(json.dumps({"problems": found}))
    else:
        for problem in problems:
            click.echo(visible(str(problem)), err=True)
        if not problems:
            click.echo(f"{len(files)} {'file is' if len(files) == 1 else 'files are'} right")
    return 1 if problems else 0


@command.command(name="schema")
def schema_() -> None:
    """Print the JSON Schema of scenario files, for editors and other tools."""
    click.echo(json.dumps(schema(), indent=1, ensure_ascii=False))


def scenario_of(name_or_file: str) -> Scenario:
    """A scenario of the catalogue, or of a file. Raises Trouble."""
    if not name_or_file.endswith(".toml"):
        try:
            return scenario_named(name_or_file)
        except ValueError as error:
            raise Trouble(f"{error} (or give the path of a .toml file)") from None
    with in_trouble(ScriptError):
        return _read(Path(name_or_file))


def _problems(files: Iterable[Path]) -> Iterator[Problem]:
    for file in files:
        try:
            _read(file)
        except ScriptError as error:
            yield from error.problems


def _read(file: Path) -> Scenario:
    return read_scenario(read_text(file), file.stem, parts(), str(file))

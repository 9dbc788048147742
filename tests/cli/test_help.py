"""What the help says: an example for each command that its parser accepts, and lines that fit a narrow terminal."""

from __future__ import annotations

import shlex

import click
import pytest

from statemachine.cli.app import cli
from statemachine.cli.chat.talk import Talk, help_lines
from statemachine.cli.examples import EXAMPLES


def commands() -> dict[str, click.Command]:
    context = click.Context(cli)
    found: dict[str, click.Command] = {}
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        own = (
            {f"{name} {each}": one for each, one in command.commands.items()}
            if isinstance(command, click.Group)
            else {}
        )
        found |= own or {name: command}
    return found


COMMANDS = commands()


def test_every_command_has_an_example() -> None:
    assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_shows_the_example(name: str) -> None:
    assert COMMANDS[name].help.count("Example:") == 1
    assert f"statemachine {name}" in COMMANDS[name].get_help(click.Context(COMMANDS[name], info_name=name))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_parser_knows_the_options_of_the_example(name: str) -> None:
    words = shlex.split(EXAMPLES[name].partition(">")[0].partition(" -- ")[0])
    known = {option for one in COMMANDS[name].params for option in one.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_commands_of_the_chat_fit_the_terminal(columns: int) -> None:
    lines = list(help_lines(Talk.commands.values(), columns))
    assert max(map(len, lines)) <= columns
    assert {one.usage for one in Talk.commands.values()} <= {line.partition("  ")[0] for line in lines}


def test_completion_is_documented() -> None:
    assert "_STATEMACHINE_COMPLETE" in (cli.help or "")

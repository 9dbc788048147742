"""What the help says: an example for each command that its parser accepts, and lines that fit a narrow terminal."""

from __future__ import annotations

import io
import shlex

import click
import pytest

from statemachine.cli.app import cli
from statemachine.cli.chat.talk import Talk, help_lines
from statemachine.cli.chat.view import View
from statemachine.cli.examples import EXAMPLES
from statemachine.cli.screen import Screen


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


def test_the_help_shows_the_example() -> None:
    for name in COMMANDS:
        assert help_of(name, 80).count("Example:") == 1, name
        assert f"statemachine {name}" in help_of(name, 80)


def help_of(name: str, columns: int) -> str:
    command = COMMANDS[name]
    with command.context_class(command, info_name=f"statemachine {name}", terminal_width=columns) as context:
        return command.get_help(context)


@pytest.mark.parametrize("columns", [40, 80])
def test_the_help_fits_the_terminal(columns: int) -> None:
    for name in COMMANDS:
        lines = [line for line in help_of(name, columns).splitlines() if not is_to_copy(line)]
        assert [line for line in lines if len(line) > columns] == [], name


@pytest.mark.parametrize("columns", [40, 80])
def test_paragraphs_begin_at_the_left_and_have_no_runs_of_blanks(columns: int) -> None:
    for name in COMMANDS:
        paragraphs = help_of(name, columns).partition("\n\n")[2].partition("\n\nOptions:")[0].split("\n\n")
        for line in paragraphs[0].splitlines() + paragraphs[1].splitlines():
            assert line.startswith("  "), name
            assert "  " not in line.strip(), name
        assert {len(one) - len(one.lstrip(" \n")) for one in paragraphs} <= {2, 3, 4, 5}, paragraphs


def is_to_copy(line: str) -> bool:
    """Whether the line is part of a command or of a file: those are never broken."""
    return line.startswith(("    statemachine ", "    eval ")) or line.endswith((" },", "…"))


def test_the_parser_knows_the_options_of_the_example() -> None:
    for name, example in EXAMPLES.items():
        words = shlex.split(example.partition(">")[0].partition(" -- ")[0])
        known = {option for one in COMMANDS[name].params for option in one.opts}
        assert {word for word in words if word.startswith("--")} <= known, name


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_commands_of_the_chat_fit_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    view = View(Screen(terminal), chatty=False)
    for line in help_lines(Talk.commands.values(), columns):
        view.note(line)
    shown = terminal.getvalue()
    assert max(map(len, shown.splitlines())) <= columns
    assert [one.usage for one in Talk.commands.values() if f" {one.usage}" not in shown] == []


def test_completion_is_documented() -> None:
    assert "_STATEMACHINE_COMPLETE" in (cli.help or "")

"""The group of commands, and the conversion of errors to a line and an exit status."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, TypeVar, cast

import click
from attrs import fields

from ..extras import missing
from ..version import __version__
from .errors import interrupted, is_interrupt, say
from .examples import Context, with_examples
from .screen import discard_output, reopen

F = TypeVar("F", bound=Callable[..., Any])

_DEBUG: Final = "--debug"
_OUTPUT_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
_COMMANDS: Final = {
    "demo": "Show a whole chat over HTTP on this machine, with explanations.",
    "chat": "Chat with a contact centre from the terminal.",
    "emulate": "Run a contact centre for trials of clients.",
    "proxy": "Watch a client and a contact centre: judge the one, learn the settings of the other.",
    "scenario": "Scenarios of the emulated contact centre: list, show, check.",
    "doctor": "Check the connection to a contact centre, and name wrong settings.",
    "gateway": "Serve chats over HTTP, for programs in any language.",
    "run": "Play scripts of customers with the real client: CI, staging, load.",
    "replay": "Replay captured traffic through the engine, step by step.",
    "conform": "Test the conformance of an engine or a client in any language.",
    "audit": "Find faults of a client in its recorded traffic.",
    "store": "Maintain the database of chats: check, show a chat, purge, forget a client, copy to PostgreSQL.",
    "cluster": "See and steer the workers that share a database.",
    "simulate": "Simulate client and server under faults, with many seeds.",
    "engine": "Run the engine as a process for a program in another language.",
    "diagrams": "Draw the state machines and tables.",
}
"""Name -> its help line; the object `command` of the module of that name is loaded at its first use."""


class Trouble(click.ClickException):
    """The command cannot be executed: a message on stderr, and exit status 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """The message, on stderr."""
        say(self.message)


@contextmanager
def in_trouble(*errors: type[Exception], about: object = "") -> Generator[None]:
    """Within it, these exceptions become a Trouble with their text, after what they are about."""
    try:
        yield
    except errors as error:
        raise Trouble(f"{about}: {error}" if about else str(error)) from None


def grouped(name: str, kind: type[Any], *options: Any) -> Callable[[F], F]:
    """Give a command these options; it takes their values as one object of the attrs class `kind`, called `name`."""

    def decorate(command: F) -> F:
        @wraps(command)  # with the options it has already
        def with_group(**values: Any) -> Any:
            group = kind(**{one.name: values.pop(one.name) for one in fields(kind) if one.name in values})
            return command(**{name: group}, **values)

        decorated: Any = with_group
        for option in reversed(options):
            decorated = option(decorated)
        return cast(F, decorated)

    return decorate


def named_values(option: str, name: str, given: Iterable[str]) -> dict[str, object]:
    """The values of a repeated option, as in `--set hold_ms=5000`. Raises UsageError. `name`: of the first part."""
    values: dict[str, object] = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals or not key.strip():
            raise click.UsageError(f"{option} {one}: expected {name}=VALUE.")
        values[key.strip()] = value
    return values


@contextmanager
def needing_extras(what: str) -> Generator[None]:
    """Within it, a module that an extra would have brought becomes a Trouble that names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        line = missing(error, what)
        if line is None:
            raise
        raise Trouble(line) from None


class Group(click.Group):
    """A group of commands: prints its help where none is named, and the nearest one where it has none of that name."""

    context_class = Context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, but help is no error message."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with a suggestion in its error."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = get_close_matches(args[0], self.list_commands(ctx), 1)
            if not close:
                raise
            raise click.UsageError(f"{error.message.rstrip('.')}. Did you mean {close[0]!r}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """With the whole first sentence of each: click cuts it off at the end of the line."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(200)) for name, one in self.commands.items()])


class _Lazy(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in _COMMANDS if find_spec(f"{__package__}.{name}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        with needing_extras(f"statemachine {cmd_name}"):
            command: click.Command = import_module(f"{__package__}.{cmd_name}").command
            return with_examples(cmd_name, command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Without loading any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name]) for name in self.list_commands(ctx)])


import_module("rich")  # the extra brings both: better to miss it here than in the middle of a command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="statemachine")
@click.option(_DEBUG, is_flag=True, expose_value=False, help="Show where an unexpected error came from.")
def cli() -> None:
    """Chat sessions with a contact centre: show, emulate, replay and test them.

    Exit status: 0 success; 1 the result is negative; 2 the command could not be executed (wrong usage, an unusable
    file, an extra that is not installed); 130 interrupted.

    Completion of commands and options, in bash (zsh and fish: in the same way):

    \b
      eval "$(_STATEMACHINE_COMPLETE=bash_source statemachine)"
    """


def run(args: Sequence[str]) -> int:
    """Run the command line and return the exit status. Nothing escapes but SystemExit."""
    reopen()
    debug = _DEBUG in args
    try:
        result = cli.main([arg for arg in args if arg != _DEBUG], prog_name="statemachine", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        return _usage(error)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return interrupted()
    except BrokenPipeError:  # `statemachine replay … | head`
        discard_output()
        return 0
    except OSError as error:  # of the environment: a full disk under standard output, no folder for temporary files
        discard_output()
        say(_refused_by_the_system(error))
        return 2
    except Exception as error:
        if is_interrupt(error):
            return interrupted()
        if debug:
            raise
        say(_unexpected(error))
        return 1
    return result if type(result) is int else 0


def _usage(error: click.UsageError) -> int:
    command = error.ctx.command_path if error.ctx else "statemachine"
    message = error.format_message()
    say(f"{message}{'' if message.endswith(('.', '?', '!')) else '.'} See: {command} --help")
    return error.exit_code


def _refused_by_the_system(error: OSError) -> str:
    words = error.strerror or " ".join(str(error).split()) or type(error).__name__
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {words}"
    return f"the output cannot be written: {words}" if error.errno in _OUTPUT_ERRORS else words


def _unexpected(error: Exception) -> str:
    words = " ".join(str(error).split())[:200]
    cause = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return f"unexpected error, a fault of this program: {cause}. Please report it, with what {_DEBUG} adds to this"

"""The help of each command: its example, and its layout in a terminal of any width."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc
from textwrap import wrap
from types import MappingProxyType
from typing import Final

import click

_NARROW: Final = 60
"""Columns below which a description starts on a line of its own."""
_JOIN: Final = re.compile(r"\n {12,}")
"""A line so far to the right continues the description before it."""
_TWO_COLUMNS: Final = re.compile(r"( *\S+(?: \S+)* {2,})(\S.*)")

EXAMPLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "demo": "--scenario flaky",
        "chat": "--url https://chat.example.com --app-id my-app",
        "emulate": "--open --scenario survey",
        "proxy": "--to https://chat.example.com --har chats.har --open",
        "scenario list": "",
        "scenario show": "survey > mine.toml",
        "scenario check": "mine.toml",
        "scenario schema": "> scenario.schema.json",
        "doctor": "--url https://chat.example.com --app-id my-app",
        "gateway": "--url https://chat.example.com --app-id my-app --store chats.sqlite",
        "run": "parcel.toml --sessions 20 --junit results.xml",
        "replay": "chats.har --html story.html",
        "conform": "--client --only F1 -- python my_client.py",
        "audit": "chats.har",
        "store check": "chats.sqlite",
        "store show": "chats.sqlite 1f0c2a9b7e55",
        "store migrate": "chats.sqlite",
        "store purge": "chats.sqlite --older-than 30",
        "store forget": "chats.sqlite visitor-1",
        "store copy": "chats.sqlite postgresql://bridge@db.example.com/chats",
        "store recover": "postgresql://bridge@db.example.com/chats",
        "cluster status": "postgresql://bridge@db.example.com/chats",
        "cluster drain": "postgresql://bridge@db.example.com/chats worker-1",
        "cluster release": "postgresql://bridge@db.example.com/chats 17",
        "cluster move": "postgresql://bridge@db.example.com/chats 17 worker-2",
        "simulate": "--seeds 1000 --seed 1",
        "engine": "--listen engine.sock",
        "diagrams": "--check",
    }
)
"""The name of a command -> what follows it."""


class _Formatter(click.HelpFormatter):
    def write_text(self, text: str) -> None:
        """Fill each paragraph; of one that begins with `\\b`, only the lists."""
        for number, paragraph in enumerate(text.split("\n\n")):
            if number:
                self.write("\n")
            if paragraph.startswith("\b"):
                indent = " " * self.current_indent
                self.write("".join(f"{indent}{line}\n" for line in _filled(paragraph, self.width - len(indent))))
            else:
                super().write_text(paragraph)

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """As click's; in a narrow terminal, names do not take the room of the descriptions."""
        super().write_dl(list(rows), 6 if self.width < _NARROW else col_max, col_spacing)


def _filled(paragraph: str, width: int) -> Iterator[str]:
    for line in _JOIN.sub(" ", paragraph).splitlines()[1:]:
        found = _TWO_COLUMNS.fullmatch(line)
        if found is None or len(line) <= width:
            yield line  # a line to copy is never broken
            continue
        head, rest = found.groups()
        if width >= _NARROW:
            yield from wrap(head + rest, width, subsequent_indent=" " * len(head))
        else:
            indent = " " * (len(head) - len(head.lstrip()) + 4)
            yield from (head.rstrip(), *wrap(rest, width, initial_indent=indent, subsequent_indent=indent))


class Context(click.Context):
    """A context whose help fits the terminal."""

    formatter_class = _Formatter


def with_examples(name: str, command: click.Command) -> click.Command:
    """This command with its example, and those of its own commands, in their help."""
    command.context_class = Context
    if isinstance(command, click.Group):
        for own_name, own in command.commands.items():
            with_examples(f"{name} {own_name}", own)
    elif name in EXAMPLES and "Example:" not in (command.help or ""):
        line = f"statemachine {name} {EXAMPLES[name]}".rstrip()
        command.help = f"{cleandoc(command.help or '')}\n\nExample:\n\n\b\n  {line}"
    return command

"""An example for each command, as its help shows it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import click

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
        "cluster move": "postgresql://bridge@db.example.com/chats 17 worker-2",
        "simulate": "--seeds 1000 --seed 1",
        "engine": "--listen engine.sock",
        "diagrams": "--check",
    }
)
"""The name of a command -> what follows it."""


def with_examples(name: str, command: click.Command) -> click.Command:
    """This command with its example, and those of its own commands, in their help."""
    if isinstance(command, click.Group):
        for own_name, own in command.commands.items():
            with_examples(f"{name} {own_name}", own)
    elif name in EXAMPLES and "Example:" not in (command.help or ""):
        line = f"statemachine {name} {EXAMPLES[name]}".rstrip()
        command.help = f"{command.help}\n\nExample:\n\n\b\n  {line}"
    return command

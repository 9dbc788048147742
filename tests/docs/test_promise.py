"""The promise: the modules that the README names, and the names that guides use, are listed in `__all__`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module

from tests.docs.documents import MODULES, ROOT, python_blocks

TOOLS = (
    "statemachine.client.prometheus",
    "statemachine.conformance",
    "statemachine.conformance.implementation",
    "statemachine.diagrams",
    "statemachine.engine",
    "statemachine.proxy",
    "statemachine.replay",
    "statemachine.scripted",
    "statemachine.testing.stores",
)
"""Used in guides, and not promised: they may change with any version."""


def imported() -> Iterator[tuple[str, str, str]]:
    """(block, module, name) of each import from this project in README and guides."""
    for block, code in python_blocks(r"python(?: \w+)*"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "statemachine":
                for alias in node.names:
                    yield block, node.module or "", alias.name


def is_promised(module: str, name: str) -> bool:
    if module not in MODULES or name == "ChatClient":  # in the package's root by its name alone, for it needs an extra
        return module in MODULES + TOOLS
    return name in import_module(module).__all__


def test_guides_use_promised_names() -> None:
    assert [one for one in imported() if not is_promised(*one[1:])] == []


def test_the_readme_promises_these_modules() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    promise = text[text.index("## Promises") :]
    named = re.findall(r"`(statemachine(?:\.\w+)?|\.\w+)`", promise[: promise.index(";")])
    assert {f"statemachine{name}" if name.startswith(".") else name for name in named} == set(MODULES)


def test_chat_client_is_in_the_root() -> None:
    import statemachine
    from statemachine.client import ChatClient

    assert statemachine.ChatClient is ChatClient

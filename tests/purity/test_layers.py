"""Purity, first way: who imports what, read off the source without running it (design, section 5)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import statemachine

ROOT = Path(statemachine.__file__).parent
STDLIB_OF_THE_CORE = {
    "__future__",
    "collections",
    "enum",
    "functools",
    "hashlib",
    "itertools",
    "operator",
    "json",
    "sys",
    "types",
    "typing",
}
PUBLIC = {"statemachine", "statemachine.wire", "statemachine.records"}
READERS_OF_THE_TABLES = {"chart", "diagrams", "simulation"}
"""They draw, interpret and count the very rows, which no public name offers."""


def modules(folder: Path = ROOT) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = ("statemachine", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Every module that this one imports, wherever in it, by its full name; `from . import x` gives `x` as well."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            for alias in node.names:
                if (ROOT.parent / Path(*module.split("."), alias.name)).with_suffix(".py").exists():
                    yield f"{module}.{alias.name}"


def top(path: Path) -> str:
    """The part of the package that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(ROOT / "core"), ids=name_of)
def test_the_core_imports_only_itself_attrs_and_a_white_list(path: Path) -> None:
    for module in imports(path):
        first = module.split(".")[0]
        inside = module == "statemachine.core" or module.startswith("statemachine.core.")
        assert inside or first == "attrs" or first in STDLIB_OF_THE_CORE, module


SYS_IN_THE_CORE = {
    "record.py": ["return define(cls, eq=False, repr=False, frozen=sys.flags.dev_mode)"],
    "reduce.py": ["check_vocabulary(sys.modules[__name__])"],
}


def test_the_core_uses_sys_for_two_things_only() -> None:
    for path in modules(ROOT / "core"):
        uses = [line.strip() for line in path.read_text("utf-8").splitlines() if "sys." in line]
        assert uses == SYS_IN_THE_CORE.get(path.name, [])


FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval", "compile", "hash", "id", "globals"}
HASHES = {"record"}
"""`__hash__` itself."""


@pytest.mark.parametrize("path", modules(ROOT / "core"), ids=name_of)
def test_the_core_calls_nothing_that_differs_from_run_to_run(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS - ({"hash"} if path.stem in HASHES else set()), (
                f"line {node.lineno}"
            )


def test_the_emulators_model_never_imports_the_client() -> None:
    """It must be able to prove the engine wrong, so it shares nothing with it but the wire."""
    for path in modules(ROOT / "emulator"):
        for module in imports(path):
            if module.startswith("statemachine") and not module.startswith("statemachine.emulator"):
                assert module in ("statemachine", "statemachine.wire"), f"{path.name}: {module}"


def test_hypothesis_only_under_conformance() -> None:
    users = {top(path) for path in modules() if any(m.split(".")[0] == "hypothesis" for m in imports(path))}
    assert users == {"conformance"}


def test_all_others_use_public_names_only() -> None:
    """As a stranger would. The doors themselves, and the readers of the tables, are the exceptions."""
    past_the_door = set[str]()
    for path in modules():
        part = top(path)
        if part in ("core", "__init__", "wire", "records") or part in READERS_OF_THE_TABLES:
            continue
        if any(m.startswith("statemachine.core") for m in imports(path)):
            past_the_door.add(part)
    assert past_the_door == set()


HEAVY = (
    "asyncio",
    "logging",
    "transitions",
    "cattrs",
    "aiohttp",
    "hypothesis",
    "structlog",
    "sqlite3",
    "click",
    "rich",
)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, statemachine; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_walk_sees_every_kind_of_import(tmp_path: Path) -> None:
    assert "statemachine.core.actions.timing" in set(imports(ROOT / "core" / "vocabulary.py"))
    assert "statemachine.core.wire" in set(imports(ROOT / "core" / "actions" / "participants.py"))
    assert {name_of(ROOT / "__init__.py"), name_of(ROOT / "wire.py"), name_of(ROOT / "records.py")} >= PUBLIC

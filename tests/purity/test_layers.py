"""Import rules, read from the source without running it.

A module imports only modules of lower layers and of its own package. There are no import circles. Imports under
`TYPE_CHECKING` and inside functions count like all others.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import statemachine

ROOT = Path(statemachine.__file__).parent

LAYERS = (
    {"version", "durations", "extras", "files", "junit", "logs", "pages", "serving", "sources"},
    {"core"},
    {"codec", "chart"},
    {"adapters", "diagrams"},
    {"store", "engine", "emulator"},
    {"client"},
    {"testing", "scripted", "replay", "conformance", "cluster"},
    {"console", "gateway", "simulation"},
    {"proxy"},
    {"cli"},
    {
        "statemachine",
        "wire",
        "records",
        "http",
        "driver",
    },  # the package's root and its facades: for users, nothing inside imports them
    {"examples", "__main__"},
)
"""From low to high. Packages of one layer do not import each other."""

PUBLIC_IN_CORE = {
    "statemachine.core",
    *(f"statemachine.core.{name}" for name in ("declaration", "plain_text", "record", "session", "wire")),
}
TABLES_IN_CORE = {f"statemachine.core.{name}" for name in ("table", "tables", "signals", "fold", "derived")}
READERS_OF_THE_TABLES = {"chart", "conformance", "diagrams", "simulation"}
"""They interpret, leave out, draw and count rows."""

STDLIB_OF_THE_CORE = {
    "__future__",
    "collections",
    "enum",
    "functools",
    "hashlib",
    "html",
    "itertools",
    "json",
    "operator",
    "re",
    "sys",
    "types",
    "typing",
}
FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval", "compile", "hash", "id", "globals"}
HEAVY = {
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
}


def name_of(path: Path, root: Path = ROOT) -> str:
    parts = ("statemachine", *path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(root: Path = ROOT) -> dict[str, Path]:
    return {name_of(path, root): path for path in sorted(root.rglob("*.py"))}


MODULES = modules()


def imports(name: str, known: Mapping[str, Path]) -> Iterator[str]:
    """The full name of every module that a module imports. `from package import x` imports the module `package.x`
    where there is one and the package itself defines no other `x`.
    """
    path = known[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                is_module = inner in known and (module == name or alias.name not in defined(known[module]))
                yield inner if is_module else module


@cache
def defined(path: Path) -> set[str]:
    """The names that a package imports from its modules."""
    body = ast.parse(path.read_text("utf-8")).body
    return {
        alias.asname or alias.name
        for node in body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


@cache
def imported() -> dict[str, set[str]]:
    """Of each module of the package, the modules that it imports."""
    return {name: set(imports(name, MODULES)) - {name} for name in MODULES}


def part(module: str) -> str:
    """The package or module just below the root that a module belongs to; the root itself is `statemachine`."""
    return [*module.split("."), "statemachine"][1]


def is_ours(module: str) -> bool:
    return module.split(".")[0] == "statemachine"


def below(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_every_part_has_a_layer() -> None:
    listed = [name for layer in LAYERS for name in layer]
    assert sorted(listed) == sorted({part(name) for name in MODULES})


def test_a_package_imports_lower_layers_only() -> None:
    height = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    wrong = [
        f"{name} imports {other}"
        for name, others in imported().items()
        for other in sorted(filter(is_ours, others))
        if part(other) != part(name) and height[part(other)] >= height[part(name)]
    ]
    assert wrong == []


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """One import circle, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_no_module_imports_itself_through_others() -> None:
    assert circle({name: {other for other in others if other in MODULES} for name, others in imported().items()}) == []


def test_others_import_only_what_the_core_offers() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, others in imported().items()
        if part(name) != "core"
        for other in sorted(others)
        if part(other) == "core" and is_ours(other) and other not in PUBLIC_IN_CORE
        if not (part(name) in READERS_OF_THE_TABLES and below(other, TABLES_IN_CORE))
    ]
    assert wrong == []


def test_the_emulator_shares_with_the_engine_the_wire_only() -> None:
    """So it can prove the engine wrong."""
    wrong = [
        f"{name} imports {other}"
        for name, others in imported().items()
        if part(name) == "emulator"
        for other in sorted(filter(is_ours, others))
        if part(other) not in ("emulator", "serving")
        and other not in ("statemachine.core.wire", "statemachine.durations", "statemachine.extras")
    ]
    assert wrong == []


CORE = [name for name in MODULES if part(name) == "core"]


def test_the_core_imports_only_itself_attrs_and_a_white_list() -> None:
    for name in CORE:
        foreign = {module.split(".")[0] for module in imported()[name] if not is_ours(module)}
        assert foreign <= STDLIB_OF_THE_CORE | {"attrs"}, name


def calls(tree: ast.AST) -> Iterator[str]:
    """The names of the functions that are called; a record's own `_hash` may call `hash`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "_hash":
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
        yield from calls(node)


def test_the_core_calls_nothing_that_differs_from_run_to_run() -> None:
    for name in CORE:
        tree = ast.parse(MODULES[name].read_text("utf-8"))
        assert FORBIDDEN_CALLS.intersection(calls(tree)) == set(), name


def test_the_core_reads_of_sys_only_its_modules_and_the_development_mode() -> None:
    used = {
        node.attr
        for name in CORE
        for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys"
    }
    assert used <= {"modules", "flags"}


def test_hypothesis_is_imported_under_conformance_only() -> None:
    users = {
        part(name) for name, others in imported().items() if below("hypothesis", {m.split(".")[0] for m in others})
    }
    assert users == {"conformance"}


def loaded(statement: str) -> set[str]:
    """Every module that is loaded after a statement, in a fresh process."""
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded("import statemachine") & HEAVY == set()


def test_the_engine_process_loads_nothing_but_the_codec() -> None:
    """Beside a program in another language, its memory counts."""
    found = loaded("from statemachine.cli import main; main(['engine', '--help']); import statemachine.engine")
    assert found & {*HEAVY, "rich.console"} == {"cattrs", "click", "rich"}


def test_client_and_store_load_no_tools() -> None:
    """A process in production has in memory what it uses, and nothing else of the wheel."""
    found = {part(module) for module in loaded("import statemachine.client, statemachine.store") if is_ours(module)}
    assert found == {
        "statemachine",
        "version",
        "extras",
        "files",
        "logs",
        "core",
        "codec",
        "adapters",
        "store",
        "client",
    }


# --- these rules see what they should -------------------------------------------------------------------------------


def package(folder: Path, files: Mapping[str, str]) -> dict[str, set[str]]:
    """The imports of a small package, written for a test."""
    for name, text in {"__init__.py": "", **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    known = modules(folder)
    return {name: set(imports(name, known)) for name in known}


def test_every_form_of_import_is_seen(tmp_path: Path) -> None:
    found = package(
        tmp_path,
        {
            "a/__init__.py": "from .b import reduce\n",
            "a/b.py": "def reduce(): ...\n",
            "a/reduce.py": "",
            "c.py": "import os.path\nfrom . import a\nfrom .a import b, reduce\n",
            "d.py": "def f():\n    from .a.reduce import x\n",
        },
    )
    assert found["statemachine.c"] == {"os.path", "statemachine.a", "statemachine.a.b"}
    assert found["statemachine.d"] == {"statemachine.a.reduce"}


def test_a_circle_for_type_checkers_is_a_circle(tmp_path: Path) -> None:
    found = package(
        tmp_path,
        {
            "a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .b import B\n",
            "b.py": "from . import a\n",
        },
    )
    assert set(circle(found)) == {"statemachine.a", "statemachine.b"}

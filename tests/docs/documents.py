"""The documents, and their blocks of code and commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import statemachine

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = Path(statemachine.__file__).parent
"""In the source tree, or installed: the guides are files of the package."""
GUIDES: Final = (
    ROOT / "README.md",
    *sorted(path for path in PACKAGE.rglob("*.md") if "static" not in path.relative_to(PACKAGE).parts),
)
PAGES: Final = (*GUIDES, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")))


def blocks(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks of this language, a regular expression."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def block_with(path: Path, words: str) -> str:
    """The one block of Python in this document with these words."""
    (code,) = [block for block in blocks(path.read_text("utf-8"), "python") if words in block]
    return code


def named(path: Path) -> str:
    """The document's name, as in the source tree."""
    return path.relative_to(PACKAGE.parent if path.is_relative_to(PACKAGE) else ROOT).as_posix()


def python_blocks(language: str = "python") -> Iterator[tuple[str, str]]:
    """Each block of Python in README and guides that runs alone: (a name for it, the code)."""
    for path in GUIDES:
        place = named(path.with_suffix("")).replace("/", "_").lower()
        for number, code in enumerate(blocks(path.read_text("utf-8"), language), 1):
            yield f"{place}_{number}", code


def write_python_blocks(folder: Path) -> list[Path]:
    """Each block of Python as a file in this folder, for type checkers; also those that need a database."""
    paths = []
    for name, code in python_blocks("python(?: \\w+)*"):
        path = folder / f"block_{name}.py"
        path.write_text(code, "utf-8")
        paths.append(path)
    return paths


def saved_files(text: str) -> dict[str, str]:
    """The blocks that a document tells its readers to save, by file name."""
    pairs = re.findall(r"^Save this as `([\w.]+)`.*?^```\w+\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return dict(pairs)


MODULES: Final = (
    "statemachine",
    "statemachine.wire",
    "statemachine.client",
    "statemachine.store",
    "statemachine.cluster",
    "statemachine.emulator",
    "statemachine.testing",
    "statemachine.http",
    "statemachine.driver",
)
"""The modules whose `__all__` is promised."""

"""Builds the reference from docstrings and guides: `python -m tests.docs.reference [FOLDER]`. Each warning is an error.

It needs the extra `docs`. Only the promised modules are in it, and their names are loaded first: some of them are
loaded at their first use, and would be missing.
"""

from __future__ import annotations

import re
import sys
import warnings
from importlib import import_module
from pathlib import Path

from tests.docs.documents import GUIDES, MODULES, ROOT, named


def build(folder: Path) -> None:
    """Write the pages into this folder."""
    import pdoc

    warnings.simplefilter("error")
    for name in MODULES:
        module = import_module(name)
        for one in module.__all__:
            setattr(module, one, getattr(module, one))
        guide = ROOT / name.replace(".", "/") / "README.md"
        text = (ROOT / "README.md" if name == "statemachine" else guide).read_text("utf-8") if _has_guide(name) else ""
        module.__doc__ = f"{module.__doc__}\n\n{_with_links_to_pages(text, guide)}"
    pdoc.render.configure(docformat="google", show_source=False)
    pdoc.pdoc(*MODULES, output_directory=folder)


def _has_guide(name: str) -> bool:
    return name == "statemachine" or (ROOT / name.replace(".", "/") / "README.md").exists()


def _with_links_to_pages(text: str, guide: Path) -> str:
    """Links to guides of other modules become links to their pages; other links to files are left as words."""

    def replace(found: re.Match[str]) -> str:
        label, target = found.groups()
        path = (guide.parent / target.partition("#")[0]).resolve()
        place = named(path.parent).replace("/", ".") if path in GUIDES and path.name == "README.md" else ""
        return f"[{label}](/{place.replace('.', '/')}.html)" if place in MODULES else label

    text = re.sub(r"!\[[^\]]*\]\([^)]*\)\n", "", text)
    return re.sub(r"\[([^\]]*)\]\(((?!https?:)[^)]+)\)", replace, text)


if __name__ == "__main__":
    build(Path(sys.argv[1] if len(sys.argv) > 1 else "reference"))

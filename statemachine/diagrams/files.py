"""The generated files: their texts, which of them are stale, and the rendering of pictures.

A picture is compared by the digest of its source, so that `--check` needs no renderer: `rendered.json` keeps, for each
picture, the digest of the text it was rendered from, and of what came out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

from ..core.tables import MACHINES
from . import coverage, draw_dot, draw_mermaid, export, gallery, lists, matrix, matrix_html, overview, rendering, xstate

Render: TypeAlias = Callable[[str, int], tuple[str, bytes]]

LEDGER: Final = "rendered.json"
FORMATS: Final = ("svg", "png")
OVERVIEW: Final = "lifecycle-overview"
WHOLE: Final = "session"
RESERVED: Final = frozenset({"benchmarks"})
"""Folders that another program writes."""
STANDARD: Final = 90
DPI: Final = {OVERVIEW: 144, WHOLE: 60}
"""Pixels of the PNG per inch: more for the picture in the README, fewer for the one that only an SVG shows well."""


@cache  # the tables do not change while we run
def pictures() -> Mapping[str, str]:
    """Every picture as Mermaid text, by name."""
    return {
        OVERVIEW: overview.picture(),
        **{name: draw_mermaid.picture(machine) for name, machine in MACHINES.items()},
        "couplings": lists.couplings_picture(),
        WHOLE: draw_mermaid.whole(),
    }


@cache
def graphs() -> Mapping[str, str]:
    """Every picture as DOT text, by name: what is rendered."""
    return {
        OVERVIEW: overview.graph(),
        **{name: draw_dot.picture(machine) for name, machine in MACHINES.items()},
        "couplings": lists.couplings_graph(),
        WHOLE: draw_dot.whole(),
    }


@cache
def texts() -> Mapping[str, str]:
    """Every generated text, by file name."""
    return {
        **{f"{name}.mmd": text for name, text in pictures().items()},
        **{f"{name}.dot": text for name, text in graphs().items()},
        **{f"{name}.xstate.json": xstate.text(xstate.config(machine)) for name, machine in MACHINES.items()},
        f"{WHOLE}.xstate.json": xstate.text(xstate.whole()),
        **{f"{name}.md": matrix.matrix(machine) for name, machine in MACHINES.items()},
        "matrix.html": matrix_html.page(),
        "reactions.md": lists.reactions(),
        "couplings.md": lists.couplings(),
        "README.md": gallery.gallery(),
        "table.json": export.text(),
        export.SCHEMA: export.schema(),
    }


def stale(folder: Path) -> list[str]:
    """Names of the files that are missing, differ from the tables, or are not generated."""
    expected = texts()
    found = [name for name, text in expected.items() if _read(folder / name) != text.encode()]
    ledger = _ledger(folder)
    for name, text in graphs().items():
        found += [f"{name}.{form}" for form in FORMATS if not _is_current(folder, ledger, name, form, text)]
    known = {*expected, LEDGER, *RESERVED, *(f"{name}.{form}" for name in graphs() for form in FORMATS)}
    if folder.is_dir():
        found += sorted(path.name for path in folder.iterdir() if path.name not in known)
    return found


def write(folder: Path, render: Render = rendering.render) -> list[str]:
    """Write the files that are stale, and return their names.

    Raises:
        NoRenderer: a picture must be rendered and no renderer is installed. The texts are written before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [name for name, text in texts().items() if _put(folder / name, text.encode())]
    ledger = _ledger(folder)
    for name, text in graphs().items():
        if all(_is_current(folder, ledger, name, form, text) for form in FORMATS):
            continue
        svg, png = render(text, DPI.get(name, STANDARD))
        parts = {"svg": svg.encode(), "png": png}
        for form, data in parts.items():
            _put(folder / f"{name}.{form}", data)
            written.append(f"{name}.{form}")
        ledger[name] = {"source": _source(name, text), **{form: _digest(data) for form, data in parts.items()}}
        _put(folder / LEDGER, _ledger_text(ledger))
    return written


def write_coverage(folder: Path, counts: coverage.Counts, render: Render = rendering.render) -> list[str]:
    """Write pictures and matrices with the count of each row, and return their names. Raises NoRenderer."""
    folder.mkdir(parents=True, exist_ok=True)
    written = ["matrix.html"]
    _put(folder / "matrix.html", matrix_html.page(counts).encode())
    for name, machine in MACHINES.items():
        text = draw_dot.picture(machine, counts[name])
        svg, png = render(text, STANDARD)
        for form, data in {"dot": text.encode(), "svg": svg.encode(), "png": png}.items():
            _put(folder / f"{name}.{form}", data)
            written.append(f"{name}.{form}")
    return written


def _is_current(folder: Path, ledger: dict[str, dict[str, str]], name: str, form: str, text: str) -> bool:
    entry = ledger.get(name, {})
    data = _read(folder / f"{name}.{form}")
    return data is not None and entry.get("source") == _source(name, text) and entry.get(form) == _digest(data)


def _source(name: str, text: str) -> str:
    return _digest(f"{DPI.get(name, STANDARD)}\n{rendering.DARK}{text}".encode())


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def _ledger(folder: Path) -> dict[str, dict[str, str]]:
    """The digests of each picture; empty where the file is missing or malformed."""
    try:
        found: dict[str, dict[str, str]] = json.loads(_read(folder / LEDGER) or b"{}")
        return {name: dict(entry.items()) for name, entry in found.items()}
    except (AttributeError, ValueError):
        return {}


def _ledger_text(ledger: dict[str, dict[str, str]]) -> bytes:
    ordered = {name: ledger[name] for name in graphs() if name in ledger}
    return (json.dumps(ordered, indent=2) + "\n").encode()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _put(path: Path, data: bytes) -> bool:
    if _read(path) == data:
        return False
    path.write_bytes(data)
    return True

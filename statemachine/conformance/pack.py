"""The kit as a zip file, for use without Python: vectors, tables, schemas, texts, and runners to copy."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from statemachine.diagrams import export

from ..version import __version__

_PARTS: Final = ("MESSAGES.md", "STEP.md", "schema", "vectors", "runners")
_DATE: Final = (2020, 1, 1, 0, 0, 0)
"""Date of every file: the same kit gives the same bytes."""


def pack() -> bytes:
    """The zip file; the same kit gives the same bytes."""
    buffer, root = BytesIO(), f"conformance-kit-{__version__}"
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for name, data in sorted(_contents()):
            info = ZipInfo(f"{root}/{name}", _DATE)
            info.compress_type, info.external_attr = ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def _contents() -> Iterator[tuple[str, bytes]]:
    for name, part in _files(files("statemachine.conformance"), ""):
        yield name, part.read_bytes()
    yield "README.md", files("statemachine.conformance").joinpath("KIT.md").read_bytes()
    yield "protocol.md", files("statemachine").joinpath("protocol.md").read_bytes()
    yield "table.json", export.text().encode()
    yield f"schema/{export.SCHEMA}", export.schema().encode()


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if name.partition("/")[0] not in _PARTS:
            continue
        if entry.is_dir():
            yield from _files(entry, f"{name}/")
        else:
            yield name, entry

"""The kit as one archive."""

from __future__ import annotations

import json
from io import BytesIO
from zipfile import ZipFile

from statemachine import __version__
from statemachine.conformance.pack import pack
from statemachine.conformance.vectors import codec_vectors, engine_vectors


def test_it_holds_all_that_a_team_without_python_needs() -> None:
    root = f"conformance-kit-{__version__}/"
    with ZipFile(BytesIO(pack())) as archive:
        names = {name.removeprefix(root) for name in archive.namelist()}
        vectors = [json.loads(archive.read(name)) for name in archive.namelist() if "/vectors/" in name]
    assert {"MESSAGES.md", "table.json", "schema/engine.schema.json", "schema/codec.schema.json"} <= names
    assert {"README.md", "STEP.md", "protocol.md", "runners/junit/pom.xml", "runners/xctest/Package.swift"} <= names
    assert "runners/javascript/port.mjs" in names
    assert {"schema/table.schema.json", "runners/junit/ConformanceTest.java"} <= names
    assert "runners/xctest/ConformanceTests.swift" in names
    assert not [name for name in names if name.endswith(".py")]
    assert sum(map(len, vectors)) == len(engine_vectors()) + len(codec_vectors())


def test_the_same_kit_is_the_same_archive() -> None:
    assert pack() == pack()

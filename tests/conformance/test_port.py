"""The engine once more, in JavaScript: written from the exported tables and MESSAGES.md, it passes the kit over stdio.

It proves that the kit suffices to build a port, and, with a fault planted in it, that the kit can fail: by the name of
the law, with a short case.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from statemachine import conformance
from statemachine.conformance.kit import checks, run, smoke
from statemachine.conformance.process import Harness
from statemachine.conformance.random_search import search
from statemachine.diagrams import export
from tests.conformance.node import NODE

PORT = Path(conformance.__file__).parent / "runners" / "javascript" / "port.mjs"
FEW = 14
SHORT = 10
"""Events, at most, in the case that shows a planted fault."""

PLANTS = {
    "tells a file twice": ("if (!told) {", 'if (!told && e.$ !== "File") {', "L13", "agreement"),
    "forgets what it owes when restored": (
        "current = snapshot;",
        'current = { ...snapshot, ephemeral: state("ephemeral", "quiet") };',
        "L5",
        "L5",
    ),
    "fires a deadline early": (
        "if (first === null || first.due > d.now) return;",
        "if (first === null || first.due > d.now + 1) return;",
        "L3",
        "L3",
    ),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables as they are exported; where the tests run against the wheel there is no `diagrams/`."""
    path = tmp_path_factory.mktemp("port") / "table.json"
    path.write_text(export.text(), encoding="utf-8")
    return path


@pytest.fixture
def port(table: Path) -> Iterator[Harness]:
    with Harness([NODE, str(PORT), str(table)]) as subject:
        yield subject


def planted(tmp_path: Path, table: Path, name: str) -> Harness:
    right, wrong, *_ = PLANTS[name]
    source = PORT.read_text(encoding="utf-8")
    assert source.count(right) == 1, f"{name}: what it spoils has changed"
    path = tmp_path / "planted.mjs"
    path.write_text(source.replace(right, wrong), encoding="utf-8")
    return Harness([NODE, str(path), str(table)])


def test_the_port_passes_the_kit(port: Harness) -> None:
    smoke(port)
    verdicts = list(run(port, checks(FEW)))
    assert [(one.id, one.what) for one in verdicts if one.status not in ("passed", "skipped")] == []
    assert {one.id.partition("/")[0] for one in verdicts if one.status == "skipped"} <= {"codec"}
    assert sum(one.status == "passed" for one in verdicts) > 150


@pytest.mark.slow
def test_the_port_lives_two_hundred_random_lives(port: Harness) -> None:
    laws = [check for check in checks(200) if check.id.startswith("law/")]
    assert [(one.id, one.what) for one in run(port, laws) if one.status != "passed"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_fault_is_shown_with_a_short_case(tmp_path: Path, table: Path, name: str) -> None:
    *_, law, asked = PLANTS[name]
    with planted(tmp_path, table, name) as subject:
        found = search(subject, asked, 200)
    assert found is not None
    assert found.deviation.law in (law, "agreement")
    assert len(found.vector.steps) <= SHORT

"""The committed folder is what the tables say; `--check` sees it, and needs no renderer."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import statemachine
from statemachine.cli import main
from statemachine.core.tables import MACHINES
from statemachine.diagrams import (
    NoRenderer,
    dot,
    files,
    graphs,
    mermaid,
    overview,
    pictures,
    rendering,
    stale,
    texts,
    write,
)
from statemachine.diagrams.names import MARKS
from tests.diagrams.reading import contrast, luminance, style

COMMITTED = Path(__file__).parents[2] / "diagrams"

source_tree = pytest.mark.source_tree


def png(width: int = 1, height: int = 1) -> bytes:
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(b"\0\0", 0),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks.items()
    )


def fake(text: str, dpi: int) -> tuple[str, bytes]:
    return f"<svg><!-- {len(text)} {dpi} --></svg>", png()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, fake)
    return tmp_path


@source_tree
def test_the_committed_files_are_up_to_date() -> None:
    assert stale(COMMITTED) == [], "run `statemachine diagrams`"


@source_tree
def test_the_committed_pictures_are_pictures() -> None:
    for name in pictures():
        ElementTree.fromstring((COMMITTED / f"{name}.svg").read_text())
        data = (COMMITTED / f"{name}.png").read_bytes()
        width, height = struct.unpack(">II", data[16:24])
        assert data.startswith(b"\x89PNG")
        assert min(width, height) > 200


def test_what_was_written_is_up_to_date(folder: Path) -> None:
    assert stale(folder) == []
    assert write(folder, fake) == []
    expected = {*texts(), "rendered.json", *(f"{name}.{form}" for name in pictures() for form in ("svg", "png"))}
    assert {path.name for path in folder.iterdir()} == expected


@pytest.mark.parametrize("name", ["lifecycle.mmd", "connection.md", "README.md", "item.svg", "history.png"])
def test_a_change_is_seen_and_mended(folder: Path, name: str) -> None:
    path = folder / name
    right = path.read_bytes()
    path.write_bytes(right + b" ")
    assert stale(folder) == [name]
    write(folder, fake)
    assert stale(folder) == []
    assert path.read_bytes() == right
    path.unlink()
    assert stale(folder) == [name]


def test_a_picture_of_another_text_is_stale(folder: Path) -> None:
    ledger = json.loads((folder / "rendered.json").read_text())
    ledger["connection"]["source"] = "0" * 64
    (folder / "rendered.json").write_text(json.dumps(ledger))
    assert stale(folder) == ["connection.svg", "connection.png"]


@pytest.mark.parametrize("broken", [b"{", b"", b"[1]", b'{"connection": 3}', b"\xff"])
def test_a_broken_ledger_makes_every_picture_stale(folder: Path, broken: bytes) -> None:
    (folder / "rendered.json").write_bytes(broken)
    assert len(stale(folder)) == 2 * len(pictures())
    write(folder, fake)
    assert stale(folder) == []


def test_a_file_that_nobody_writes_is_named(folder: Path) -> None:
    (folder / "old.mmd").write_text("")
    assert stale(folder) == ["old.mmd"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert len(stale(tmp_path / "none")) == len(texts()) + 2 * len(pictures())


@pytest.mark.slow
def test_the_texts_are_the_same_under_any_hash_seed() -> None:
    code = "from statemachine.diagrams import texts; print(texts())"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "renderer", lambda: None)


@pytest.mark.usefixtures("no_renderer")
def test_check_passes_and_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagrams", "--check", "--out", str(folder)]) == 0
    assert capsys.readouterr() == ("", "")
    (folder / "connection.mmd").write_text("")
    (folder / "item.png").unlink()
    assert main(["diagrams", "--check", "--out", str(folder)]) == 1
    said = capsys.readouterr().err
    assert "connection.mmd" in said
    assert "item.png" in said
    assert f"statemachine diagrams --out {folder}" in said
    assert (folder / "connection.mmd").read_text() == ""


@pytest.mark.usefixtures("no_renderer")
def test_without_the_renderer_the_texts_are_written_and_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagrams", "--out", str(tmp_path)]) == 1
    assert "chat-session-statemachine[diagrams]" in capsys.readouterr().err
    assert all((tmp_path / name).exists() for name in texts())
    with pytest.raises(NoRenderer):
        rendering.render("digraph { a -> b }", 72)


def test_nothing_is_written_twice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagrams", "--out", str(folder)]) == 0
    assert "up to date" in capsys.readouterr().out


# --- rendering --------------------------------------------------------------------------------------------------------


def test_rendering_works() -> None:
    svg, data = rendering.render(graphs()["attention"], 144)
    ElementTree.fromstring(svg)
    assert "WarningReceived" in svg
    assert dot.PAPER.lower() in svg or 'fill="white"' in svg
    width, height = struct.unpack(">II", data[16:24])
    assert width > 400 < height


def test_what_cannot_be_rendered_says_so() -> None:
    with pytest.raises(NoRenderer, match="cannot render"):
        rendering.render("digraph {", 72)


def test_a_session_in_a_notebook_has_its_state_marked() -> None:
    session: Any = statemachine.new_session(0)
    svg = session._repr_svg_()
    ElementTree.fromstring(svg)
    assert "phase: idle, connection: off" in svg
    assert overview.MARK.line in svg
    assert overview.MARK.line not in graphs()["lifecycle-overview"]
    assert overview.graph("idle").count(overview.MARK.line) == 1


@pytest.mark.usefixtures("no_renderer")
def test_a_notebook_without_a_renderer_shows_the_text() -> None:
    session: Any = statemachine.new_session(0)
    assert session._repr_svg_() is None


@source_tree
@pytest.mark.skipif("graphviz-pure" not in (rendering.renderer() or ""), reason="graphviz-pure is not installed")
@pytest.mark.parametrize("name", ["attention", "lifecycle-overview"])
def test_rendered_again_it_is_the_committed_picture(name: str) -> None:
    svg, _ = rendering.render(graphs()[name], 72)
    assert svg == (COMMITTED / f"{name}.svg").read_text(encoding="utf-8")


def test_the_settings_of_the_renderer_are_part_of_the_digest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(files.DPI, "lifecycle-overview", 30)
    assert stale(folder) == ["lifecycle-overview.svg", "lifecycle-overview.png"]


def test_a_copy_of_the_folder_is_as_good(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    copy = tmp_path_factory.mktemp("copy") / "diagrams"
    shutil.copytree(folder, copy)
    assert stale(copy) == []


@source_tree
@pytest.mark.parametrize("name", [*MACHINES, "couplings"])
def test_each_picture_of_a_machine_fits_a_page(name: str) -> None:
    width, height = struct.unpack(">II", (COMMITTED / f"{name}.png").read_bytes()[16:24])
    assert height / width <= 1.55  # A4 has 1.41, and margins


# --- colours ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", mermaid.STYLES)
def test_ink_can_be_read_on_its_colour(kind: mermaid.StateKind) -> None:
    found = style(mermaid.STYLES[kind])
    assert contrast(found["fill"], found["color"]) >= 4.5


def test_kinds_are_told_apart_by_lightness_alone() -> None:
    """So by everybody, whatever hues they see; and on paper."""
    grounds = sorted(luminance(style(text)["fill"]) for text in mermaid.STYLES.values())
    ratios = [(light + 0.05) / (dark + 0.05) for dark, light in pairwise(grounds)]
    assert min(ratios) >= 1.15


@pytest.mark.parametrize("kind", dot.EVENT_COLOURS)
def test_events_can_be_read_on_paper_and_their_arcs_told_apart_without_colour(kind: dot.EventKind) -> None:
    assert contrast(dot.PAPER, dot.EVENT_COLOURS[kind]) >= 4.5
    assert len(set(MARKS.values())) == len(MARKS)  # the mark says the same in letters

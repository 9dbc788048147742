"""Files that are sent and saved: names from the wire are strangers', and what is there is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from statemachine.cli.chat.files import MAX_FILE, BadPath, readable, write_new


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("report.pdf", "report.pdf"),
        ("../../evil.sh", "evil.sh"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\cmd.exe", "cmd.exe"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("..", "file"),
        ("", "file"),
        ("a\x1b[31m\nb?.txt", "a_[31m_b_.txt"),
        ("aux. ", "aux"),
        ("résumé ☂.pdf", "résumé ☂.pdf"),
        ("x" * 500, "x" * 120),
    ],
)
def test_a_strangers_name_leads_nowhere_else(name: str, saved: str, here: Path) -> None:
    path = write_new(b"content", name)
    assert (here / path).resolve().parent == here.resolve()
    assert path.name == saved
    assert path.read_bytes() == b"content"
    assert os.listdir(here.parent) == ["here"]


def test_what_is_there_is_left_alone(here: Path) -> None:
    paths = [write_new(str(number).encode(), "a.txt") for number in range(3)]
    assert [path.name for path in paths] == ["a.txt", "a (1).txt", "a (2).txt"]
    assert [path.read_bytes() for path in paths] == [b"0", b"1", b"2"]
    with pytest.raises(BadPath, match=r"a\.txt is there already"):
        write_new(b"3", "b.txt", "a.txt")
    assert Path("a.txt").read_bytes() == b"0"


def test_where_one_says(here: Path) -> None:
    (here / "in").mkdir()
    assert write_new(b"1", "a.txt", "in") == Path("in/a.txt")
    assert write_new(b"2", "a.txt", "in/mine.txt") == Path("in/mine.txt")
    with pytest.raises(BadPath, match="No such file"):
        write_new(b"3", "a.txt", "nowhere/at/all.txt")


def test_what_cannot_be_sent(here: Path) -> None:
    (here / "big").write_bytes(b"")
    os.truncate(here / "big", MAX_FILE + 1)
    for path, why in (("none.txt", "No such file"), (".", "is a folder"), ("big", "25 MB")):
        with pytest.raises(BadPath, match=why):
            readable(path)
    os.truncate(here / "big", MAX_FILE)
    assert readable("big") == Path("big")

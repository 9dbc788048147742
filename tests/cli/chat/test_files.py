"""Files that are sent and saved: names from the wire are strangers', and what is there is left alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from statemachine.cli.chat.files import MAX_FILE, BadPath, readable, save


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


class Cut(Exception):
    """A download that breaks off."""


async def coming(*pieces: bytes, cut: bool = False) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if cut:
        raise Cut


def saved(content: bytes, name: str, where: str = "") -> Path:
    path, size = asyncio.run(save(coming(content[:1], content[1:]), name, where))
    assert size == len(content)
    return path


@pytest.mark.parametrize(
    ("name", "called"),
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
def test_a_strangers_name_leads_nowhere_else(name: str, called: str, here: Path) -> None:
    path = saved(b"content", name)
    assert (here / path).resolve().parent == here.resolve()
    assert path.name == called
    assert path.read_bytes() == b"content"
    assert os.listdir(here.parent) == ["here"]


def test_what_is_there_is_left_alone(here: Path) -> None:
    paths = [saved(str(number).encode(), "a.txt") for number in range(3)]
    assert [path.name for path in paths] == ["a.txt", "a (1).txt", "a (2).txt"]
    assert [path.read_bytes() for path in paths] == [b"0", b"1", b"2"]
    with pytest.raises(BadPath, match=r"a\.txt is there already"):
        saved(b"3", "b.txt", "a.txt")
    assert Path("a.txt").read_bytes() == b"0"


def test_where_one_says(here: Path) -> None:
    (here / "in").mkdir()
    assert saved(b"1", "a.txt", "in") == Path("in/a.txt")
    assert saved(b"2", "a.txt", "in/mine.txt") == Path("in/mine.txt")
    with pytest.raises(BadPath, match="No such file"):
        saved(b"3", "a.txt", "nowhere/at/all.txt")


def test_what_does_not_come_whole_leaves_no_file(here: Path) -> None:
    for pieces in ((b"a", b"b"), ()):
        with pytest.raises(Cut):
            asyncio.run(save(coming(*pieces, cut=True), "a.txt"))
        assert os.listdir(here) == []


def test_an_empty_file_is_one() -> None:
    assert asyncio.run(save(coming(), "a.txt")) == (Path("a.txt"), 0)
    assert Path("a.txt").read_bytes() == b""


def test_what_cannot_be_sent(here: Path) -> None:
    (here / "big").write_bytes(b"")
    os.truncate(here / "big", MAX_FILE + 1)
    for path, why in (("none.txt", "No such file"), (".", "is a folder"), ("big", "25 MB")):
        with pytest.raises(BadPath, match=why):
            readable(path)
    os.truncate(here / "big", MAX_FILE)
    assert readable("big") == Path("big")

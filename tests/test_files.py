"""Files that may hold texts or tokens are their owner's alone, and no link leads them elsewhere."""

from __future__ import annotations

import ast
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

import statemachine
from statemachine.files import open_private, private_folder, replace_private, write_private

PACKAGE = Path(statemachine.__file__).parent
posix_only = pytest.mark.skipif(os.name != "posix", reason="permission bits and links are POSIX's")

WRITERS = {"write_text", "write_bytes", "touch", "mkdir", "makedirs", "mkstemp", "NamedTemporaryFile", "copyfile"}
READING = {"r", "rb", "rt"}
MODE = re.compile("[rwaxbt+]{1,3}")
ELSEWHERE = {
    "files.py",
    "cli/examples.py",  # a formatter of click has a method `write_text`, which writes no file
    "diagrams/files.py",  # pictures of the tables, which are public
    "store/ownership.py",  # the lock file, which stays empty
}


@pytest.fixture(params=["w", "a", "x"])
def mode(request: pytest.FixtureRequest) -> Literal["w", "a", "x"]:
    return request.param


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix_only
def test_a_new_file_is_its_owners_alone(tmp_path: Path, mode: Literal["w", "a", "x"]) -> None:
    mask = os.umask(0)
    try:
        with open_private(tmp_path / "new", mode) as file:
            file.write(b"text")
        private_folder(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(mask)
    assert rights(tmp_path / "new") == 0o600
    assert [rights(tmp_path / name) for name in ("a", "a/b", "a/b/c")] == [0o700] * 3


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    for text in ("{}", '{"longer": "ü"}', ""):
        replace_private(path, text)
        assert path.read_text("utf-8") == text
    with pytest.raises(UnicodeEncodeError):
        replace_private(path, "\ud800")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text("utf-8") == ""


@posix_only
@pytest.mark.parametrize("kind", ["pipe", "folder", "link to a file", "link to nothing", "link to a pipe"])
def test_only_a_regular_file_is_replaced(kind: str, tmp_path: Path) -> None:
    """As root, a device or /dev/stdout would be gone for the whole system."""
    path, target = tmp_path / "ready.json", tmp_path / "target"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(target)
    if kind == "link to a file":
        target.write_text("older")
    elif kind == "link to a pipe":
        os.mkfifo(target)
    before = path.lstat()
    with pytest.raises(OSError, match=r"regular file|symbolic link"):
        replace_private(path, "{}")
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert len(list(tmp_path.iterdir())) == (1 if kind in ("pipe", "folder", "link to nothing") else 2)


@posix_only
def test_an_existing_file_loses_the_rights_of_others_before_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_text("older and longer")
    path.chmod(0o666)
    with open_private(path, "a") as file:
        assert rights(path) == 0o600
        file.write(b" text")
    assert path.read_text() == "older and longer text"
    path.chmod(0o644)
    write_private(path, "half \ud83d")
    assert rights(path) == 0o600
    assert path.read_text() == "half ?"
    with pytest.raises(FileExistsError):
        open_private(path, "x")


@posix_only
@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_is_refused(tmp_path: Path, mode: Literal["w", "a", "x"], there: bool) -> None:
    target = tmp_path / "target"
    if there:
        target.write_text("kept")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError, match=r"symbolic link|File exists"):
        open_private(tmp_path / "link", mode)
    assert target.exists() == there
    assert not there or target.read_text() == "kept"


@posix_only
@pytest.mark.parametrize("there", [True, False])
def test_a_linked_folder_is_refused(tmp_path: Path, there: bool) -> None:
    target = tmp_path / "target"
    if there:
        target.mkdir()
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"):
        private_folder(tmp_path / "link")
    if not there:
        with pytest.raises(OSError, match="symbolic link"):
            private_folder(tmp_path / "link" / "more")
    assert target.exists() == there


@posix_only
def test_a_hard_link_and_another_users_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "target"
    target.write_text("kept")
    (tmp_path / "link").hardlink_to(target)
    with pytest.raises(OSError, match="another name"):
        open_private(tmp_path / "link")
    (tmp_path / "link").unlink()
    monkeypatch.setattr(os, "geteuid", lambda: target.stat().st_uid + 1)
    with pytest.raises(OSError, match="belongs to another user"):
        open_private(target)
    assert target.read_text() == "kept"


@posix_only
def test_a_device_can_be_written() -> None:
    before = rights(Path(os.devnull))
    write_private(Path(os.devnull), "text")
    assert rights(Path(os.devnull)) == before


def creating_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Calls that may create a file or a folder."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        modes = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
        texts = {mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)}
        opens = name in {"open", "FileIO", "fdopen"} and any(MODE.fullmatch(text) for text in texts - READING)
        shown = ast.unparse(node)
        if (opens and "os.devnull" not in shown) or name in WRITERS or "O_CREAT" in shown:
            yield node.lineno, shown


def test_nothing_else_in_the_package_creates_a_file_or_a_folder() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {call}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).as_posix() not in ELSEWHERE
        for line, call in creating_calls(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "call",
    [
        "open(p, 'w')",
        "p.open('a')",
        "p.open(mode='xb')",
        "open(p, 'r+')",
        "p.write_text(t)",
        "p.mkdir(parents=True)",
        "os.open(p, os.O_WRONLY | os.O_CREAT)",
        "tempfile.NamedTemporaryFile(delete=False)",
    ],
)
def test_such_calls_are_found(call: str) -> None:
    assert list(creating_calls(ast.parse(call)))


@pytest.mark.parametrize("call", ["open(p)", "open(p, 'rb')", "open(os.devnull, 'w')", "self._open(chat)"])
def test_other_calls_are_not(call: str) -> None:
    assert not list(creating_calls(ast.parse(call)))

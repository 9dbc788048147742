"""The types are public API: a file of user code that must type-check, and snippets of which each must not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import write_python_blocks
from tests.examples.test_examples import FILES, NOT_INSTALLED

HERE = Path(__file__).parent
WRONG = sorted((HERE / "wrong").glob("*.py"))


def mypy(*paths: Path, cache: Path) -> str:
    """What mypy --strict prints, run away from the project's own settings."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cache, check=False).stdout


def pyright(*paths: Path, work: Path) -> list[tuple[str, int]]:
    """(file name, line) of each error that pyright, strict, reports. It looks at nothing outside its folder."""
    for path in paths:
        shutil.copy(path, work)
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (work / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(work)]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, cwd=work, check=False).stdout)
    assert report["summary"]["filesAnalyzed"] >= len(paths)
    errors = (one for one in report["generalDiagnostics"] if one["severity"] == "error")
    return [(Path(one["file"]).name, one["range"]["start"]["line"] + 1) for one in errors]


def marked_line(path: Path) -> int:
    """The line of a wrong snippet that carries the mark `# wrong`."""
    return next(n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if "# wrong" in line)


EXAMPLES = [path for path in FILES if path.stem not in NOT_INSTALLED]


@pytest.fixture
def right(tmp_path: Path) -> list[Path]:
    """What must pass: user code, the examples, and every block of Python in README and guides."""
    folder = tmp_path / "blocks"
    folder.mkdir()
    return [HERE / "user_code.py", *EXAMPLES, *write_python_blocks(folder)]


# One run of each checker for all files: most of its time goes into reading this package and what it imports.


def test_mypy_accepts_what_is_right_and_refuses_each_wrong_snippet(right: list[Path], cache: pytest.Cache) -> None:
    report = mypy(*right, *WRONG, cache=cache.mkdir("mypy"))  # kept for the next run, which takes a fifth of the time
    for path in right:
        assert path.name not in report, report
    for path in WRONG:
        assert re.search(rf"{path.name}:{marked_line(path)}: error", report), f"{path.name} passes\n{report}"


@pytest.mark.slow  # the same files as above, read by the other checker
def test_pyright_accepts_what_is_right_and_refuses_each_wrong_snippet(right: list[Path], tmp_path: Path) -> None:
    work = tmp_path / "pyright"
    work.mkdir()
    report = pyright(*right, *WRONG, work=work)
    wrong = {path.name for path in WRONG}
    assert [one for one in report if one[0] not in wrong] == []
    assert {(path.name, marked_line(path)) for path in WRONG} <= set(report)

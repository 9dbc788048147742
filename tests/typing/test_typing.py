"""The types are public API: a file of user code that must type-check, and snippets of which each must not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.fixture(scope="module")
def mypy_report(tmp_path_factory: pytest.TempPathFactory) -> str:
    return mypy(HERE / "user_code.py", *WRONG, cache=tmp_path_factory.mktemp("mypy"))


@pytest.fixture(scope="module")
def pyright_report(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int]]:
    return pyright(HERE / "user_code.py", *WRONG, work=tmp_path_factory.mktemp("pyright"))


@pytest.mark.xdist_group("typing")
def test_user_code_satisfies_mypy(mypy_report: str) -> None:
    assert "user_code.py" not in mypy_report, mypy_report
    assert "Found" in mypy_report


@pytest.mark.xdist_group("typing")
def test_user_code_satisfies_pyright(pyright_report: list[tuple[str, int]]) -> None:
    assert [one for one in pyright_report if one[0] == "user_code.py"] == []


@pytest.mark.xdist_group("typing")
@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_wrong_code_is_refused(path: Path, mypy_report: str, pyright_report: list[tuple[str, int]]) -> None:
    line = marked_line(path)
    assert re.search(rf"{path.name}:{line}: error", mypy_report), mypy_report
    assert (path.name, line) in pyright_report

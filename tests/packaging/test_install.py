"""The wheel in an environment of its own: bare, beside other projects' tests; and with each dependency at its bound."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from glob import glob
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.source_tree]
ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ALL = "http,cli,conformance,diagrams,prometheus,speed,tls"

OTHER_PROJECT = """
import sys

from hypothesis import given, strategies


@given(strategies.integers())
def test_their_property(number):
    assert number == number


def test_nothing_is_loaded():
    loaded = [name for name in sys.modules if name.partition(".")[0] in ("aiohttp", "cattrs", "transitions")]
    ours = [name for name in sys.modules if name.startswith("statemachine")]
    assert loaded == []
    assert set(ours) <= {"statemachine", "statemachine.version", "statemachine.testing", "statemachine.testing.plugin"}
"""

NEEDS_THE_EXTRA = """
def test_their_client(emulated_centre):
    pass
"""

AT_THE_BOUNDS = """
import urllib.request


def test_the_emulator(emulated_centre):
    with urllib.request.urlopen(emulated_centre.url + "/_control/chats") as reply:
        assert reply.status == 200
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    [found] = out.glob("*.whl")
    return found


def interpreter(version: str) -> str | None:
    """The path of this Python, or None. A shim without its Python does not start."""
    for path in [shutil.which(f"python{version}"), *glob(f"{Path.home()}/.pyenv/versions/{version}.*/bin/python")]:
        if path and not subprocess.run([path, "-c", ""], capture_output=True).returncode:
            return path
    return None


def installed(folder: Path, *wanted: str, constraints: str = "", python: str = sys.executable) -> Path:
    """The Python of a new environment with these packages. Skips where no index can be reached."""
    subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True, timeout=300)
    made = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    (folder / "constraints").write_text(constraints)
    command = [str(made), "-m", "pip", "install", "--quiet", "--constraint", folder / "constraints", *wanted]
    run = subprocess.run(command, capture_output=True, text=True, timeout=900)
    unreachable = "connection" in run.stderr.lower() or "name resolution" in run.stderr.lower()
    if run.returncode and unreachable and not os.environ.get("REQUIRE_TOOLS"):
        pytest.skip("no package index can be reached")
    assert run.returncode == 0, run.stderr
    return made


def ran(python: Path, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    command = [str(python), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def run_tests(python: Path, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on one file that is another project's."""
    project = folder / "project"
    project.mkdir(exist_ok=True)
    (project / "test_theirs.py").write_text(text)
    return ran(python, project, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "test_theirs.py")


def test_a_bare_install_leaves_other_projects_tests_as_they_are(wheel, tmp_path):
    python = installed(tmp_path, str(wheel), "pytest", "hypothesis")
    run = run_tests(python, tmp_path, OTHER_PROJECT)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout
    run = run_tests(python, tmp_path, NEEDS_THE_EXTRA)
    assert run.returncode == 1
    assert "pip install 'chat-session-statemachine[http]'" in run.stdout


NEEDED = {"attrs", "cattrs", "structlog", "transitions", "six", "typing-extensions"}
"""A bare installation: what the package names, and what that needs itself."""


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_without_extras_it_installs_what_it_needs_and_no_more(version, wheel, tmp_path):
    found = interpreter(version)
    if found is None:
        pytest.skip(f"there is no Python {version} here")
    python = installed(tmp_path, str(wheel), python=found)
    listed = ran(python, tmp_path, "-m", "pip", "list", "--format", "freeze").stdout
    names = {line.partition("==")[0].lower().replace("_", "-") for line in listed.split()}
    assert names - {"pip", "setuptools"} - {"chat-session-statemachine"} <= NEEDED
    script = "from statemachine import *; print(reduce(new_session(0), RequestChat(0, 'o'))[0].phase)"
    assert ran(python, tmp_path, "-W", "error", "-c", script).stdout.split() == ["requesting"]
    run = ran(python, tmp_path, "-c", "from statemachine import ChatClient")
    assert 'pip install "chat-session-statemachine[http]"' in run.stderr


def test_the_plugin_imports_almost_nothing(wheel, tmp_path):
    """A tenth of a second is some hundred modules: what is imported is counted, whatever the machine's load."""
    python = installed(tmp_path, str(wheel), "pytest")
    script = "import sys, pytest; before = {*sys.modules}; import statemachine.testing.plugin as p; "
    run = ran(python, tmp_path, "-c", script + "print(*sorted({*sys.modules} - before))")
    assert run.stdout.split() == [
        "statemachine",
        "statemachine.testing",
        "statemachine.testing.plugin",
        "statemachine.version",
    ]


def test_it_works_with_each_dependency_at_its_lower_bound(wheel, tmp_path):
    groups = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] for extra in ALL.split(","))]
    bounds = [re.match(r"([\w-]+)>=([\d.]+)", one) for group in groups for one in group]
    pins = {bound[1]: bound[2] for bound in bounds if bound is not None}
    assert {"aiohttp", "attrs", "click", "pytest"} <= set(pins)
    constraints = "".join(f"{name}=={version}\n" for name, version in pins.items())
    python = installed(tmp_path, f"{wheel}[{ALL}]", constraints=constraints)
    script = "from importlib.metadata import version; print(*map(version, {!r}))"
    found = ran(python, tmp_path, "-c", script.format(list(pins))).stdout.split()
    assert [_release(version) for version in found] == [_release(version) for version in pins.values()]
    run = run_tests(python, tmp_path, AT_THE_BOUNDS)
    assert run.returncode == 0, run.stdout + run.stderr
    run = ran(python, tmp_path, "-m", "statemachine", "demo", "--json", "--pace", "0.1")
    assert run.returncode == 0, run.stdout + run.stderr
    run = ran(python, tmp_path, "-m", "statemachine", "conform", "--", python, "-m", "statemachine", "engine")
    assert run.returncode == 0, run.stdout + run.stderr


def _release(version: str) -> tuple[int, ...]:
    """3.12 and 3.12.0 are the same."""
    return tuple(map(int, f"{version}.0.0".split(".")[:3]))

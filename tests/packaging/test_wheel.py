"""What a build puts in: all of the package, and nothing beside it."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.source_tree
ROOT = Path(__file__).parents[2]
NEEDED_GUIDES = {
    *(f"statemachine/conformance/{name}.md" for name in ("KIT", "MESSAGES", "STEP")),
    "statemachine/diagrams/static/gallery.md",
    "statemachine/protocol.md",
}
"""Read by commands: `conform --pack`, `diagrams`."""
LITTER = {"__pycache__", ".hypothesis", ".DS_Store"}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return out


def shipped(folder: str) -> set[str]:
    """The files under a top-level folder, without what Python and the tools leave there."""
    found = (path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.as_posix() for path in found if not LITTER & set(path.parts)}


def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(built):
    [wheel] = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    made_by_a_command = {"statemachine/emulator/scenario.schema.json"}
    guides = {name for name in shipped("statemachine") if name.endswith(".md")} - NEEDED_GUIDES
    assert {name for name in names if ".dist-info/" not in name} == shipped("statemachine") - made_by_a_command - guides
    assert "statemachine/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_holds_all_that_the_tests_need(built):
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers()}
    documents = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "pyproject.toml"}
    assert documents | shipped("statemachine") | shipped("tests") | shipped("diagrams") <= names

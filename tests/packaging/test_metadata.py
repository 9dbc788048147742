"""What pip and an editor see of the installed distribution, be it the source tree or the wheel."""

import re
import tomllib
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import pytest

DISTRIBUTION = "chat-session-statemachine"
PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]


def requirements(extra: str | None) -> set[str]:
    """The names that an extra brings (None: a bare install), with what the extras it refers to bring."""
    declared = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    names: set[str] = set()
    for requirement in declared:
        name, inner = re.match(r"([\w.-]+)(?:\[([\w,-]+)\])?", requirement).groups()
        if name == DISTRIBUTION:
            names.update(*(requirements(each) for each in inner.split(",")))
        else:
            names.add(name)
    return names


def test_the_installed_version_is_the_projects():
    assert metadata.version(DISTRIBUTION) == PROJECT["version"], "stale: run pip install -e . again"


def test_the_installed_extras_are_the_projects():
    installed = metadata.metadata(DISTRIBUTION).get_all("Provides-Extra")
    assert set(installed) == set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize(
    ("extra", "brought"),
    [
        (None, {"attrs", "cattrs", "structlog", "transitions"}),
        ("http", {"aiohttp"}),
        ("cli", {"aiohttp", "click", "platformdirs", "prompt-toolkit", "rich"}),
        ("conformance", {"hypothesis", "pytest"}),
        ("diagrams", {"graphviz-pure"}),
        ("speed", {"uvloop"}),
    ],
)
def test_an_extra_brings_what_it_names(extra, brought):
    assert requirements(extra) == brought


def test_the_test_extra_brings_all_others():
    for extra in PROJECT["optional-dependencies"]:
        assert requirements(extra) <= requirements("test")


def test_run_time_dependencies_have_no_upper_bound():
    run_time = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    run_time.remove(PROJECT["optional-dependencies"]["test"])
    for requirement in (each for group in run_time for each in group):
        name, _, marker = requirement.partition("; ")
        assert re.fullmatch(r"chat-session-statemachine\[[\w,]+\]|[\w-]+(\[\w+\])?>=[\d.]+", name)
        assert marker in ("", "sys_platform != 'win32'")


def test_the_types_are_shipped():
    assert files("statemachine").joinpath("py.typed").is_file()


def test_the_command_resolves():
    [command] = metadata.entry_points(group="console_scripts", name="statemachine")
    assert callable(command.load())

"""The files for the operation, as far as they can be checked without a registry of images and without a cluster."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml

from statemachine.cli.gateway import command as gateway
from tests.docs.documents import ROOT

DEPLOY = ROOT / "statemachine" / "gateway" / "deploy"
pytestmark = pytest.mark.source_tree


def check_options(arguments: list[str]) -> None:
    """Raise for an option that `statemachine gateway` does not have."""
    known = {name for one in gateway.params for name in one.opts}
    assert {one for one in arguments if one.startswith("--")} <= known


def container() -> dict[str, list[str]]:
    """The instructions of the container file, by name."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "Containerfile").read_text().splitlines():
        name, _, rest = line.partition(" ")
        if line and not line.startswith("#"):
            found.setdefault(name, []).append(rest)
    return found


def test_the_container_installs_extras_that_there_are_and_is_not_root() -> None:
    steps = container()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    (wanted,) = re.findall(r"/source\[([\w,]+)\]", " ".join(steps["RUN"]))
    assert set(wanted.split(",")) <= set(extras)
    assert steps["USER"] == ["10001"]
    variables = {one.envvar for one in gateway.params if isinstance(one, click.Option)}
    settings = [one for one in steps["ENV"][0].split() if one.startswith("STATEMACHINE_")]
    assert {one.partition("=")[0] for one in settings} <= variables


@pytest.mark.slow
def test_the_containers_commands_work_in_a_scratch_root(tmp_path: Path) -> None:
    """Its installation, in a folder in the place of `/`, and its entry point, with a read-only program folder."""
    steps = container()
    shutil.copytree(ROOT / "statemachine", tmp_path / "source" / "statemachine")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "source")
    install = steps["RUN"][0].replace("/opt/", f"{tmp_path}/opt/").replace("/source", f"{tmp_path}/source")
    (tmp_path / "opt").mkdir()
    done = subprocess.run(["bash", "-euc", install.replace("python ", f"{sys.executable} ", 1)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    subprocess.run(["chmod", "-R", "a-w", str(tmp_path / "opt")], check=True)
    (program,) = (yaml.safe_load(one) for one in steps["ENTRYPOINT"])
    line = [
        f"{tmp_path}{program[0]}",
        *program[1:],
        "--host",
        "0.0.0.0",
        "--url",
        "http://127.0.0.1:9",
        "--app-id",
        "a",
    ]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, timeout=120)
    assert (done.returncode, b"give --token-file" in done.stderr) == (2, True), done.stderr.decode()


def test_compose_starts_a_centre_and_a_gateway_that_needs_a_token() -> None:
    about: Any = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    centre, served = about["services"]["emulator"], about["services"]["gateway"]
    for one in (centre, served):
        assert one["read_only"]
        assert (DEPLOY / one["build"]["context"] / one["build"]["dockerfile"]).samefile(DEPLOY / "Containerfile")
        assert all(port.startswith("127.0.0.1:") for port in one["ports"])
    check_options(served["command"])
    options: dict[str, str] = dict(zip(served["command"][::2], served["command"][1::2], strict=True))
    port = centre["entrypoint"][centre["entrypoint"].index("--port") + 1]
    assert options["--url"] == f"http://emulator:{port}"
    assert [options["--token-file"], options["--peer-secret"]] == [f"/run/secrets/{one}" for one in served["secrets"]]
    assert urlsplit(options["--store"]).hostname in about["services"]
    assert served["volumes"] == [f"uploads:{options['--uploads'].rpartition('/')[0]}"]
    assert {one.partition(":")[0] for each in about["services"].values() for one in each.get("volumes", [])} == set(
        about["volumes"]
    )


KINDS = {
    "kubernetes.yaml": ["StatefulSet", "Service", "PodDisruptionBudget"],
    "kubernetes-postgres.yaml": ["Deployment", "PersistentVolumeClaim", "Service", "PodDisruptionBudget"],
}


@pytest.mark.parametrize("name", KINDS)
def test_the_manifests_fit_the_schemas_of_kubernetes(name: str) -> None:
    import kubernetes_validate

    found: list[Any] = list(yaml.safe_load_all((DEPLOY / name).read_text()))
    for one in found:
        kubernetes_validate.validate(one, "1.33", strict=True)
    assert [one["kind"] for one in found] == KINDS[name]
    pod = found[0]["spec"]["template"]["spec"]
    (served,) = pod["containers"]
    check_options(served["args"])
    paths = {
        one["path"] for one in (served[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness"))
    }
    assert paths == {"/healthz", "/readyz"}
    mounted = {one["mountPath"] for one in served["volumeMounts"]}
    for option, value in zip(served["args"][::2], served["args"][1::2], strict=True):
        if option in ("--token-file", "--peer-secret"):
            assert value.rpartition("/")[0] in mounted
        assert option != "--uploads" or value in mounted
    variables = {one.envvar for one in gateway.params if isinstance(one, click.Option)}
    assert {one["name"] for one in served.get("env", [])} - {"POD_IP"} <= variables
    assert {one["name"] for one in served["volumeMounts"]} == {
        *(one["name"] for one in pod["volumes"]),
        *(one["metadata"]["name"] for one in found[0]["spec"].get("volumeClaimTemplates", [])),
    }


def test_the_unit_is_right(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    text = (DEPLOY / "chat-gateway.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    program, name, *arguments = shlex.split(line)
    assert name == "gateway"
    check_options(arguments)
    unit = tmp_path / "chat-gateway.service"
    unit.write_text(text.replace(program, sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")

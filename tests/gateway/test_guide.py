"""The guide: its commands run, and its tables name what there is."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from statemachine.gateway import TokenSetting, WebhookSetting
from statemachine.gateway import metrics as gateway_metrics
from statemachine.gateway.contract import DOCUMENT, OPERATIONS
from statemachine.gateway.settings import of_table
from tests.docs.documents import ROOT, blocks

GUIDE = (ROOT / "statemachine" / "gateway" / "README.md").read_text("utf-8")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
def test_the_three_commands(tmp_path: Path) -> None:
    """The first without its installation, which the tests of the package do; on a free port."""
    port = str(free_port())
    start, *calls = blocks(GUIDE, "bash")[0].replace("8090", port).splitlines()
    assert len(calls) == 2
    arguments = start.rpartition("&& ")[2].removesuffix(" &").split()
    assert arguments[0].endswith("/statemachine")
    line = [sys.executable, "-m", "statemachine", *arguments[1:], "--port", port]
    with subprocess.Popen(line, cwd=tmp_path) as process:
        try:
            wait = f"until curl -sf http://127.0.0.1:{port}/healthz; do sleep 0.1; done"
            subprocess.run(wait, shell=True, timeout=60, check=True, capture_output=True)
            sent = subprocess.run(calls[0], shell=True, check=True, capture_output=True, timeout=60, text=True)
            assert '"key":"text-1"' in sent.stdout
            answer = f"{calls[1]} | grep -m 1 'Hello, this is'"
            heard = subprocess.run(answer, shell=True, check=True, capture_output=True, timeout=120, text=True)
            assert "Hello, this is" in heard.stdout
        finally:
            process.terminate()
            process.wait(60)


def test_the_files_of_settings_are_right() -> None:
    hook, settings = (tomllib.loads(text) for text in blocks(GUIDE, "toml"))
    assert of_table(WebhookSetting, "webhook", hook["webhook"][0]).name == "crm"
    assert of_table(TokenSetting, "token", settings["token"][0]).prefix == "shop-"


def test_each_metric_is_in_the_table() -> None:
    rows = re.findall(r"^\| `(gateway_\w+)` \|([\w, ]*)\| (.*) \|$", GUIDE, re.MULTILINE)
    known = {name: (one.labels, one.about) for name, one in gateway_metrics.METRICS.items()}
    assert {name: (tuple(re.findall(r"\w+", labels)), about) for name, labels, about in rows} == known


def test_each_problem_is_in_the_table() -> None:
    folder = ROOT / "statemachine" / "gateway"
    source = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    raised = set(re.findall(r'Problem\(\s*(?:\d+|status),\s*"(\w+)"', source))
    section = GUIDE[GUIDE.index("## Problems") :]
    named = {
        code for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for code in re.findall(r"`(\w+)`", row)
    }
    assert raised - {"unexpected"} <= named
    assert named - raised <= {"no_such_path", "no_such_method"}


def test_the_document_is_complete() -> None:
    """Each path parameter is declared, each operation has a name of its own, and each write takes a key."""
    assert len({one.id for one in OPERATIONS}) == len(OPERATIONS)
    for one in OPERATIONS:
        declared = {parameter.name for parameter in one.parameters if parameter.where == "path"}
        assert set(re.findall(r"\{(\w+)\}", one.path)) == declared
        has_key = "Idempotency-Key" in {parameter.name for parameter in one.parameters}
        assert has_key == (one.method != "GET" and one.id != "forgetChat"), one.id
    assert DOCUMENT["openapi"] == "3.1.0"

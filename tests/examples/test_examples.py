"""Examples are to be read at a glance, and to be copied."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import statemachine.examples

DRIVERS = {"asyncio_driver", "threads_requests", "trio_httpx2", "web_view"}
"""They are given their settings as arguments; `test_drivers.py` runs them."""
FILES = sorted(Path(statemachine.examples.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_an_example_is_one_short_independent_file(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    code = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 80
    assert not [line for line in lines if line.startswith("from .")]
    assert f"python -m statemachine.examples.{path.stem}" in "\n".join(lines[:12])


@pytest.mark.parametrize(
    "path", [one for one in FILES if one.stem not in {"aiogram_bot", *DRIVERS}], ids=lambda path: str(path.stem)
)
def test_a_setting_that_is_missing_is_named(path: Path, tmp_path: Path) -> None:
    names = {
        "CENTRE_URL": "http://127.0.0.1:9",
        "APP_ID": "a",
        "BOT_TOKEN": "1:a",
        "MESSENGER_URL": "http://127.0.0.1:9",
    }
    order = ["CENTRE_URL", "APP_ID", "MESSENGER_URL" if path.stem == "webhook_bridge" else "BOT_TOKEN"]
    for count, name in enumerate(order):
        environment = {**os.environ, **{one: names[one] for one in order[:count]}}
        for absent in order[count:]:
            environment.pop(absent, None)
        done = subprocess.run(
            [sys.executable, "-m", f"statemachine.examples.{path.stem}"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert done.stderr.startswith(f"{name} is not set")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_a_driver_without_its_settings_names_them(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "CENTRE_URL": ""}
    done = subprocess.run(
        [sys.executable, "-m", f"statemachine.examples.{name}"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "CENTRE_URL is not set" in done.stderr or "URL TENANT APP_ID CLIENT_ID STORE" in done.stderr


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
def test_an_empty_secret_is_none(value: str, tmp_path: Path) -> None:
    url = "http://127.0.0.1:9"
    names = {"CENTRE_URL": url, "APP_ID": "a", "MESSENGER_URL": url, "WEBHOOK_SECRET": value}
    done = subprocess.run(
        [sys.executable, "-m", "statemachine.examples.webhook_bridge"],
        env={**os.environ, **names},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("WEBHOOK_SECRET is not set")


def test_there_are_three_bridges_and_four_drivers() -> None:
    assert {path.stem for path in FILES} == {"aiogram_bot", "telegram_bot", "webhook_bridge"} | DRIVERS

"""Examples are to be read at a glance, and to be copied."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

import statemachine.examples

DRIVERS = {"asyncio_driver", "threads_requests", "trio_httpx2", "web_view"}
"""They are given their settings as arguments; `test_drivers.py` runs them."""
NOT_INSTALLED = {"ray_workers"}
"""`tests/cluster/test_ray.py` runs it where Ray is installed."""
FILES = sorted(Path(statemachine.examples.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_an_example_is_one_short_independent_file(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    code = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 80
    assert not [line for line in lines if line.startswith("from .")]
    assert f"python -m statemachine.examples.{path.stem}" in "\n".join(lines[:12])


def last_words(module: str, monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """What a program prints that ends with an error at once. It runs in this process: each start takes a second."""
    for name in ("CENTRE_URL", "APP_ID", "BOT_TOKEN", "MESSENGER_URL", "WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", [module])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(next(path for path in FILES if path.stem == module)), run_name="__main__")
    assert isinstance(ended.value.code, str)  # goes to standard error, and the status is 1
    return ended.value.code


@pytest.mark.parametrize("module", sorted({path.stem for path in FILES} - {"aiogram_bot"} - DRIVERS - NOT_INSTALLED))
def test_a_setting_that_is_missing_is_named(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {
        "CENTRE_URL": "http://127.0.0.1:9",
        "APP_ID": "a",
        "BOT_TOKEN": "1:a",
        "MESSENGER_URL": "http://127.0.0.1:9",
    }
    order = ["CENTRE_URL", "APP_ID", "MESSENGER_URL" if module == "webhook_bridge" else "BOT_TOKEN"]
    for count, name in enumerate(order):
        said = last_words(module, monkeypatch, **{one: names[one] for one in order[:count]})
        assert said.startswith(f"{name} is not set")
        assert "\n" not in said


@pytest.mark.parametrize("module", sorted(DRIVERS))
def test_a_driver_without_its_settings_names_them(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = last_words(module, monkeypatch, CENTRE_URL="")
    assert "CENTRE_URL is not set" in said or "URL TENANT APP_ID CLIENT_ID STORE" in said


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
def test_an_empty_secret_is_none(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://127.0.0.1:9"
    names = {"CENTRE_URL": url, "APP_ID": "a", "MESSENGER_URL": url, "WEBHOOK_SECRET": value}
    assert last_words("webhook_bridge", monkeypatch, **names).startswith("WEBHOOK_SECRET is not set")


def test_there_are_three_bridges_and_four_drivers() -> None:
    bridges = {"aiogram_bot", "telegram_bot", "webhook_bridge"}
    assert {path.stem for path in FILES} == bridges | DRIVERS | NOT_INSTALLED

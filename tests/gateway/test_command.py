"""`statemachine gateway`: as a process, and what cannot begin."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from statemachine.cli import main
from statemachine.testing import EmulatedCentre

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX only")


@contextmanager
def running(folder: Path, *args: str, **env: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The process and its URL."""
    ready = folder / "ready.json"
    line = [sys.executable, "-m", "statemachine", "gateway", "--port", "0", "--ready-file", str(ready), *args]
    with subprocess.Popen(line, cwd=folder, env={**os.environ, **env}, stderr=subprocess.PIPE) as process:
        try:
            while not ready.exists():
                assert process.poll() is None, process.communicate()[1].decode()
                time.sleep(0.05)
            yield process, json.loads(ready.read_text())["url"]
        finally:
            process.kill()


@posix_only
def test_sigterm_drains_and_the_chats_go_on(tmp_path: Path, centre: EmulatedCentre) -> None:
    env = {"STATEMACHINE_URL": centre.url, "STATEMACHINE_APP_ID": "chat", "STATEMACHINE_STORE": "chats.sqlite"}
    with running(tmp_path, **env) as (process, url):
        key = {"Idempotency-Key": "k1"}
        assert (
            requests.post(f"{url}/chats/ann/texts", json={"text": "Hello"}, headers=key, timeout=60).status_code == 202
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with running(tmp_path, **env) as (process, url):
        again = requests.post(f"{url}/chats/ann/texts", json={"text": "Hello"}, headers=key, timeout=60).json()
        page = requests.get(f"{url}/updates?wait=20", timeout=60).json()
        assert [one["update"]["key"] for one in page["updates"]] == ["k1"]
        assert again["state"] in ("pending", "sent")
    assert [text for chat in centre.chats for _, text in chat.texts_received] == ["Hello"]


def test_settings_from_a_file(tmp_path: Path, centre: EmulatedCentre) -> None:
    (tmp_path / "token").write_text("hunter2-secret-of-the-bridge")
    (tmp_path / "gateway.toml").write_text(
        f'url = "{centre.url}"\napp_id = "chat"\nstore = "own.sqlite"\n'
        '[[token]]\nname = "bridge"\nfile = "token"\nscopes = ["read"]\n'
    )
    with running(tmp_path, "--config", "gateway.toml") as (_, url):
        assert requests.get(f"{url}/chats", timeout=60).status_code == 401
        mine = {"Authorization": "Bearer hunter2-secret-of-the-bridge"}
        assert requests.get(f"{url}/chats", headers=mine, timeout=60).status_code == 200
        assert requests.put(f"{url}/chats/ann", headers=mine, timeout=60).status_code == 403
    assert (tmp_path / "own.sqlite").exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--host", "0.0.0.0"], "is not loopback: give --token-file"),
        (["--token-file", "nowhere"], "nowhere"),
        (["--app-id", ""], "--app-id is empty"),
        (["--tls-cert", "nowhere.pem"], "--tls-cert nowhere.pem"),
        (["--store", "mysql://localhost/chats"], "name a SQLite file"),
        (["--store", "postgresql://localhost/chats"], "give --peer-secret"),
        (["--config", "wrong.toml"], "there is no setting prot"),
        (["--config", "hook.toml"], "url must be an address"),
    ],
)
def test_wrong_settings_are_named(
    tmp_path: Path, args: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.toml").write_text("prot = 1")
    (tmp_path / "hook.toml").write_text('[[webhook]]\nname = "a"\nurl = "crm"\nsecret_file = "s"')
    known = () if "--app-id" in args else ("--app-id", "chat")
    assert main(["gateway", "--url", "http://127.0.0.1:9", *known, *args]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert words in shown.err


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("port = [1]", "port must be a text, a number"),
        ("lease = {a = 1}", "lease must be a text, a number"),
        ("lease = 2026-01-01", "lease must be a text, a number"),
        ("lease = nan", "--lease"),
        ("telemetry = 5", "--telemetry"),
        ("tls-cert = 5", "--tls-cert 5"),
        (r'tls_cert = "a\u0000"', "tls-cert must be a text, a number"),
        ("cipher = '..:x'", "--cipher ..:x"),
        ("name = 'x'", "there is no setting name"),
        ('store = "x\n', "gateway.toml:1: the line ends before the text does"),
        ("a = " + "[" * 5_000, "gateway.toml:1: this is nested too deeply"),
        ("a" + ".a" * 100 + " = 1", "gateway.toml:1: this key has too many parts"),
        ("port = " + "9" * 5_000, "gateway.toml:1: a number in this file has too many digits"),
    ],
)
def test_a_wrong_setting_of_the_file_is_named(
    tmp_path: Path, setting: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gateway.toml").write_text(setting)
    known = ["--url", "http://127.0.0.1:9", "--app-id", "a"]
    assert main(["gateway", *known, "--config", str(tmp_path / "gateway.toml")]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.startswith("statemachine: ")
    assert "fault of this program" not in err

"""`statemachine proxy`, as the process that it is."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from statemachine.cli import main
from statemachine.emulator import Knobs
from statemachine.emulator.http import Emulator
from tests.cli.test_emulate import emulator as emulating
from tests.proxy.chatting import PlainClient, whole_chat


@contextmanager
def proxy(*args: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """(process, url), as soon as it listens."""
    command = [sys.executable, "-m", "statemachine", "proxy", "--port", "0", *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().rpartition(" ")[2].strip()
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
async def test_it_judges_records_and_learns(tmp_path: Path) -> None:
    har, profile = tmp_path / "calls.har", tmp_path / "centre.toml"
    async with Emulator("silent", Knobs(hold_ms=200, timestamp_unit="ms", gone_style="bare")) as emulator:
        with proxy("--to", emulator.url, "--har", str(har), "--profile", str(profile)) as (process, url):
            await whole_chat(emulator, url)
            process.send_signal(signal.SIGTERM)
            out, err = await asyncio.to_thread(process.communicate)
    assert (process.returncode, err) == (0, "")
    assert "F22" in out  # the client polls while a poll is held
    assert "settings of the contact centre were learned" in out
    settings = tomllib.loads(profile.read_text())["knobs"]
    assert (settings["timestamp_unit"], settings["gone_style"]) == ("ms", "bare")
    assert len(json.loads(har.read_text())["log"]["entries"]) > 10
    with emulating("--port", "0", "--scenario", "silent", "--profile", str(profile)) as (_, again):
        async with PlainClient(again) as client:
            await client.open()
            assert await client.call("GET", "chats/none/history") == (404, {})


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--to", "chat.example.com"], "expected an address as https://"),
        (["--to", "ftp://chat.example.com"], "expected an address as https://"),
        (["--to", "https://chat.example.com/clientweb/api/v2"], "scheme, host and port only"),
        (["--to", "https://me:secret@chat.example.com"], "scheme, host and port only"),
        (["--to", "http://127.0.0.1:1", "--host", "not a host"], "cannot listen on not a host"),
        (["--to", "http://127.0.0.1:1", "--ca", "no-such-file.pem"], "--ca no-such-file.pem"),
        (["--to", "http://127.0.0.1:1", "--har", "no-such-folder/x.har"], "no-such-folder/x.har"),
        ([], "--to"),
    ],
)
def test_wrong_usage_is_one_line(args: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy", *args]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "secret" not in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("text", "words"), [("[knobs", "no TOML"), ("a = 1", "no table"), ("[knobs]\nx = 1", "x")])
def test_a_bad_profile_is_one_line(text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "centre.toml"
    file.write_text(text)
    assert main(["emulate", "--port", "0", "--profile", str(file)]) == 2
    err = capsys.readouterr().err
    assert str(file) in err
    assert words in err
    assert err.count("\n") == 1

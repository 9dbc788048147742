"""`statemachine emulate`, as the process that it is."""

import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest

from statemachine.cli import main


@contextmanager
def emulator(*args: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """(process, url), as soon as it listens."""
    command = [sys.executable, "-m", "statemachine", "emulate", *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            yield process, first.rpartition(" ")[2].strip()
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_and_stops(number: signal.Signals) -> None:
    with emulator("--port", "0", "--set", "initial_state=queued") as (process, url):
        assert url.startswith("http://127.0.0.1:")
        request = Request(
            f"{url}/clientweb/api/v2/chats?tenantUrl=x",
            data=b"{}",
            headers={"Authorization": 'MOBILE-API-140-327-PLAIN appId="a", clientId="eve"'},
        )
        with urlopen(request) as reply:
            assert b'"state": "queued"' in reply.read()
        process.send_signal(number)
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = process.stdout.read(), process.stderr.read()
        process.wait(30)
    assert process.returncode == (130 if number == signal.SIGINT else 0)
    assert err == ""
    for word in ("tenant", "app id", "client id", "Ctrl-C", "begins; client eve,", "1 chat"):
        assert word in out


def test_a_busy_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["emulate", "--port", str(port)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert f"port {port} on 127.0.0.1 is in use" in captured.err


def test_the_default_port_gives_way_to_a_free_one() -> None:
    with socket.socket() as taken:
        with suppress(OSError):  # somebody else has it: as good
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        with emulator() as (process, word):
            assert word == "taken."  # Port 8080 is in use: a free one is taken.
            assert process.stdout is not None
            url = process.stdout.readline().rpartition(" ")[2].strip()
            with urlopen(f"{url}/_console/") as reply:
                assert reply.status == 200


def test_open_shows_the_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The browser here is the test: it reads the page, and stops the emulator."""
    opened: list[tuple[str, int, bytes]] = []

    def browse(url: str) -> bool:
        with urlopen(url) as reply:
            opened.append((url, reply.status, reply.read()))
        signal.raise_signal(signal.SIGINT)
        return False

    monkeypatch.setattr("webbrowser.open", browse)
    assert main(["emulate", "--open", "--port", "0"]) == 130
    ((url, status, page),) = opened
    assert url.endswith("/_console/")
    assert status == 200
    assert b"<title>Contact centre</title>" in page
    out = capsys.readouterr().out
    assert f"Play its agents on {url}" in out
    assert "open the address yourself" in out


def test_beyond_loopback_the_address_carries_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[int] = []

    def browse(url: str) -> bool:
        local = url.replace("0.0.0.0", "127.0.0.1")
        browser = build_opener(HTTPCookieProcessor())
        for address in (local.partition("?")[0], local):
            try:
                answers.append(browser.open(address).status)
            except HTTPError as error:
                answers.append(error.code)
        signal.raise_signal(signal.SIGINT)
        return True

    monkeypatch.setattr("webbrowser.open", browse)
    assert main(["emulate", "--open", "--port", "0", "--host", "0.0.0.0"]) == 130
    assert answers == [401, 200]


def test_the_knobs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "--knobs"]) == 0
    assert "hold_ms = 15000 ms" in capsys.readouterr().out


@pytest.mark.parametrize("setting", ["nonsense=1", "hold_ms", "hold_ms=x", "receipts=maybe", "hold_ms=-5"])
def test_a_wrong_knob_is_one_line(setting: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "--set", setting]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "--help"]) == 0
    assert "queue-transfer" in capsys.readouterr().out


def test_the_ready_file_is_there_while_it_listens(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    with emulator("--port", "0", "--ready-file", str(ready), "--speed", "0") as (process, url):
        assert json.loads(ready.read_text("utf-8")) == {
            "url": url,
            "pid": process.pid,
            "token": None,
            "authority": None,
        }
        with urlopen(f"{url}/_control/clock") as reply:
            assert json.load(reply)["scale"] == 0
        process.terminate()
        process.wait(60)
        if sys.platform != "win32":
            assert not ready.exists()


def test_a_ready_file_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "--port", "0", "--ready-file", str(tmp_path / "none" / "ready.json")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_https_by_a_throw_away_authority(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    with emulator("--port", "0", "--ready-file", str(ready), "--tls", "--name", "phone.example") as (process, url):
        about = json.loads(ready.read_text("utf-8"))
        assert url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=about["authority"])
        with urlopen(f"{url}/_control/rules", context=trusted) as reply:
            assert reply.status == 200
        with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
            urlopen(f"{url}/_control/rules", context=ssl.create_default_context())
        process.terminate()
        assert process.stdout is not None
        out = process.stdout.read()
        process.wait(60)
    for words in ("curl --cacert", "xcrun simctl keychain booted add-root-cert", "--port 443"):
        assert words in " ".join(out.split())


def test_bound_elsewhere_the_wire_is_open_and_the_control_api_needs_the_token(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    with emulator("--port", "0", "--host", "0.0.0.0", "--ready-file", str(ready)):
        about = json.loads(ready.read_text("utf-8"))
        port = about["url"].rpartition(":")[2]
        url = f"http://127.0.0.1:{port}"
        headers = {"Authorization": 'MOBILE-API-140-327-PLAIN appId="a", clientId="eve"'}
        with urlopen(Request(f"{url}/clientweb/api/v2/availability?tenantUrl=x", headers=headers)) as reply:
            assert reply.status == 200
        for path in ("/_control/verdict", "/_control/clock", "/_control/knobs", "/_control/scenarios", "/_console/"):
            with pytest.raises(HTTPError) as caught:
                urlopen(url + path)
            assert caught.value.code == 401
            caught.value.close()
        bearer = {"Authorization": f"Bearer {about['token']}"}
        with urlopen(Request(f"{url}/_control/verdict", headers=bearer)) as reply:
            assert reply.status == 200

"""`statemachine audit`: the words about what could not be judged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from statemachine.cli import main
from tests.blackbox.test_audit import ENDED, MESSAGE, Har, receipt


def innocent() -> Har:
    return Har().open().poll(MESSAGE).post(receipt("0")).poll(ENDED)


def audited(har: Har, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str], dict[str, Any]]:
    """Exit status, printed lines, and the JSON of the file."""
    path = folder / "a.har"
    path.write_bytes(gzip.compress(json.dumps({"log": {"entries": har.entries}}).encode()))
    status = main(["audit", str(path)])
    lines = capsys.readouterr().out.splitlines()
    assert main(["audit", "--json", str(path)]) == status
    (data,) = json.loads(capsys.readouterr().out)["files"]
    return status, lines, data


def test_nothing_is_found_in_a_whole_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, data = audited(innocent(), tmp_path, capsys)
    assert (status, lines[-1]) == (0, "nothing found")
    assert (data["unread"], data["notes"]) == (0, [])


def test_nothing_found_is_only_said_of_what_could_be_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    har = innocent()
    har.entries[2]["request"]["postData"] = {"mimeType": "application/json"}
    status, lines, data = audited(har, tmp_path, capsys)
    assert (status, lines[-1]) == (0, "nothing found in what could be judged")
    assert "! not judged: 1 call whose request cannot be read: the file does not hold it" in lines
    assert data["unread"] == 1


def test_a_recording_without_bodies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    har = Har().poll(MESSAGE).poll(ENDED)
    for entry in har.entries:
        entry["response"]["content"] = {"size": 100}
    _, lines, data = audited(har, tmp_path, capsys)
    assert lines[-2:] == [
        "polls in vain: not judged, 0 sent twice, messages lost: not judged",
        "the polls have no answers that can be read, so most rules could not be judged",
    ]
    assert data["unread"] == data["calls"] == 2
    assert (data["polls_in_vain"], data["sent_twice"], data["lost"]) == (None, 0, None)

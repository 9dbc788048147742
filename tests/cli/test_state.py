"""What is kept between runs: who we are, and where emulators listen."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from statemachine.cli.state import announced, folder, identity, running_emulators
from statemachine.emulator import Fault, Knobs
from statemachine.emulator.http import Emulator


async def found() -> list[str]:
    return [url async for url in running_emulators()]


def announcements(state: Path) -> list[str]:
    return [json.loads(path.read_text())["url"] for path in (state / "emulators").iterdir()]


def test_a_client_id_is_made_once_for_each_contact_centre(state: Path) -> None:
    first = identity("https://a.example", "a.example", "app")
    assert identity("https://a.example", "a.example", "app") == first
    others = [identity("https://a.example", "a.example", "other"), identity("https://b.example", "a.example", "app")]
    assert len({first, *others}) == 3
    assert first.isascii()


def test_an_empty_file_is_no_client_id(state: Path) -> None:
    identity("https://a.example", "a", "app")
    (path,) = (state / "clients").iterdir()
    path.write_text("")
    assert identity("https://a.example", "a", "app") == path.read_text() != ""


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_nobody_else_can_read_it(state: Path) -> None:
    identity("https://a.example", "a", "app")
    with announced("http://127.0.0.1:1"):
        kept = [path for path in state.rglob("*") if path.is_file()]
        assert [path.stat().st_mode & 0o077 for path in kept] == [0, 0]
        assert folder("clients").stat().st_mode & 0o077 == 0


async def test_running_emulators_are_found_the_newest_first(state: Path) -> None:
    async with Emulator() as one, Emulator() as two:
        with announced(one.url), announced(two.url):
            for path in state.joinpath("emulators").iterdir():
                os.utime(path, (0, 1_000 if one.url in path.read_text() else 2_000))
            assert await found() == [two.url, one.url]
        assert await found() == []
        assert announcements(state) == []


async def test_what_a_killed_emulator_left_is_cleared_away(state: Path) -> None:
    async with Emulator() as gone:
        url = gone.url
    context = announced(url)
    context.__enter__()
    folder("emulators").joinpath("0.json").write_text("{")
    assert await found() == []
    assert announcements(state) == []


async def test_who_answers_there_is_asked(state: Path) -> None:
    """The port may be another program's by now; it may be an emulator again later."""
    async with Emulator(knobs=Knobs(faults=(Fault("version", html=True, status=404),))) as busy:
        with announced(busy.url):
            assert await found() == []
            assert announcements(state) == [busy.url]
            assert await found() == [busy.url]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_folder_that_cannot_be_made_stops_no_emulator(state: Path) -> None:
    state.write_text("a file where the folder should be")
    with announced("http://127.0.0.1:1"):
        assert asyncio.run(found()) == []
    with pytest.raises(OSError):  # noqa: PT011 - which of its kind depends on the system
        identity("https://a.example", "a", "app")

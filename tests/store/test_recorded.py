"""Databases that an earlier version wrote, of chats that recorded events led to (`tests/core/recorded`)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from statemachine.codec.records import encode_update
from statemachine.store.sqlite import SqliteStore
from tests.core.recorded.changed import CHANGED
from tests.core.recorded.names import current
from tests.core.recorded.traces import TRACES, as_recorded, read, replay

FILES = sorted((Path(__file__).parent / "recorded").glob("chats_*.db"))
"""Each has the number of its schema in its name."""
PREFIX = "recorded/"
"""Begins the id of a chat to which a recorded trace led: `recorded/STEP/TRACE`."""


def _call(callback: Callable[[], object]) -> None:
    callback()


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_stored_chat_is_that_to_which_its_events_lead(file: Path, tmp_path: Path) -> None:
    traces = {trace.name: trace for trace in read(TRACES)}
    store = SqliteStore(Path(shutil.copy(file, tmp_path / "chats.sqlite")), call_soon=_call)
    names = [name for name in store.sessions() if name.startswith(PREFIX)]
    assert len(names) > 50
    for name in names:
        number, _, title = name.removeprefix(PREFIX).partition("/")
        trace, stored = traces[title], store.load(name)
        replayed = replay(trace).sessions
        way = [step for step in trace.way(int(number)) if "phase" in step and "refused" not in step][::-1]
        updates = [current(one) for step in way for one in step.get("updates", ())]
        assert stored is not None
        assert stored.version == len(way), name
        if int(number) < len(replayed):
            assert stored.session == as_recorded(replayed[int(number)]), name
        else:  # the chat is read all the same, but today's engine leaves the recorded way before this step
            assert f"{trace.file}: {title}" in CHANGED, name
        kept = [encode_update(one) for one in store.journal(name, 0, 1_000)]
        assert kept == [one for one in updates if one["seq"] > store.cursor(name)], name
    store.close()

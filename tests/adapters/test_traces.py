"""Traces of chats at work: whole, bounded, without anybody's words, and replayed as it was."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from statemachine import (
    Answered,
    ChatOpened,
    EventBatch,
    RequestChat,
    SendText,
    Session,
    Tick,
    new_session,
    outbox,
    reduce,
)
from statemachine.adapters import traces
from statemachine.adapters.driver import label
from statemachine.adapters.protocols import HandledEvent
from statemachine.adapters.traces import TraceFiles
from statemachine.codec.trace import FORMAT, header_line, is_header, step_line
from statemachine.logs import silenced
from statemachine.replay import Replay, play, read_capture
from statemachine.simulation.observer import DriverObserver
from statemachine.simulation.simulator import Simulator
from statemachine.wire import Message, PartyJoined, Status

SECRETS = ("Ann", "my card is 4111", "hello there")


class Chat:
    """A session whose every step is seen by the traces."""

    def __init__(self, files: TraceFiles, name: str = "t/a/+15550001") -> None:
        self.files = files
        self.name = name
        self.session = new_session(1_000)

    def feed(self, event: Any) -> None:
        before = self.session
        self.session, out = reduce(before, event)
        self.files.event_handled(HandledEvent(self.name, event, before, self.session, out))

    def opened(self) -> Chat:
        self.feed(RequestChat(1_000, "o", {"name": "Ann"}, text="my card is 4111"))
        self.feed(Answered(1_200, outbox(self.session)[0].id, ChatOpened("chat-1", "queued", 30_000, is_new_chat=True)))
        self.feed(
            Answered(
                2_000,
                self.session.connection.call or 0,
                EventBatch((Status("connected"), PartyJoined("P", "internal"))),
            )
        )
        return self

    def hears(self, number: int) -> None:
        poll = self.session.connection.call or 0
        self.feed(Answered(3_000 + number, poll, EventBatch((Message(f"m{number}", "P", "hello there"),))))


def replayed(*files: Path) -> Replay:
    return play(read_capture([(file.name, file.read_bytes()) for file in files]))


def differing(replay: Replay) -> list[str]:
    return [note for row in replay.rows for note in row.notes if "differs" in note or "refuses" in note]


def headers(*files: Path) -> int:
    return sum(is_header(line) for file in files for line in file.read_text().splitlines())


@pytest.fixture
def files(tmp_path: Path) -> TraceFiles:
    return TraceFiles(tmp_path / "deep" / "traces")


def test_a_chat_is_written_as_it_happens_and_replays(files: TraceFiles) -> None:
    chat = Chat(files).opened()
    (file,) = files.files(chat.name)
    assert file.name == f"{label(chat.name)}.jsonl"
    assert headers(file) == 1
    replay = replayed(file)
    assert (replay.session.phase, differing(replay)) == ("agent_joined", [])
    chat.hears(1)
    assert len(replayed(file).rows) == len(replay.rows) + 1


def test_a_trace_contains_no_text_and_no_customer_id(files: TraceFiles) -> None:
    chat = Chat(files).opened()
    chat.hears(1)
    chat.feed(SendText(9_000, "my card is 4111"))
    (file,) = files.files(chat.name)
    text = file.read_text()
    for secret in (*SECRETS, "15550001"):
        assert secret not in text + file.name
    assert "<15 chars>" in text


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
def test_only_its_owner_can_read_it(files: TraceFiles, tmp_path: Path) -> None:
    chat = Chat(files).opened()
    (file,) = files.files(chat.name)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_it_is_bounded_and_the_younger_half_replays(tmp_path: Path) -> None:
    limit = 60_000
    files = TraceFiles(tmp_path, limit=limit)
    chat = Chat(files).opened()
    for number in range(200):
        chat.hears(number)
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= limit + 2_000
    old, file = files.files(chat.name)
    assert old.name == f"{label(chat.name)}.old.jsonl"
    replay = replayed(old, file)
    assert differing(replay) == []
    assert 20 < len(replay.rows) < 200
    assert replay.session.seq == chat.session.seq
    assert differing(replayed(file)) == []


def test_another_process_begins_anew_in_the_same_file(files: TraceFiles, tmp_path: Path) -> None:
    chat = Chat(files).opened()
    for _ in range(2):
        chat.files = TraceFiles(tmp_path / "deep" / "traces")
        chat.hears(chat.session.seq)
    (file,) = files.files(chat.name)
    assert headers(file) == 3
    assert differing(replayed(file)) == []


def test_the_next_chat_of_a_customer_begins_anew(files: TraceFiles) -> None:
    chat = Chat(files).opened()
    chat.session = new_session(50_000)
    chat.feed(RequestChat(50_000, "p"))
    chat.feed(Tick(60_000))
    (file,) = files.files(chat.name)
    assert headers(file) == 2
    assert differing(replayed(file)) == []


def test_a_line_that_was_cut_costs_that_line(files: TraceFiles, tmp_path: Path) -> None:
    chat = Chat(files).opened()
    (file,) = files.files(chat.name)
    file.write_bytes(file.read_bytes()[:-20])
    chat.files = TraceFiles(tmp_path / "deep" / "traces")
    chat.hears(1)
    replay = replayed(file)
    assert differing(replay) == []
    assert sum("cut off" in str(row) for row in replay.rows) == 1
    assert replay.session.seq == chat.session.seq


def test_a_file_that_was_taken_away_begins_anew(files: TraceFiles) -> None:
    chat = Chat(files).opened()
    (file,) = files.files(chat.name)
    file.unlink()
    chat.hears(1)
    assert headers(file) == 1
    assert differing(replayed(file)) == []


def test_a_trace_that_cannot_be_written_is_logged_once_and_stops_no_chat(files: TraceFiles, tmp_path: Path) -> None:
    chat, other = Chat(files).opened(), Chat(files, "other")
    folder = tmp_path / "deep" / "traces"
    folder.rename(tmp_path / "elsewhere")
    with capture_logs() as logs:
        for number in range(5):
            chat.hears(number)
        other.opened()
    assert [log["event"] for log in logs] == ["trace_failed"]
    (tmp_path / "elsewhere").rename(folder)
    chat.hears(6)
    (file,) = files.files(chat.name)
    assert headers(file) == 2
    assert differing(replayed(file)) == []


def test_ended_sessions_are_not_kept_in_memory(files: TraceFiles) -> None:
    chat = Chat(files).opened()
    chat.feed(Answered(4_000, chat.session.connection.call or 0, EventBatch((Status("completed"),))))
    assert chat.session.outcome is not None
    assert files._left == {}
    assert headers(*files.files(chat.name)) == 1


def test_a_customer_is_forgotten_and_old_data_is_purged(files: TraceFiles) -> None:
    ann, bob = Chat(files, "ann").opened(), Chat(files, "bob").opened()
    files.forget("ann")
    files.forget("nobody")
    assert files.files("ann") == ()
    ann.hears(1)
    assert headers(*files.files("ann")) == 1
    (file,) = files.files("bob")
    os.utime(file, (1_000, 1_000))
    files.purge(1_000_001)
    assert files.files("bob") == ()
    assert files.files("ann")
    bob.hears(1)
    assert differing(replayed(*files.files("bob"))) == []


def test_a_path_that_is_not_a_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        TraceFiles(tmp_path / "file")


@pytest.mark.parametrize("seed", range(1, 7))
def test_traces_of_random_sessions_replay_step_by_step(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the words in: hidden, two texts without an id may look the same, and the engine then goes another way."""
    monkeypatch.setattr(traces, "step_line", partial(step_line, redacted=False))
    monkeypatch.setattr(traces, "header_line", partial(header_line, redacted=False))
    files = TraceFiles(tmp_path, limit=60_000)
    real = DriverObserver.event_handled
    names = set[str]()

    def event_handled(self: DriverObserver, step: HandledEvent) -> None:
        real(self, step)
        names.add(step.session_id)
        files.event_handled(step)

    monkeypatch.setattr(DriverObserver, "event_handled", event_handled)
    simulator = Simulator(seed, 120)
    with silenced():
        simulator.run()
    assert names
    for name in names:
        assert differing(replayed(*files.files(name))) == []


def test_where_the_engine_parts_from_the_trace_is_said_once(files: TraceFiles) -> None:
    chat = Chat(files).opened()
    for number in range(3):
        chat.hears(number)
    (file,) = files.files(chat.name)
    head, *steps = file.read_text().splitlines()
    del steps[3]  # a poll's answer: the ids of all later commands differ
    file.write_text("\n".join([head, *steps, head, *steps]))
    assert len(differing(replayed(file))) == 2


def test_a_header_has_the_session_it_begins_with(files: TraceFiles) -> None:
    chat = Chat(files).opened()
    (file,) = files.files(chat.name)
    header = json.loads(file.read_text().splitlines()[0])
    assert header["trace"] == FORMAT
    assert header["session"]["lifecycle"] == {"type": "idle"}
    assert isinstance(chat.session, Session)

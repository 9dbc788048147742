"""Store throughput: saves with their updates, under group commit, against one transaction a save.

    python -m tests.bench.store [--sessions 3000] [--seconds 2] [--rounds 3] [--json]

Every save is one step of a chat under way: its session and one message for the journal, flushed to the disk before it
is answered. All kinds run in turns, in one process on one disk; what is compared is the ratio within a round. The plain
one is a loop of its own over `sqlite3`, with the same tables, the same pragmas and the texts encoded beforehand. Beside
it, what it takes to open such a store, to read all of it, to purge it and to forget a client.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from attrs import evolve, frozen

from statemachine.adapters.protocols import Done, Save
from statemachine.codec.records import encode_update
from statemachine.codec.snapshot import snapshot
from statemachine.core import (
    Answered,
    ChatOpened,
    EventBatch,
    Received,
    RequestChat,
    SendText,
    Session,
    new_session,
    outbox,
    reduce,
)
from statemachine.core.wire import Message, PartyJoined, Status
from statemachine.logs import silenced
from statemachine.store.database import PRAGMAS, open_owned
from statemachine.store.sqlite import SqliteStore

__all__ = ["PLAIN", "WAITING", "lines", "main", "measure", "run_store"]

WAITING: Final = (1, 10, 100, 1_000)
"""How many saves wait at once: so many sessions have just moved."""
PLAIN: Final = "sqlite3, a transaction each"


def chat() -> Session:
    """A chat under way: an agent, a text on its way, a window of what was told."""
    session = new_session(1_000)
    session, _ = reduce(
        session, RequestChat(1_000, "3f9a", {"first_name": "Ann", "order": "4711"}, text="My parcel is late")
    )
    session, _ = reduce(
        session, Answered(1_200, outbox(session)[0].id, ChatOpened("chat-1", "queued", 30_000, is_new_chat=True))
    )
    said = tuple(Message(f"m{n}", "agent-7", f"This is answer number {n}.") for n in range(20))
    poll = session.connection.call or 0
    session, _ = reduce(
        session, Answered(2_000, poll, EventBatch((Status("connected"), PartyJoined("agent-7", "internal"), *said)))
    )
    session, _ = reduce(session, SendText(3_000, "Thank you, that is what I wanted to know"))
    return session


def update(seq: int) -> Received:
    return Received(seq, 1_000 + seq, Message(f"m{seq}", "agent-7", "Your parcel left the depot this morning."))


@frozen
class Result:
    """Saves a second, and how long one took (ms): in the middle, and at worst in a hundred."""

    rate: float
    middle: float
    worst: float

    @classmethod
    def of(cls, seconds: float, took: list[float]) -> Result:
        took.sort()
        return cls(len(took) / seconds, took[len(took) // 2] * 1e3, took[len(took) * 99 // 100] * 1e3)


def plain(folder: Path, sessions: int, seconds: float) -> Result:
    """What one writes first."""
    text = json.dumps(snapshot(chat()))
    message = json.dumps(encode_update(update(1)))
    with tempfile.TemporaryDirectory(dir=folder) as place:
        writing, lock = open_owned(Path(place) / "chats.sqlite", 1_000)
        rows = [(key, f"t/a/{key}", text) for key in range(sessions)]
        writing.execute("BEGIN")
        writing.executemany("INSERT INTO session (key, id, version, snapshot) VALUES (?, ?, 1, ?)", rows)
        writing.execute("COMMIT")
        took: list[float] = []
        start = time.perf_counter()
        while (begun := time.perf_counter()) < start + seconds:
            key, seq = len(took) % sessions, 1 + len(took) // sessions
            writing.execute("BEGIN IMMEDIATE")
            writing.execute("UPDATE session SET version = version + 1, snapshot = ? WHERE id = ?", (text, f"t/a/{key}"))
            writing.execute(
                "INSERT INTO journal (session, seq, at, content) VALUES (?, ?, ?, ?)", (key, seq, seq, message)
            )
            writing.execute("COMMIT")
            took.append(time.perf_counter() - begun)
        result = Result.of(time.perf_counter() - start, took)
        writing.close()
        lock.release()
        return result


class Load:
    """A store, and sessions that save again as soon as they have been answered."""

    def __init__(self, path: Path, sessions: int) -> None:
        self.calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self.store = SqliteStore(path, call_soon=self.calls.put)
        self._session = chat()
        self.versions = [0] * sessions
        self._took: list[float] = []
        self._next = count()
        self._until = 0.0
        self._open = 0

    def fill(self) -> None:
        """Every session once."""
        for number in range(len(self.versions)):
            self._save(number)
        self._wait()

    def run(self, waiting: int, seconds: float) -> Result:
        """So many saves under way at once, for so long."""
        self._took = []
        start = time.perf_counter()
        self._until = start + seconds
        for _ in range(waiting):
            self._save(next(self._next) % len(self.versions))
        self._wait()
        return Result.of(time.perf_counter() - start, self._took)

    def _wait(self) -> None:
        while self._open:
            self.calls.get(timeout=60)()

    def _save(self, number: int) -> None:
        version = self.versions[number] = self.versions[number] + 1
        self._open += 1
        begun = time.perf_counter()
        # A state of its own, as a step makes it: nothing can be taken from the save before.
        session = evolve(self._session, now=version)
        self.store.save(
            Save(f"t/a/{number}", version, session, (update(version),)), lambda error: self._saved(begun, error)
        )

    def _saved(self, begun: float, error: BaseException | None) -> None:
        if error:
            raise error
        self._open -= 1
        now = time.perf_counter()
        self._took.append(now - begun)
        if now < self._until:
            self._save(next(self._next) % len(self.versions))

    def ask(self, ask: Callable[[Done], None]) -> float:
        """Seconds until it is answered."""
        answers: list[BaseException | None] = []
        begun = time.perf_counter()
        ask(answers.append)
        while not answers:
            self.calls.get(timeout=600)()
        if answers[0]:
            raise answers[0]
        return time.perf_counter() - begun


def housekeeping(load: Load, path: Path, sessions: int) -> dict[str, float]:
    """Seconds for what is done once in a while, on the store as the rounds have left it."""
    load.store.close()
    size = path.stat().st_size
    begun = time.perf_counter()
    load.store = SqliteStore(path, call_soon=load.calls.put)
    opened = time.perf_counter()
    for session_id in load.store.sessions():
        load.store.load(session_id)
    loaded = time.perf_counter()
    forgot = load.ask(lambda done: load.store.forget(["t/a/0"], done))
    for number in range(1, sessions):
        load.store.ack(f"t/a/{number}", load.versions[number], lambda error: None)
    acked = load.ask(lambda done: load.store.ack("t/a/1", 1, done))
    purged = load.ask(lambda done: load.store.purge(2**53, done))
    return {
        "bytes": size,
        "open": opened - begun,
        "load all": loaded - opened,
        "forget one": forgot,
        "acknowledge all": acked,
        "purge": purged,
    }


def measure(sessions: int, seconds: float, rounds: int) -> dict[str, Any]:
    """All kinds in turns, `rounds` times."""
    results: dict[str, list[Result]] = {PLAIN: [], **{f"store, {n} waiting": [] for n in WAITING}}
    with tempfile.TemporaryDirectory(prefix="store-") as name:
        folder = Path(name)
        path = folder / "chats.sqlite"
        load = Load(path, sessions)
        load.fill()
        for _ in range(rounds):
            results[PLAIN].append(plain(folder, sessions, seconds))
            for waiting in WAITING:
                results[f"store, {waiting} waiting"].append(load.run(waiting, seconds))
        once = housekeeping(load, path, sessions)
        load.store.close()
    return {
        "sessions": sessions,
        "sqlite": sqlite3.sqlite_version,
        "pragmas": PRAGMAS,
        "saves": _rows(results),
        "once": once,
    }


def run_store(progress: Callable[[str], None]) -> dict[str, Any]:
    """With 3,000 sessions, two seconds of each kind, three times."""
    progress("saving")
    with silenced():
        return measure(3_000, 2.0, 3)


def _rows(results: dict[str, list[Result]]) -> list[dict[str, Any]]:
    rows = list[dict[str, Any]]()
    for kind, found in results.items():
        ratios = [one.rate / base.rate for one, base in zip(found, results[PLAIN], strict=True)]
        rows.append(
            {
                "kind": kind,
                "saves a second": statistics.median(one.rate for one in found),
                "ratio": statistics.median(ratios),
                "ratios": [min(ratios), max(ratios)],
                "ms, middle": statistics.median(one.middle for one in found),
                "ms, worst of 100": statistics.median(one.worst for one in found),
            }
        )
    return rows


def lines(found: dict[str, Any]) -> Iterable[str]:
    """The results for people."""
    yield f"{found['sessions']:,} sessions, SQLite {found['sqlite']}"
    yield f"{'':28} {'saves/s':>9} {'ratio':>7} {'(spread)':>15} {'ms':>8} {'ms, p99':>9}"
    for row in found["saves"]:
        low, high = row["ratios"]
        yield (
            f"{row['kind']:28} {row['saves a second']:>9,.0f} {row['ratio']:>6.1f}x {f'({low:.1f}-{high:.1f})':>15}"
            f" {row['ms, middle']:>8.2f} {row['ms, worst of 100']:>9.2f}"
        )
    once = dict(found["once"])
    yield f"afterwards, at {once.pop('bytes') / 1e6:,.1f} MB: " + ", ".join(
        f"{name} {seconds * 1e3:,.0f} ms" for name, seconds in once.items()
    )


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.store", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sessions", type=int, default=3_000)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each kind in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    with silenced():
        found = measure(given.sessions, given.seconds, given.rounds)
    print(json.dumps(found) if given.json else "\n".join(lines(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

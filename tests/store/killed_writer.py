"""Saves without end into the database named on the command line, printing each save that was acknowledged.

For each line on standard input it begins anew in a process of its own, forked, which is much quicker than started: it
prints its process id, then "key version ok" for each acknowledgement. When it was killed, "dead" follows on a line of
its own, although the last line before may be cut.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import count
from queue import SimpleQueue

from statemachine import HistoryGap, new_session
from statemachine.adapters.protocols import Save
from statemachine.store.sqlite import SqliteStore

KEYS = ("a", "b", "c")


def write(path: str) -> None:
    calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
    store = SqliteStore(path, call_soon=calls.put)
    versions = {key: stored.version if (stored := store.load(key)) else 0 for key in KEYS}
    print(os.getpid(), flush=True)
    for turn in count(1):
        for key in KEYS:
            version = versions[key] = versions[key] + 1
            save = Save(key, version, new_session(version), (HistoryGap(version, 1),))
            store.save(save, lambda error, key=key, version=version: acknowledge(key, version, error))
        if turn % 4 == 0:  # several saves are under way whenever the kill comes
            calls.get()()


def acknowledge(key: str, version: int, error: BaseException | None) -> None:
    if error:
        raise error
    print(f"{key} {version} ok", flush=True)


if __name__ == "__main__":
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            write(sys.argv[1])
        os.waitpid(child, 0)
        print("\ndead", flush=True)

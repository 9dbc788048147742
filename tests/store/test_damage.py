"""Damaged databases: whatever page is damaged, each error is a `StoreError` that names the file and the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Any

import pytest

from statemachine import HistoryGap, new_session
from statemachine.adapters.driver import label
from statemachine.adapters.protocols import Save
from statemachine.store.check import check
from statemachine.store.errors import StoreError
from statemachine.store.lookup import find
from statemachine.store.sqlite import SqliteStore

PAGE = 4_096
REMEDIES = ("restore", "choose", "delete", "upgrade", "stop", "free")
CHATS = tuple(f"tenant/app/client {number}" for number in range(30))


def store_at(path: Path) -> SqliteStore:
    return SqliteStore(path, call_soon=lambda call: call(), busy_ms=1)


def answered(request: Callable[[Callable[[BaseException | None], None]], None]) -> None:
    answer: SimpleQueue[BaseException | None] = SimpleQueue()
    request(answer.put)
    if (error := answer.get(timeout=30)) is not None:
        raise error


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database of several pages of each kind: tables, indexes, overflow and free pages."""
    path = tmp_path_factory.mktemp("whole") / "chats.sqlite"
    with closing(store_at(path)) as store:
        for number, key in enumerate(CHATS):
            updates = tuple(HistoryGap(seq, number) for seq in range(1, 40))
            answered(partial(store.save, Save(key, 1, new_session(1), updates)))
        answered(partial(store.purge, 10))
        answered(partial(store.ack, CHATS[0], 30))
    return path.read_bytes()


def zeroed(content: bytes, page: int, random: Random) -> bytes:
    return content[: page * PAGE] + bytes(PAGE) + content[(page + 1) * PAGE :]


def scrambled(content: bytes, page: int, random: Random) -> bytes:
    return content[: page * PAGE] + random.randbytes(PAGE) + content[(page + 1) * PAGE :]


def truncated(content: bytes, page: int, random: Random) -> bytes:
    return content[: page * PAGE + random.randrange(1, PAGE)]


def some_bytes(content: bytes, page: int, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(40):
        changed[page * PAGE + random.randrange(PAGE)] = random.randrange(256)
    return bytes(changed)


def first_bytes(content: bytes, page: int, random: Random) -> bytes:
    start = page * PAGE
    return content[:start] + random.randbytes(16) + content[start + 16 :]


def swapped(content: bytes, page: int, random: Random) -> bytes:
    other = random.randrange(len(content) // PAGE)
    taken = content[other * PAGE : (other + 1) * PAGE]
    return content[: page * PAGE] + taken + content[(page + 1) * PAGE :]


def uses(path: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "check", partial(check, path)
    yield "find", partial(find, path, label(CHATS[3]))
    store: Any = None

    def opened() -> None:
        nonlocal store
        store = store_at(path)

    yield "open", opened
    if store is None:
        return
    yield "sessions", store.sessions
    for key in CHATS[::5]:
        yield "load", partial(store.load, key)
        yield "journal", partial(store.journal, key, 0, 100)
        yield "transcript", partial(store.transcript, key, 0, 100)
        yield "cursor", partial(store.cursor, key)
        yield "cookies", partial(store.cookies, key)
        yield "ack", partial(answered, partial(store.ack, key, 35))
        for version in (1, 2):
            save = Save(key, version, new_session(2), (HistoryGap(40, 1),))
            yield "save", partial(answered, partial(store.save, save))
    yield "purge", partial(answered, partial(store.purge, 10**15, unread=True))
    yield "forget", partial(answered, partial(store.forget, CHATS[:5]))
    yield "close", store.close


@pytest.mark.parametrize("damage", [zeroed, scrambled, truncated, some_bytes, first_bytes, swapped])
def test_each_damaged_page_gives_a_store_error_that_names_file_and_remedy(
    content: bytes, damage: Callable[[bytes, int, Random], bytes], tmp_path: Path
) -> None:
    random = Random(damage.__name__)
    path = tmp_path / "chats.sqlite"
    found = 0
    for page in range(len(content) // PAGE):
        for file in tmp_path.iterdir():
            file.unlink()
        path.write_bytes(damage(content, page, random))
        for name, use in uses(path):
            try:
                use()
            except StoreError as error:
                found += 1
                text = str(error)
                if "cannot follow" in text or "cannot be acknowledged" in text:  # the page of a row was lost
                    continue
                assert str(path) in text, (page, name)
                assert any(word in text for word in ("restore", "choose", "delete", "upgrade", "stop", "free")), (
                    page,
                    name,
                    text,
                )
            except Exception as error:
                error.add_note(f"page {page}, {name}")
                raise
    assert found

"""What was told already: packed digests in a bounded window (design 11, design 12, protocol.md 5).

An entry's *key* is `(side, msg_id)` where it has an id, else its event, party, time and content. Keys become eight
bytes of BLAKE2b. Entries without an id count as a multiset: the n-th of a kind in one batch is known if the window
holds n of them. An entry with neither id nor time can't be told from a second one like it; only a whole batch that is
identical to the last is taken for a repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

from attrs import evolve

from ..draft import Draft
from ..session import DedupeWindow, Item
from ..wire import TRANSCRIPT_ENTRIES, Entry, File

WIDTH: Final = 8
BATCHES: Final = 4
MARKS: Final = 256
SILENCE: Final = bytes(WIDTH)

NO_ID: Final = ("", "null")
"""One client in the field writes the text `null` where it has no id (protocol.md 5)."""
OWN: Final = "own"
OTHER: Final = "other"


def _keyed(d: Draft, text: str, everywhere: bool = False) -> bytes:
    """Eight bytes that stand for a text in this chat, the same on every machine (ids are unique within a chat only).

    `everywhere`: in every chat of this session.
    """
    text = f"{'' if everywhere else d.chat.chat_id.lower()}|{text}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=WIDTH).digest()


def is_own(d: Draft, e: Any) -> bool:
    """The party id is the chat id, in any case of letters (protocol.md 5, row 23); without a party id, the message id
    begins with `chat.origin` and a colon, or the entry is a file.
    """
    party = e.party_id
    if party:
        chat_id = d.chat.chat_id
        return bool(party == chat_id or party.lower() == chat_id.lower())
    return isinstance(e, File) or (d.chat.origin != "" and getattr(e, "msg_id", "").startswith(d.chat.origin + ":"))


def is_ours(d: Draft, e: Any) -> bool:
    """The same, for any entry: most kinds only the server sends."""
    return type(e) in _BY_MESSAGE_ID and is_own(d, e)


_BY_MESSAGE_ID: Final = {one for one in TRANSCRIPT_ENTRIES if {"msg_id", "party_id"} <= {*one.__match_args__}}
_BY_REQUEST_ID: Final = {one for one in TRANSCRIPT_ENTRIES if one.wire.key == ("form_request_id",)}
REMEMBERED: Final = frozenset(TRANSCRIPT_ENTRIES)
"""The entries that are delivered as transcript updates, hence at most once."""


def _content(e: Any) -> str:
    """The fields that tell an entry without an id from another one of its class, as text."""
    values = [getattr(e, name) for name in e.wire.key]
    if e.wire.key[0] == "party_id":
        values[0] = values[0].lower()
    return "|".join([type(e).__name__, *map(str, values)])


def own_key(d: Draft, msg_id: str) -> bytes:
    return _keyed(d, f"{OWN}|{msg_id}")


def beginning(d: Draft) -> bytes:
    """Stands for the beginning of this chat's log: while it is in the window, the whole log is within reach."""
    return _keyed(d, "beginning")


def first_read(d: Draft) -> bytes:
    """Stands for the first reading of this chat's log: before it, what the window knows says nothing of the rest."""
    return _keyed(d, "first read")


def is_full(d: Draft) -> bool:
    """Whether the window may have forgotten something."""
    return len(d.window.entries) >= WIDTH * d.config.window


def log_was_read(d: Draft) -> bool:
    """Whether what the window knows of the log was all known up to there. A full window has forgotten the marks."""
    told = d.window.entries
    return is_full(d) or holds(told, beginning(d)) or holds(told, first_read(d))


def mark_first_reading(d: Draft, entries: Sequence[Entry]) -> None:
    """The log is known from here on; from its very first entry, where none is there yet that could be recognised.

    The mark goes before what was told already, so that it is not the last to be forgotten.
    """
    mark = first_read(d) if holds_transcript(entries) else beginning(d)
    d.window = evolve(d.window, entries=mark + d.window.entries)


def own_file_key(d: Draft, e: File) -> bytes:
    """Our file, sent without a message id (protocol.md 10, row 18)."""
    return _keyed(d, f"{OWN}|file|{e.file_id}")


def key(d: Draft, e: Any) -> tuple[bytes, bool]:
    """(digest, strong) of a remembered entry. Strong: an id stands for it, so that one in the window is enough."""
    if type(e) in _BY_MESSAGE_ID and e.msg_id not in NO_ID:
        return _keyed(d, f"{OWN if is_own(d, e) else OTHER}|{e.msg_id}"), True
    if isinstance(e, File) and is_own(d, e):
        return own_file_key(d, e), True
    if getattr(e, "msg_id", "") not in NO_ID:  # it may come back with a time that it lacked before
        return _keyed(d, f"{type(e).__name__}|id {e.msg_id}"), True
    return _keyed(d, _content(e)), type(e) in _BY_REQUEST_ID


def is_distinguishable(e: Any) -> bool:
    """Whether a second entry like this one would differ from it: it has an id or a time."""
    if getattr(e, "msg_id", "") not in NO_ID or type(e) in _BY_REQUEST_ID:
        return True
    return getattr(e, "timestamp", None) is not None


def holds(window: bytes, one: bytes) -> bool:
    """Whether a digest stands in a window."""
    return one in window and count(window, one) > 0


def count(window: bytes, one: bytes) -> int:
    """How often a digest stands in a window."""
    found, at = 0, window.find(one)
    while at >= 0:
        found += at % WIDTH == 0
        at = window.find(one, at + 1)
    return found


def remember(d: Draft, one: bytes) -> None:
    seen = d.window
    told = seen.entries + one
    d.window = DedupeWindow(told[-WIDTH * d.config.window :], seen.batches, seen.anomalies, seen.marks)


class Known:
    """What the window knew when a batch began, and what the batch has added: a long one must not forget for itself."""

    def __init__(self, d: Draft) -> None:
        self.before = d.window.entries
        self.added: set[bytes] = set()
        self.left: dict[bytes, int] = {}

    def consume_one(self, one: bytes) -> bool:
        """Whether the window still accounts for another entry like this one."""
        left = self.left.setdefault(one, count(self.before, one))
        self.left[one] = left - 1
        return left > 0


def is_known(d: Draft, e: Any, known: Known) -> bool:
    """Whether this entry was told before; if not, it is remembered now."""
    one, strong = key(d, e)
    if strong:
        window = d.window.entries
        if window is not known.before:  # a receipt in this batch may have settled a message of ours
            window += known.before
        told = one in known.added or holds(window, one) or (d.reading and _was_settled(d, e))
    elif not d.reading and not is_distinguishable(e):
        told = False
    else:
        told = known.consume_one(one)
    if not told:
        remember(d, one)
        known.added.add(one)
    return told


def _was_settled(d: Draft, e: Any) -> bool:
    """Ours, forgotten by a full window: its id is of this session, so its outcome was told when it left the queue.

    It was remembered when it was sent, ahead of what stands before it in the log, so it is forgotten first.
    """
    if not is_full(d) or not is_ours(d, e) or not d.chat.origin:
        return False
    return bool(e.msg_id.startswith(f"{d.chat.origin}:")) and all(item.id != e.msg_id for item in d.items)


def remember_sent(d: Draft, item: Item) -> None:
    """What history says of our own message is no news any more. A file may come back with or without its message id."""
    entry = item.entry
    for one in (own_key(d, item.id), *((own_file_key(d, entry),) if isinstance(entry, File) else ())):
        if not holds(d.window.entries, one):
            remember(d, one)
    if item.key is not None:
        mark(d, "key", item.key)


_OF_ALL_CHATS: Final = "key"
"""A key is the application's own, whatever the chat: what comes twice around an end must not go out twice."""


def mark(d: Draft, kind: str, name: str) -> None:
    """Note that this was done: a read receipt given ("read"), a message of this key arrived ("key")."""
    seen = d.window
    marks = (seen.marks + _keyed(d, f"{kind}|{name}", kind == _OF_ALL_CHATS))[-WIDTH * MARKS :]
    d.window = DedupeWindow(seen.entries, seen.batches, seen.anomalies, marks)


def is_marked(d: Draft, kind: str, name: str) -> bool:
    return holds(d.window.marks, _keyed(d, f"{kind}|{name}", kind == _OF_ALL_CHATS))


def knows_some(d: Draft) -> bool:
    """Whether anything of this chat's log was told, or sent: then the log cannot be empty."""
    told, marks = d.window.entries, (beginning(d), first_read(d))
    return any(told[i : i + WIDTH] not in marks for i in range(0, len(told), WIDTH))


def holds_transcript(entries: Sequence[Entry]) -> bool:
    """Whether any of these is told at most once. All others are status updates, and harmless twice."""
    return not REMEMBERED.isdisjoint(map(type, entries))


def _note_batch(d: Draft, one: bytes) -> None:
    seen = d.window
    d.window = DedupeWindow(seen.entries, (seen.batches + one)[-WIDTH * BATCHES :], seen.anomalies, seen.marks)


def note_silence(d: Draft) -> None:
    """Nothing new in between: the same words after this are said again, and no cache repeats them."""
    batches = d.window.batches
    if batches and batches[-WIDTH:] != SILENCE:
        _note_batch(d, SILENCE)


def is_repeated_batch(d: Draft, entries: tuple[Any, ...]) -> bool:
    """Whether a cache replays a batch (F34): the same as one of the last few, or, undatable, as the very last.

    Without anything to tell, only an answer of the poll is asked about: told twice it does no harm, but polled on at
    once.
    """
    one = _keyed(d, "\n".join([f"{type(e).__name__}{e.field_values}" for e in entries]))
    batches = d.window.batches
    known = one in batches and (
        batches[-WIDTH:] == one or (holds(batches, one) and any(map(is_distinguishable, entries)))
    )
    if not known:
        _note_batch(d, one)
    return known

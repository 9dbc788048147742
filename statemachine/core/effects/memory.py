"""What was told already: packed digests in a bounded window (D2.11, D2.12, protocol.md 5).

An entry's *key* is `(side, msg_id)` where it has an id, else its event, party, time and content. Keys become eight
bytes of BLAKE2b. Entries without an id count as a multiset: the n-th of a kind in one batch is known if the window
holds n of them. An entry with neither id nor time can't be told from a second one like it; only a whole batch that is
identical to the last is taken for a repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Final

from ..draft import Draft
from ..session import Item, LinkPolling, Seen
from ..wire import (
    CobrowsingRequested,
    Entry,
    File,
    FormShow,
    Location,
    Malformed,
    Message,
    SecureFormShow,
    Signaling,
    TimeoutWarning,
    Unknown,
)

WIDTH: Final = 8
BATCHES: Final = 4

OWN: Final = "own"
OTHER: Final = "other"


def digest(text: str) -> bytes:
    """Eight bytes that stand for a text, the same on every machine."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=WIDTH).digest()


def is_own(d: Draft, e: Any) -> bool:
    """This customer sent it: the client's party id is the chat id, in any case of letters (protocol.md 5, row 23).

    An entry without a party is ours if its id is (D2.7), or if it is a file (JS).
    """
    party = e.party_id
    if party:
        return bool(party.lower() == d.chat.chat_id.lower())
    return isinstance(e, File) or (d.chat.origin != "" and e.msg_id.startswith(d.chat.origin + ":"))


def is_ours(d: Draft, e: Any) -> bool:
    """The same, for any entry: most kinds only the server sends."""
    return isinstance(e, _BY_MESSAGE_ID) and is_own(d, e)


def _spoken(e: Any) -> str:
    return f"{type(e).__name__}|{e.party_id.lower()}|{e.timestamp}|"


_CONTENT: Final[dict[type[Any], Callable[[Any], str]]] = {
    Message: lambda e: f"{_spoken(e)}{e.msg}|{e.msg_text}",
    File: lambda e: f"{_spoken(e)}{e.file_id}",
    Location: lambda e: f"{_spoken(e)}{e.latitude}|{e.longitude}|{e.url}",
    Signaling: lambda e: f"{_spoken(e)}{e.kind}|{e.sdp}|{e.candidate}|{e.sdp_m_line_index}|{e.data}",
    TimeoutWarning: lambda e: f"TimeoutWarning|{e.timestamp}|{e.msg}",
    FormShow: lambda e: f"FormShow|{e.form_request_id}",
    SecureFormShow: lambda e: f"SecureFormShow|{e.form_request_id}",
    CobrowsingRequested: lambda e: f"CobrowsingRequested|{e.timestamp}|{e.msg_id}",
    Unknown: lambda e: f"Unknown|{e.timestamp}|{e.raw}",
    Malformed: lambda e: f"Malformed|{e.timestamp}|{e.raw}",
}
_BY_MESSAGE_ID: Final = (Message, File, Location, Signaling)
_BY_REQUEST_ID: Final = (FormShow, SecureFormShow)
REMEMBERED: Final = frozenset(_CONTENT)
"""The entries that are told as transcript news, hence at most once."""


def _keyed(d: Draft, text: str) -> bytes:
    """Ids are unique within a chat only (protocol.md 5)."""
    return digest(f"{d.chat.chat_id.lower()}|{text}")


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
    return len(d.seen.told) >= WIDTH * d.config.window


def log_was_read(d: Draft) -> bool:
    """Whether what the window knows of the log was all known up to there. A full window has forgotten the marks."""
    told = d.seen.told
    return is_full(d) or count(told, beginning(d)) > 0 or count(told, first_read(d)) > 0


def mark_first_reading(d: Draft, entries: Sequence[Entry]) -> None:
    """The log is known from here on; from its very first entry, where none is there yet that could be recognised.

    The mark goes before what was told already, so that it is not the last to be forgotten.
    """
    mark = first_read(d) if holds_transcript(entries) else beginning(d)
    d.seen = Seen(mark + d.seen.told, d.seen.batches, d.seen.anomalies)


def own_file_key(d: Draft, e: File) -> bytes:
    """Our file, sent without a message id (protocol.md 10, row 18)."""
    return _keyed(d, f"{OWN}|file|{e.file_id}")


def key(d: Draft, e: Any) -> tuple[bytes, bool]:
    """(digest, strong) of a remembered entry. Strong: an id stands for it, so that one in the window is enough."""
    if isinstance(e, _BY_MESSAGE_ID) and e.msg_id:
        return _keyed(d, f"{OWN if is_own(d, e) else OTHER}|{e.msg_id}"), True
    if isinstance(e, File) and is_own(d, e):
        return own_file_key(d, e), True
    return _keyed(d, _CONTENT[type(e)](e)), isinstance(e, _BY_REQUEST_ID)


def datable(e: Any) -> bool:
    """Whether a second entry like this one would differ from it: it has an id or a time."""
    return bool(getattr(e, "msg_id", "")) or getattr(e, "timestamp", None) is not None or isinstance(e, _BY_REQUEST_ID)


def count(window: bytes, one: bytes) -> int:
    """How often a digest stands in a window."""
    if one not in window:
        return 0
    return sum(window[i : i + WIDTH] == one for i in range(0, len(window), WIDTH))


def remember(d: Draft, one: bytes) -> None:
    seen = d.seen
    told = seen.told + one
    d.seen = Seen(told[-WIDTH * d.config.window :], seen.batches, seen.anomalies)


def is_known(d: Draft, e: Any, left: dict[bytes, int]) -> bool:
    """Whether this entry was told before; if not, it is remembered now.

    `left`: for each key without an id, how many of this batch the window still accounts for.
    """
    one, strong = key(d, e)
    if strong:
        known = count(d.seen.told, one) > 0 or _was_settled(d, e)
    elif not d.reading and not datable(e):
        known = False
    else:
        known = left.setdefault(one, count(d.seen.told, one)) > 0
        left[one] -= known
    if not known:
        remember(d, one)
    return known


def _was_settled(d: Draft, e: Any) -> bool:
    """Ours, forgotten by a full window: its id is of this session, so its outcome was told when it left the queue.

    It was remembered when it was sent, ahead of what stands before it in the log, so it is forgotten first.
    """
    if not d.reading or not is_full(d) or not is_ours(d, e) or not d.chat.origin:
        return False
    return bool(e.msg_id.startswith(f"{d.chat.origin}:")) and all(item.id != e.msg_id for item in d.items)


def remember_sent(d: Draft, item: Item) -> None:
    """What history says of our own message is no news any more. A file may come back with or without its message id."""
    entry = item.entry
    for one in (own_key(d, item.id), *((own_file_key(d, entry),) if isinstance(entry, File) else ())):
        if count(d.seen.told, one) == 0:
            remember(d, one)
    if item.key is not None:
        remember(d, key_mark(d, item.key))


def key_mark(d: Draft, name: str) -> bytes:
    """Stands for the application's own name of something that has arrived: said again, it is the same message."""
    return _keyed(d, f"key|{name}")


def holds_transcript(entries: Sequence[Entry]) -> bool:
    """Whether any of these is told at most once. All others are level news, and harmless twice."""
    return not REMEMBERED.isdisjoint(map(type, entries))


def is_repeated_batch(d: Draft, entries: tuple[Entry, ...]) -> bool:
    """Whether a cache replays a batch (F34): the same as one of the last few, or, undatable, as the very last.

    Without anything to tell, only an answer of the poll counts: told twice it does no harm, but polled on at once.
    """
    if not holds_transcript(entries) and not isinstance(d.link, LinkPolling):
        return False
    one = _keyed(d, "\n".join(_essence(e) for e in entries))
    batches = d.seen.batches
    known = count(batches, one) > 0 if any(map(datable, entries)) else batches[-WIDTH:] == one
    if not known:
        d.seen = Seen(d.seen.told, (batches + one)[-WIDTH * BATCHES :], d.seen.anomalies)
    return known


def _essence(e: Entry) -> str:
    content = _CONTENT.get(type(e))
    if content is not None:
        return content(e) + "|" + str(getattr(e, "msg_id", ""))
    return "|".join((type(e).__name__, *(str(getattr(e, name)) for name in e.__match_args__)))

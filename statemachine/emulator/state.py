"""The data of the centre, and the changes that all parts of the model make."""

from __future__ import annotations

from typing import Final

from attrs import define, field, frozen

from statemachine.emulator.chat import ArmedFault, Chat, ClientKey
from statemachine.emulator.knobs import Call, Fault, Knobs
from statemachine.emulator.shapes import seeded_uuid
from statemachine.emulator.steps import Scenario
from statemachine.emulator.wire import RealTime


@frozen
class StoredFile:
    """An uploaded file, or one an agent sent: ``file_id``, ``name``, ``content_type`` and ``content``."""

    file_id: str
    name: str
    content_type: str
    content: bytes


@frozen
class Violation:
    """A client's fault the server could see. ``rule`` is a key of ``rules.RULES``, ``at`` in milliseconds.

    ``message``: what was seen. ``client``: tenant, app id and client id.

    ``chat_id``: "" outside a chat. ``tickets``: the requests that make it, in order.
    """

    rule: str
    message: str
    client: ClientKey
    tickets: tuple[int, ...]
    chat_id: str
    at: int

    @property
    def ticket(self) -> int:
        """The request by which the fault was complete."""
        return self.tickets[-1]


@define
class Refusals:
    """The latest error given to one kind of call of one client, and the calls that were refused in a row.

    ``code``: 0 where the answer with this ``status`` had none;
    ``times``: when the latest of them were refused, in real time; ``hasty``: how many of them followed at once;
    ``unreadable``: the latest got no answer that could be read.
    """

    code: int
    tickets: tuple[int, ...] = ()
    times: tuple[int, ...] = ()
    hasty: int = 0
    status: int = 0
    unreadable: bool = False


MAX_VIOLATIONS: Final = 10_000
"""A broken client could otherwise fill the memory with its faults."""


@define
class Records:
    """The data of the centre, independent of its settings. ``chats`` is keyed by chat id in lower case."""

    chats: dict[str, Chat] = field(factory=dict[str, Chat])
    active: dict[ClientKey, str] = field(factory=dict[ClientKey, str])
    files: dict[str, StoredFile] = field(factory=dict[str, StoredFile])
    violations: list[Violation] = field(factory=list[Violation])
    refusals: dict[tuple[Call, str, ClientKey], Refusals] = field(factory=dict[tuple[Call, str, ClientKey], Refusals])
    nameless: set[ClientKey] = field(factory=set[ClientKey])
    """Clients that call themselves nothing, once noted."""
    numbers: dict[str, int] = field(factory=dict[str, int])
    stored_bytes: int = 0
    real_time: RealTime | None = None
    """The real time of the latest request; None: the centre's own time is real."""


@define
class CentreState:
    """The records of the centre, under the settings that hold for one scenario's chats.

    Chats of different scenarios go on side by side, each under knobs of its own, in the same centre.
    """

    knobs: Knobs
    scenario: Scenario
    records: Records
    faults: list[ArmedFault] = field(factory=list[ArmedFault])

    def real_time(self, now: int) -> RealTime:
        """The real time when it is ``now`` in the centre."""
        return self.records.real_time or RealTime(now, now)

    def next_number(self, kind: str) -> int:
        """0, 1, 2… for each kind of thing that is counted."""
        number = self.records.numbers.get(kind, 0)
        self.records.numbers[kind] = number + 1
        return number

    def new_uuid(self, kind: str) -> str:
        """A new id that looks like a UUID; the same in every run."""
        return seeded_uuid(self.knobs.seed, kind, self.next_number(kind))

    def chat(self, chat_id: str) -> Chat | None:
        """The chat of this id in any case, or None."""
        return self.records.chats.get(chat_id.lower())

    def current(self, key: ClientKey) -> Chat | None:
        """The client's latest session, ended or not, or None."""
        chat_id = self.records.active.get(key)
        return self.records.chats.get(chat_id) if chat_id is not None else None

    def store(self, file: StoredFile) -> None:
        """Keep a file, and drop the oldest beyond the limits (E12 keeps the 1000 newest)."""
        self.records.files[file.file_id] = file
        self.records.stored_bytes += len(file.content)
        while len(self.records.files) > self.knobs.files_kept or (
            self.records.stored_bytes > self.knobs.files_kept_bytes and len(self.records.files) > 1
        ):
            oldest = self.records.files.pop(next(iter(self.records.files)))
            self.records.stored_bytes -= len(oldest.content)

    def forget_old_chats(self) -> None:
        """Drop the oldest chats beyond the knob's number, finished ones first; not the newest, nor one with a poll.

        Several at once: each search goes through all of them.
        """
        kept, chats = self.knobs.chats_kept, list(self.records.chats.values())
        if len(chats) <= kept:
            return
        idle = sorted([chat for chat in chats[:-1] if chat.held is None], key=lambda chat: chat.live)
        for chat in idle[: len(chats) - kept + kept // 20]:
            del self.records.chats[chat.chat_id.lower()]
            if self.records.active.get(chat.key) == chat.chat_id.lower():
                del self.records.active[chat.key]


def arm(fault: Fault) -> ArmedFault:
    """A planned failure ready to count."""
    return ArmedFault(fault, fault.skip, fault.times)


def take_fault(planned: list[ArmedFault], call: Call) -> Fault | None:
    """The failure due for this call, counted down; None when the call shall work."""
    for armed in planned:
        if armed.fault.on not in ("any", call):
            continue
        if armed.skip > 0:
            armed.skip -= 1
            continue
        armed.left -= 1
        if armed.left <= 0:
            planned.remove(armed)
        return armed.fault
    return None

"""Sessions that between them hold every state of every machine.

`python -m tests.codec.sessions` writes the golden file.
It is rewritten only while its schema has not been released; after that a change needs a new schema, an upgrade and a
new file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from attrs import evolve

from statemachine.codec.snapshot import SCHEMA, snapshot
from statemachine.core import session as s
from statemachine.core.session import Session, new_session
from statemachine.core.wire import FormData, Location, Message, MessageDelivered, NotTyping, SecureFormData

GOLDEN: Final = Path(__file__).parent / "golden"
NOW: Final = 1_700_000_000_000
LATER: Final = NOW + 5_000

_LIFECYCLES: Final[list[s.Lifecycle]] = [
    s.Idle(),
    s.Requesting(NOW + 60_000),
    s.Establishing(),
    s.Ivr(),
    s.Queued(),
    s.Queued(90_000),
    s.Connecting(),
    s.Connected(),
    s.AgentJoined(),
    s.WrappingUp(),
    s.Ending(LATER),
    s.Ending(LATER),
    s.Ended(),
    s.Ended("completed"),
    s.Failed(),
    s.Failed("refused"),
    s.Failed("gave_up"),
    s.TimedOut(),
    s.Gone(),
]
_OPENINGS: Final[list[s.Opening]] = [
    s.OpeningIdle(),
    s.OpeningCreating(1, LATER, parameters='{"name":"Олена"}', phone_number="+380"),
    s.OpeningFinding(1, LATER, 2),
    s.OpeningBackingOff(LATER, 3, 500, True),
    s.OpeningBackingOff(LATER, 1, 500, parameters='{"name":"Олена"}', from_="widget"),
]
_LINKS: Final[list[s.Connection]] = [
    s.ConnectionOff(),
    s.ConnectionOff(2),
    s.ConnectionPolling(9, LATER, 1, 2),
    s.ConnectionBackingOff(LATER, 4, 1_000, 5509),
    s.ConnectionPaused(),
    s.ConnectionPaused(9, LATER),
    s.ConnectionBlocked(3000),
]
_HISTORIES: Final[list[s.History]] = [
    s.HistoryCurrent(),
    s.HistoryReading(8, LATER),
    s.HistoryStale(8, LATER, 1),
    s.HistoryBackingOff(LATER, 2, 1_000),
]
_ITEMS: Final = (
    s.Item("o:1", s.ItemAbsent(), None),
    s.Item("o:2", s.ItemUploading(3, LATER, 1), None, ref="disk/5", name="résumé.pdf"),
    s.Item("o:3", s.ItemUploading(), None, ref="disk/6"),
    s.Item("o:4", s.ItemPending(LATER), Message("o:4", msg_text="How are you?\n<b>"), "key-1"),
    s.Item("o:5", s.ItemSending(5, LATER), Location("50.4501", "30.5234", "https://maps/x", "o:5")),
    s.Item("o:6", s.ItemInDoubt(None, 1), FormData("7", "survey", '{"text":"yes"}'), form="7"),
    s.Item("o:7", s.ItemInDoubt(LATER), SecureFormData("8", "card", "vault/1"), form="8"),
    s.Item("o:8", s.ItemSent(), None),
    s.Item("o:9", s.ItemDelivered(), None),
    s.Item("o:10", s.ItemRead(), None),
    s.Item("o:11", s.ItemFailed(), None),
)


def _full() -> Session:
    return Session(
        NOW,
        41,
        17,
        s.Config(api="v1", receipts=False, poll_timeout=45_000),
        s.Chat(origin="o", chat_id="c-1", case_id="case-1", service_name="Support", phone_number="+380441234567"),
        s.AgentJoined(),
        s.OpeningIdle(),
        s.Warned(),
        s.ConnectionPolling(12, LATER),
        s.HistoryCurrent(),
        s.Present(),
        _ITEMS,
        s.EphemeralPosting(13, LATER, MessageDelivered("7")),
        s.EphemeralQueue((NotTyping(), MessageDelivered("8")), LATER),
        s.Participants(
            (s.Party("P-1", "internal", "Anna K.", "Anna", "K."), s.Party("p-2", "scenario")),
            (s.Typist("P-1", LATER),),
            (s.OpenForm("7", "survey", False, LATER, "o:6"), s.OpenForm("8", "card", True)),
        ),
        s.DedupeWindow(bytes(range(16)), b"\xff" * 8, 3),
    )


def _sessions() -> dict[str, Session]:
    fresh = new_session(NOW)
    made = {"fresh": fresh, "full": _full()}
    for number, lifecycle in enumerate(_LIFECYCLES):
        made[f"lifecycle {number}: {lifecycle.name}"] = evolve(fresh, lifecycle=lifecycle)
    made["lifecycle 1: requesting"] = evolve(made["lifecycle 1: requesting"], opening=_OPENINGS[1])
    made["lifecycle 11: ending"] = evolve(made["lifecycle 11: ending"], opening=_OPENINGS[3])
    for number, opening in enumerate(_OPENINGS):
        made[f"opening {number}: {opening.name}"] = evolve(fresh, opening=opening)
    for number, link in enumerate(_LINKS):
        made[f"link {number}: {link.name}"] = evolve(fresh, connection=link)
    for number, history in enumerate(_HISTORIES):
        made[f"history {number}: {history.name}"] = evolve(fresh, history=history)
    made["presence: doubted"] = evolve(fresh, presence=s.Doubted(LATER))
    return made


SESSIONS: Final = _sessions()


def _write() -> None:
    lines = [f" {json.dumps(name)}: {json.dumps(snapshot(session))}" for name, session in SESSIONS.items()]
    (GOLDEN / f"snapshot_{SCHEMA}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    _write()

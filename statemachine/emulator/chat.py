"""One chat as the server knows it: plain records, no behaviour but small questions about themselves."""

from __future__ import annotations

from typing import Final, Literal

from attrs import define, field, frozen

from statemachine.emulator.knobs import EndSignal, Fault
from statemachine.emulator.shapes import Event
from statemachine.emulator.steps import Scenario, Track

WEB_CHAT: Final = "WebChat"


@frozen
class ClientKey:
    """The identity of a client: at most one active session for each (protocol.md 1.1)."""

    tenant: str
    app_id: str
    client_id: str

    @property
    def is_anonymous(self) -> bool:
        """``WebChat`` without a cookie: each such call is of another, unknown client (1.1)."""
        return self.client_id == WEB_CHAT


@frozen
class LogEntry:
    """One event of either side as history shows it; ``at`` in milliseconds."""

    at: int
    direction: Literal["to_client", "from_client"]
    event: Event


@define
class Handover:
    """One poll reply with events; ``lost`` when the caller reported that the reply never arrived."""

    at: int
    ticket: int
    events: tuple[Event, ...]
    lost: bool = False


@define
class HeldPoll:
    """The poll that occupies the chat's only slot; ``cut`` when its connection is broken.

    ``overlaps``: (time, ticket) of polls that were refused meanwhile; ``creates``: of calls of E4 meanwhile.
    """

    ticket: int
    since: int
    until: int
    cut: bool = False
    overlaps: list[tuple[int, int]] = field(factory=list[tuple[int, int]])
    creates: list[tuple[int, int]] = field(factory=list[tuple[int, int]])


@define
class Party:
    """A participant; ``label`` is the name actions use, ``party_id`` the one on the wire."""

    label: str
    party_id: str
    type: str
    first_name: str
    last_name: str
    present: bool = True


@define
class Form:
    """A form shown to the client and how often it was answered."""

    request_id: str
    name: str
    secure: bool
    answers: int = 0
    cancelled: bool = False


@define
class ArmedFault:
    """A planned failure and how far it has got."""

    fault: Fault
    skip: int
    left: int


@define
class Observations:
    """The judge's records of one chat's client; a pair is (time, ticket)."""

    end_reported_at: int | None = None
    end_reported_by_poll: bool = False
    end_ticket: int | None = None
    end_with_others: bool = False
    denied: int = 0
    """Calls beside the polls that were answered "no such chat"."""
    disconnect: tuple[int, int] | None = None
    typing: tuple[int, int] | None = None
    aborts: list[tuple[int, int]] = field(factory=list[tuple[int, int]])
    """(how long it was held, ticket) of polls in a row that the client broke off."""
    poll_calls: int = 0
    """Polls of any kind, those that a planned fault answered too."""
    silent_sends: list[int] = field(factory=list[int])
    instant_polls: list[tuple[int, int]] = field(factory=list[tuple[int, int]])
    overlaps: list[tuple[int, int, int]] = field(factory=list[tuple[int, int, int]])
    """(time, ticket of the poll that was held, ticket) of polls that came meanwhile."""
    ended: bool = False
    once: set[str] = field(factory=set[str])
    receipts: dict[tuple[str, str], int] = field(factory=dict[tuple[str, str], int])
    """The ticket of each (event, message id)."""
    items: dict[str, tuple[str, str, int]] = field(factory=dict[str, tuple[str, str, int]])
    """(event, content, ticket) by message id."""
    form_answer: tuple[int, str, int] | None = None
    """(time, text, ticket) of the latest answer of a form."""
    form_tickets: dict[str, int] = field(factory=dict[str, int])


@define
class Chat:
    """A session. Times are milliseconds, ``ewt`` seconds."""

    chat_id: str
    key: ClientKey
    version: int
    created_at: int
    state: str
    scenario: Scenario
    """The script of this chat; its knobs hold for the chat."""
    ewt: int | None = None
    parameters: Event = field(factory=dict[str, object])
    """The whole body of E4."""

    terminal: EndSignal | None = None
    """The first terminal signal the server gave; ``gone`` when it dropped the session without a word."""
    known: bool = True
    """False once the server has lost the chat: every call is answered 404."""
    ended_at: int | None = None
    end_handed_over: bool = False
    leaving: Literal["", "disconnect", "end"] = ""
    """The client has asked for this; until an agent joins again."""

    log: list[LogEntry] = field(factory=list[LogEntry])
    pending: list[Event] = field(factory=list[Event])
    handovers: list[Handover] = field(factory=list[Handover])
    texts_received: list[tuple[str, str]] = field(factory=list[tuple[str, str]])
    """(msg_id, text) of every client message, in order of arrival, repeats included."""
    client_texts: dict[str, str] = field(factory=dict[str, str])
    server_message_ids: set[str] = field(factory=set[str])
    parties: dict[str, Party] = field(factory=dict[str, Party])
    forms: dict[str, Form] = field(factory=dict[str, Form])
    case_id: str = ""
    push: Event = field(factory=dict[str, object])

    held: HeldPoll | None = None
    polls: int = 0
    alive_at: int = 0
    """When the client was last seen polling."""
    replay: tuple[bytes, int] | None = None
    """A batch that a caching proxy will repeat, and how often it still will."""
    idle_since: int | None = None
    warnings: int = 0
    """Given by the idle timer since ``idle_since``."""
    warned: bool = False
    """Warned, by the timer or by hand, and silent since."""

    script: Track = field(factory=Track)
    reactions: Track = field(factory=Track)
    listening: bool = False
    seen: set[str] = field(factory=set[str])
    """Client events since the script's last wait."""
    latest_event: str = ""
    """The client's latest event."""
    form_data: Event = field(factory=dict[str, object])
    """The client's latest answer of an ordinary form."""

    next_message: int = 0
    next_form: int = 1
    odd_state_sent: bool = False
    stale_returned: bool = False
    faults: list[ArmedFault] = field(factory=list[ArmedFault])
    observed: Observations = field(factory=Observations)
    armed: int | None = None
    """The chat's deadline in the centre's queue."""

    @property
    def live(self) -> bool:
        """Neither ended nor lost."""
        return self.known and self.terminal is None

    def on_duty(self) -> Party | None:
        """The agent who joined last and is still there."""
        agents = self.agents()
        return agents[-1] if agents else None

    def agents(self) -> list[Party]:
        """All present parties but the scenario itself."""
        return [party for party in self.parties.values() if party.present and party.type != "scenario"]

    @property
    def handed_over(self) -> list[Event]:
        """All events given to the client by poll, in order, less those of replies reported lost."""
        return [event for handover in self.handovers if not handover.lost for event in handover.events]

    def history(self) -> list[Event]:
        """The log as events."""
        return [entry.event for entry in self.log]

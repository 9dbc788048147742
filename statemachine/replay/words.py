"""Wire entries, replies and commands in a few plain words: for people, never parsed.

What people wrote is returned as it is; whoever prints it escapes what a terminal would obey.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from .. import core
from ..core import Command, Entry, Failure, Reply, Session, wire
from ..core.wire import Direction, Malformed, Unknown
from ..durations import duration_words

CUSTOMER: Final = "customer"
CENTRE: Final = "centre"


OUTCOMES: Final = {
    "ended": "The chat ended in good order",
    "completed": "The server completed the chat",
    "failed": "The chat failed: the server said so, or no agent was there",
    "refused": "The chat was refused: credentials or configuration",
    "gave_up": "No chat came about: the server did not answer in time",
    "timed_out": "The server ended the chat because the customer was silent",
    "gone": "The server does not know the chat any more",
}
"""Outcome of a chat -> words."""


def wire_name(entry: Entry) -> str:
    """The name of an entry on the wire; "" for one that has none."""
    return entry.name if isinstance(entry, Unknown | Malformed) else entry.wire.name


class PartyNames:
    """The parties that entries announced, by id (in any case of letters)."""

    def __init__(self, chat_id: str = "") -> None:
        self.chat_id = chat_id
        self.parties: dict[str, wire.PartyJoined] = {}

    def learn(self, entry: Entry) -> None:
        """Take note of a party that joins."""
        if isinstance(entry, wire.PartyJoined) and entry.party_id.lower() != self.chat_id.lower():
            self.parties[entry.party_id.lower()] = entry

    def of(self, party_id: str) -> str:
        """The name to show for a party; without a name, its type or the beginning of its id."""
        if not party_id:
            return CENTRE
        if self.chat_id and party_id.lower() == self.chat_id.lower():
            return CUSTOMER
        party = self.parties.get(party_id.lower())
        return party_name(party) if party is not None else f"party {party_id[:8]}"


def party_name(party: wire.PartyJoined) -> str:
    """What a party calls itself."""
    name = party.display_name or f"{party.first_name} {party.last_name}".strip()
    return name or ("bot" if party.type == "scenario" else f"party {party.party_id[:8]}")


def session_names(session: Session) -> Mapping[str, str]:
    """Party id in lower case to name, as the session's roster has it."""
    return {
        p.id.lower(): p.display_name or f"{p.first_name} {p.last_name}".strip() or p.type
        for p in session.participants.parties
    }


# --- entries --------------------------------------------------------------------------------------------------------


def _status(e: wire.Status) -> str:
    wait = "" if e.ewt is None else f", about {duration_words(e.ewt)} to wait"
    return f"status {e.state}{wait}"


def _joined(e: wire.PartyJoined) -> str:
    return f"joins ({e.type})" if e.type else "joins"


def _form(e: wire.FormShow) -> str:
    return (
        f"shows the form {e.form_name} ({e.form_request_id})"
        if e.form_name
        else "asks for a text (a form without name)"
    )


def _file(e: wire.File) -> str:
    return f"file: {e.file_name or e.file_id} ({e.file_type})"


_WORDS: Final[dict[type[Any], Callable[[Any], str]]] = {
    wire.Status: _status,
    wire.PartyJoined: _joined,
    wire.Message: lambda e: f'"{e.text}"',
    wire.File: _file,
    wire.TimeoutWarning: lambda e: f'inactivity warning: "{e.text}"' if e.msg else "inactivity warning",
    wire.InactivityTimeout: lambda e: f'inactivity timeout: "{e.text}"' if e.msg else "inactivity timeout",
    wire.CaseSet: lambda e: f"case {e.case_id}" if e.case_id else "no case any more",
    wire.Navigation: lambda e: f"looks at {e.title or e.page}",
    wire.FormShow: _form,
    wire.FormData: lambda e: f"answers the form {e.form_name or e.form_request_id}",
    wire.FormDataCancel: lambda e: f"cancels the form {e.form_name or e.form_request_id}",
    wire.SecureFormShow: lambda e: f"shows the secure form {e.form_id or e.form_request_id}",
    wire.SecureFormData: lambda e: f"answers the secure form {e.form_name or e.form_request_id}",
    wire.SecureFormCancel: lambda e: f"cancels the secure form {e.form_name or e.form_request_id}",
}


def _words(entry: Entry) -> str:
    words = _WORDS.get(type(entry))
    return words(entry) if words is not None else entry.wire.words.format(e=entry)


def entry_words(entry: Entry, names: PartyNames, by_client: bool = False) -> tuple[str, str]:
    """(who, what) of an entry. `by_client`: the customer's side sent it."""
    if by_client or entry.wire.direction is Direction.TO_SERVER:
        who = CUSTOMER
    elif isinstance(entry, wire.PartyJoined):
        who = party_name(entry)
    else:
        who = names.of(getattr(entry, "party_id", ""))
    return who, _words(entry)


# --- calls ----------------------------------------------------------------------------------------------------------


def reply_words(reply: Reply, status: int = 0) -> str:
    """What an answer says."""
    match reply:
        case core.ChatOpened():
            new = {True: "a new chat", False: "the chat of before", None: "the chat"}[reply.is_new_chat]
            return f"{new}, state {reply.state}" if reply.state else new
        case core.EventBatch():
            return f"{len(reply.entries)} events" if reply.entries else "nothing new"
        case core.HistoryLog():
            return f"the log of {len(reply.entries)} events"
        case core.FileUploaded():
            return "uploaded"
        case Failure():
            return _failure_words(reply, status or reply.status or 0)


def _failure_words(failure: Failure, status: int) -> str:
    code = f", code {failure.code}" if failure.code is not None else ""
    wait = f", try again in {duration_words(failure.retry_after)}" if failure.retry_after is not None else ""
    words = {
        "http": f"refused with {status}{code}{wait}",
        "timeout": "no answer in time",
        "cut": "the connection broke: no answer",
        "unsent": "never left",
        "no_payload": "never left: the file or the values to send cannot be read",
        "unreadable": f"{status}, but the answer cannot be read",
        "restart": "the process was down: no answer",
    }
    return words[failure.kind]


_ENTRY_COMMANDS: Final[dict[type[Any], str]] = {
    wire.MessageDelivered: "say delivered",
    wire.MessageRead: "say read",
    wire.Typing: "say typing",
    wire.NotTyping: "say not typing",
    wire.Message: "send the message",
    wire.SessionEnd: "send the end",
    wire.SessionDisconnect: "send the disconnect",
    wire.FormData: "send the form",
    wire.File: "send the file",
}


def command_words(commands: Iterable[Command]) -> str:
    """What the engine would do, shortly."""
    return ", ".join(map(_command, commands))


def _command(command: Command) -> str:
    match command:
        case core.CreateChat():
            return "ask for a chat"
        case core.FindChat():
            return "look for the chat"
        case core.Poll():
            return "poll"
        case core.ReadHistory():
            return "read the history"
        case core.Upload():
            return "upload the file"
        case core.Post() | core.PostEphemeral():
            return _ENTRY_COMMANDS.get(type(command.entry), f"send {wire_name(command.entry)}")

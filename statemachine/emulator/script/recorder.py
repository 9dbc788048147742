"""Makes a scenario from the log of a chat: the centre's actions at their pace, and waits for the client's events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from statemachine.emulator import actions, names
from statemachine.emulator.actions import Action
from statemachine.emulator.chat import Chat, LogEntry
from statemachine.emulator.shapes import Event, plain_text
from statemachine.emulator.state import StoredFile
from statemachine.emulator.steps import Await, Pause, Scenario, Step

_GRAIN_MS: Final = 100
_AWAITED: Final = names.FORM_ANSWERS | {names.MESSAGE, names.FILE, names.LOCATION}


def recorded(chat: Chat, files: Mapping[str, StoredFile], name: str = "recorded") -> Scenario:
    """After the client's disconnect or end the steps belong to ``on_disconnect`` or ``on_end``."""
    lists: dict[str, list[Step]] = {"script": [], "on_disconnect": [], "on_end": []}
    current, latest = "script", chat.created_at
    made = _Actions(chat, files)
    for entry in chat.log:
        event = str(entry.event.get("event"))
        if entry.direction == "from_client":
            current = {names.DISCONNECT: "on_disconnect", names.END: "on_end"}.get(event, current)
            lists[current] += [Await((event,), earlier=True)] if event in _AWAITED else []
        else:
            pause = round((entry.at - latest) / _GRAIN_MS) * _GRAIN_MS
            lists[current] += [Pause(pause)] if pause else []
            lists[current] += made.of(entry)
        latest = entry.at
    steps = {key: tuple(value) for key, value in lists.items() if value}
    about = f"what happened in a chat of {len(chat.log)} events"
    return Scenario(name, about, teaches="Recorded: say here what it shows.", **cast("dict[str, Any]", steps))


class _Actions:
    """From an event on the wire back to the action that put it there."""

    def __init__(self, chat: Chat, files: Mapping[str, StoredFile]) -> None:
        self._own = chat.chat_id.lower()
        self._files = files
        self._labels = {party.party_id.lower(): party.label for party in chat.parties.values()}
        self._makers: dict[str, Callable[[Event], Action]] = {
            names.STATUS: lambda e: actions.SetStatus(_str(e, "state"), _number(e.get("ewt"))),
            names.INFO: lambda e: actions.SendInfo(_str(e, "service_name")),
            names.PARTY_JOINED: lambda e: actions.JoinParty(
                self._party(e), _str(e, "first_name"), _str(e, "last_name"), _str(e, "type")
            ),
            names.PARTY_LEFT: lambda e: actions.LeaveParty(self._party(e)),
            names.MESSAGE: self._message,
            names.FILE: self._file,
            names.LOCATION: self._location,
            names.TYPING: lambda e: actions.StartTyping(self._party(e)),
            names.NOT_TYPING: lambda e: actions.StopTyping(self._party(e)),
            names.FORM_SHOW: lambda e: actions.ShowForm(_str(e, "form_name"), timeout=_number(e.get("form_timeout"))),
            names.SECURE_FORM_SHOW: lambda e: actions.ShowSecureForm(_str(e, "form_id")),
            names.SECURE_FORM_CANCEL: lambda _: actions.CancelSecureForm(),
            names.SIGNALING: lambda e: actions.SendSignaling(cast("Event", e.get("data", {})), self._party(e)),
            names.COBROWSING_REQUESTED: lambda _: actions.RequestCobrowsing(),
            names.CASE_SET: lambda e: actions.SetCase(_str(e, "case_id")),
            names.DELIVERED: lambda e: actions.SendDelivered(party=self._party(e)),
            names.READ: lambda e: actions.SendRead(party=self._party(e)),
            names.WARNING: lambda e: actions.Warn(_str(e, "msg")),
            names.TIMEOUT: lambda e: actions.TimeOut(_str(e, "msg")),
            names.TIMEOUT_MISSPELT: lambda e: actions.TimeOut(_str(e, "msg")),
            names.ENDED: lambda _: actions.EndChat(),
        }

    def of(self, entry: LogEntry) -> Iterator[Action]:
        """The action; an event that no action makes is repeated as it was, but for its time."""
        make = self._makers.get(str(entry.event.get("event")))
        if make is not None:
            yield make(entry.event)
        else:
            yield actions.Raw({key: value for key, value in entry.event.items() if key != "timestamp"})

    def _party(self, event: Event) -> str:
        return self._labels.get(_str(event, "party_id").lower(), "bot")

    def _message(self, event: Event) -> Action:
        text = plain_text(event)
        if _str(event, "party_id").lower() == self._own:
            return actions.SayAsClient(text)
        return actions.Say(text, self._party(event))

    def _file(self, event: Event) -> Action:
        file = self._files.get(_str(event, "file_id"))
        content, kind = (b"", "application/octet-stream") if file is None else (file.content, file.content_type)
        return actions.ShareFile(_str(event, "file_name"), content, self._party(event), _str(event, "file_type"), kind)

    def _location(self, event: Event) -> Action:
        where = (float(_str(event, "latitude") or 0), float(_str(event, "longitude") or 0))
        return actions.ShareLocation(*where, _str(event, "url"), self._party(event))


def _str(event: Event, key: str) -> str:
    value = event.get(key, "")
    return "" if value is None else str(value)


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isdecimal() else None

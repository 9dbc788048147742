"""The centre's side of a chat: the events that each action sends, and its changes of the records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve

from statemachine.emulator import actions, names, shapes
from statemachine.emulator.actions import Action
from statemachine.emulator.chat import Chat, Form, LogEntry, Party
from statemachine.emulator.knobs import EndSignal, Knobs
from statemachine.emulator.shapes import Event
from statemachine.emulator.state import CentreState, StoredFile, arm

_BOT: Final = "bot"
_END_STATES: Final[dict[str, EndSignal]] = {"failed": "failed", "completed": "completed"}
_END_ACTS: Final[dict[EndSignal, Action]] = {
    "ended": actions.EndChat(),
    "completed": actions.Complete(),
    "failed": actions.Fail(),
    "timed_out": actions.TimeOut(),
    "gone": actions.DropChat(),
}


def perform(state: CentreState, chat: Chat, now: int, action: Action) -> None:
    """Perform one action. Every action works in every state of the chat, so that a test can send late events."""
    kind = type(action)
    if kind in _FIELDS:
        name, fields = _FIELDS[kind]
        emit(state, chat, now, name, fields(state, chat, action))
    else:
        _HANDLERS[kind](state, chat, now, action)


def emit(state: CentreState, chat: Chat, now: int, name: str, fields: Mapping[str, object]) -> Event:
    """Log a server event and queue it for the next poll."""
    event = shapes.server_event(state.knobs, now, name, fields)
    chat.log.append(LogEntry(now, "to_client", event))
    chat.pending.append(event)
    return event


def log_from_client(state: CentreState, chat: Chat, now: int, event: Event) -> None:
    """Log a client event as history will show it: with the own party id and the server's time (section 5)."""
    knobs = state.knobs
    own = {**event, "party_id": shapes.own_party_id(knobs, chat.chat_id)}
    stamped = shapes.server_event(knobs, now, str(event["event"]), own)
    chat.log.append(LogEntry(now, "from_client", stamped))
    if knobs.own_echo and event["event"] == names.MESSAGE:
        chat.pending.append(stamped)


def end_chat(chat: Chat, now: int, signal: EndSignal) -> None:
    """The first terminal signal fixes how the chat ended; scripts and timers stop."""
    if chat.terminal is None:
        chat.terminal = signal
        chat.ended_at = now
    chat.script.replace(())
    chat.reactions.replace(())
    chat.idle_since = None
    chat.warnings = 0


def receipt(state: CentreState, chat: Chat, now: int, name: str, msg_id: str, label: str) -> None:
    """A receipt as often, and from as many parties, as the knob says; never on v1 (1.3)."""
    mode = state.knobs.receipts
    if chat.version == 1 or mode == "off":
        return
    parties = [_party_id(state, chat, label)]
    if mode == "per_party":
        parties = [party.party_id for party in chat.agents()] or parties
    for party_id in parties * (2 if mode == "duplicated" else 1):
        emit(state, chat, now, name, {"ref_msg_id": msg_id, "party_id": party_id})


def _party_id(state: CentreState, chat: Chat, label: str) -> str:
    """The id behind a label; a party that never joined has one too (observed: ids never announced)."""
    if not label:
        duty = chat.on_duty()
        label = duty.label if duty is not None else _BOT
    known = chat.parties.get(label)
    return known.party_id if known is not None else shapes.party_uuid(state.knobs, chat.chat_id, label)


def _message_id(chat: Chat) -> str:
    """Server ids are short even decimals; the vendor's browser clients use odd ones (section 5)."""
    number = chat.next_message
    chat.next_message += 2
    chat.server_message_ids.add(str(number))
    return str(number)


def _set_status(state: CentreState, chat: Chat, now: int, action: actions.SetStatus) -> None:
    chat.state, chat.ewt = action.state, action.ewt
    fields: Event = {"state": action.state}
    if action.state == "queued":
        fields |= shapes.waiting_time(state.knobs, action.ewt)
    emit(state, chat, now, names.STATUS, fields)
    if action.state in _END_STATES:
        end_chat(chat, now, _END_STATES[action.state])
    elif state.knobs.unknown_enums and not chat.odd_state_sent:
        chat.odd_state_sent = True
        emit(state, chat, now, names.STATUS, {"state": "pondering"})


def _join(state: CentreState, chat: Chat, now: int, action: actions.JoinParty) -> None:
    party_id = shapes.party_uuid(state.knobs, chat.chat_id, action.label)
    chat.parties.pop(action.label, None)  # joining again makes it the latest: the one on duty
    chat.parties[action.label] = Party(action.label, party_id, action.type, action.first_name, action.last_name)
    odd = state.knobs.unknown_enums and action.type == "internal"
    fields: Event = {
        "party_id": party_id,
        "first_name": action.first_name,
        "last_name": action.last_name,
        "display_name": f"{action.first_name} {action.last_name}".strip(),
        "type": "hologram" if odd else action.type,
    }
    emit(state, chat, now, names.PARTY_JOINED, fields)
    if action.type != "scenario" and chat.leaving == "disconnect":
        chat.leaving = ""
    if action.type == "internal" and chat.idle_since is None:
        chat.idle_since = now


def _connect(state: CentreState, chat: Chat, now: int, action: actions.Connect) -> None:
    order = state.knobs.connect_order
    join = actions.JoinParty(action.label, action.first_name, action.last_name)
    if order == "status_first":
        _set_status(state, chat, now, actions.SetStatus("connected"))
    _join(state, chat, now, join)
    if order == "party_first":
        _set_status(state, chat, now, actions.SetStatus("connected"))
    chat.state = "connected"  # E4 and E5 report the true state even when no status event was sent


def _leave(state: CentreState, chat: Chat, now: int, action: actions.LeaveParty) -> None:
    party_id = _party_id(state, chat, action.label)
    for party in chat.parties.values():
        if party.party_id == party_id:
            party.present = False
    emit(state, chat, now, names.PARTY_LEFT, {"party_id": party_id})
    if chat.on_duty() is None:  # the idle timer is about a client with an agent (6.1)
        chat.idle_since, chat.warnings = None, 0
        # The scenario has the client again, though no source says that it is announced (2.1, row 9).
        chat.state = "ivr" if chat.state == "connected" else chat.state


def _leave_all(state: CentreState, chat: Chat, now: int, action: actions.LeaveAll) -> None:
    for party in chat.agents():
        _leave(state, chat, now, actions.LeaveParty(party.label))


def _say(state: CentreState, chat: Chat, now: int, action: actions.Say) -> None:
    msg_id = action.msg_id or _message_id(chat)
    chat.server_message_ids.add(msg_id)
    fields: Event = {"channel": "web", "msg_id": msg_id, "party_id": _party_id(state, chat, action.party)}
    emit(state, chat, now, names.MESSAGE, fields | shapes.message_texts(state.knobs, action.text, action.markup))
    if state.knobs.unknown_events:
        emit(state, chat, now, "chat_session_weather", {"outlook": "mild", "msg": action.text})


def _say_as_client(state: CentreState, chat: Chat, now: int, action: actions.SayAsClient) -> None:
    own = shapes.own_party_id(state.knobs, chat.chat_id)
    msg_id = action.msg_id or f"other:{len(chat.log)}"
    chat.client_texts.setdefault(msg_id, action.text)
    fields: Event = {"channel": "web", "msg_id": msg_id, "party_id": own}
    emit(state, chat, now, names.MESSAGE, fields | shapes.message_texts(state.knobs, action.text, None))


def _new_form(chat: Chat, request_id: str, name: str, secure: bool) -> str:
    if not request_id:
        request_id = str(chat.next_form)
        chat.next_form += 1
    chat.forms[request_id] = Form(request_id, name, secure)
    return request_id


def _wire_form_id(knobs: Knobs, request_id: str) -> object:
    return int(request_id) if knobs.form_field_type == "number" and request_id.isdecimal() else request_id


def _cancel_secure_form(state: CentreState, chat: Chat, now: int, action: actions.CancelSecureForm) -> None:
    secure = [form.request_id for form in chat.forms.values() if form.secure]
    request_id = action.request_id or (secure[-1] if secure else "")
    if request_id in chat.forms:
        chat.forms[request_id].cancelled = True
    fields: Event = {"form_request_id": _wire_form_id(state.knobs, request_id)}
    emit(state, chat, now, names.SECURE_FORM_CANCEL, fields)


def _set_case(state: CentreState, chat: Chat, now: int, action: actions.SetCase) -> None:
    chat.case_id = action.case_id
    if chat.version != 1:
        emit(state, chat, now, names.CASE_SET, {"case_id": action.case_id})


def _send_receipt(state: CentreState, chat: Chat, now: int, action: actions.SendDelivered | actions.SendRead) -> None:
    """A message without an id cannot be referred to, so it gets no receipt."""
    msg_id = action.msg_id or (chat.texts_received[-1][0] if chat.texts_received else "")
    if msg_id and state.knobs.receipts != "early":
        name = names.DELIVERED if isinstance(action, actions.SendDelivered) else names.READ
        receipt(state, chat, now, name, msg_id, action.party)


def _end(state: CentreState, chat: Chat, now: int, action: Action) -> None:
    if isinstance(action, actions.EndChat):
        emit(state, chat, now, names.ENDED, {})
        end_chat(chat, now, "ended")
    else:
        state_name = "failed" if isinstance(action, actions.Fail) else "completed"
        _set_status(state, chat, now, actions.SetStatus(state_name))


def _warn(state: CentreState, chat: Chat, now: int, action: actions.Warn) -> None:
    text = action.text if action.text is not None else state.knobs.warning_text
    emit(state, chat, now, names.WARNING, {"msg": text})
    chat.warned = True


def _time_out(state: CentreState, chat: Chat, now: int, action: actions.TimeOut) -> None:
    text = action.text if action.text is not None else state.knobs.timeout_text
    name = names.TIMEOUT_MISSPELT if state.knobs.misspelt_timeout else names.TIMEOUT
    emit(state, chat, now, name, {"msg": text})
    end_chat(chat, now, "timed_out")


def _conclude(state: CentreState, chat: Chat, now: int, action: actions.Conclude) -> None:
    for signal in state.knobs.end_signals:
        perform(state, chat, now, _END_ACTS[signal])


def _drop_chat(state: CentreState, chat: Chat, now: int, action: actions.DropChat) -> None:
    """Pending events are lost with the chat. With ``gone_heals`` the chat is only hidden."""
    chat.known = False
    chat.pending.clear()
    if not state.knobs.gone_heals:
        end_chat(chat, now, "gone")


def _raw(state: CentreState, chat: Chat, now: int, action: actions.Raw) -> None:
    event = dict(action.event)
    if event.get("msg_id"):  # a receipt for it is no fault
        chat.server_message_ids.add(str(event["msg_id"]))
    chat.log.append(LogEntry(now, "to_client", event))
    chat.pending.append(event)


def about_text(action: Action, msg_id: str, text: str) -> Action:
    """The action of a reaction, bound to the client's text it answers."""
    if isinstance(action, actions.Say):
        return evolve(action, text=action.text.replace("{text}", text))
    if isinstance(action, (actions.SendDelivered, actions.SendRead)) and not action.msg_id:
        return evolve(action, msg_id=msg_id)
    return action


def _party(state: CentreState, chat: Chat, action: Any) -> Event:
    return {"party_id": _party_id(state, chat, action.party)}


def _file(state: CentreState, chat: Chat, action: actions.ShareFile) -> Event:
    file_id = state.new_uuid("file")
    state.store(StoredFile(file_id, action.name, action.content_type, action.content))
    file: Event = {"file_id": file_id, "file_type": action.file_type, "file_name": action.name}
    return file | {"msg_id": _message_id(chat)} | _party(state, chat, action)


def _place(state: CentreState, chat: Chat, action: actions.ShareLocation) -> Event:
    values = {"latitude": action.latitude, "longitude": action.longitude}
    as_numbers = state.knobs.coordinate_type == "number"
    place: Event = {name: value if as_numbers else str(value) for name, value in values.items()}
    return place | _party(state, chat, action) | ({"url": action.url} if action.url else {})


def _form(state: CentreState, chat: Chat, action: actions.ShowForm) -> Event:
    kind = state.knobs.form_field_type
    timeout: Event = {} if action.timeout is None else {"form_timeout": shapes.typed(action.timeout, kind)}
    request_id = _new_form(chat, action.request_id, action.name, secure=False)
    return {"form_request_id": _wire_form_id(state.knobs, request_id), "form_name": action.name} | timeout


def _secure_form(state: CentreState, chat: Chat, action: actions.ShowSecureForm) -> Event:
    request_id = _new_form(chat, action.request_id, action.form_id, secure=True)
    return {"form_request_id": _wire_form_id(state.knobs, request_id), "form_id": action.form_id}


def _signal(state: CentreState, chat: Chat, action: actions.SendSignaling) -> Event:
    return {"msg_id": _message_id(chat), "data": dict(action.data)} | _party(state, chat, action)


# Any: each function takes the class of its key, which no dict type can express.
# Actions that only put an event on the wire: its name, and its fields.
_FIELDS: Final[dict[type[Action], tuple[str, Callable[[CentreState, Chat, Any], Event]]]] = {
    actions.SendInfo: (names.INFO, lambda _state, _chat, action: {"service_name": action.service_name}),
    actions.StartTyping: (names.TYPING, _party),
    actions.StopTyping: (names.NOT_TYPING, _party),
    actions.ShareFile: (names.FILE, _file),
    actions.ShareLocation: (names.LOCATION, _place),
    actions.ShowForm: (names.FORM_SHOW, _form),
    actions.ShowSecureForm: (names.SECURE_FORM_SHOW, _secure_form),
    actions.SendSignaling: (names.SIGNALING, _signal),
    actions.RequestCobrowsing: (names.COBROWSING_REQUESTED, lambda _, chat, __: {"msg_id": _message_id(chat)}),
}

# The other actions.
_HANDLERS: Final[dict[type[Action], Callable[[CentreState, Chat, int, Any], None]]] = {
    actions.SetStatus: _set_status,
    actions.JoinParty: _join,
    actions.Connect: _connect,
    actions.LeaveParty: _leave,
    actions.LeaveAll: _leave_all,
    actions.Say: _say,
    actions.SayAsClient: _say_as_client,
    actions.CancelSecureForm: _cancel_secure_form,
    actions.SetCase: _set_case,
    actions.SendDelivered: _send_receipt,
    actions.SendRead: _send_receipt,
    actions.Warn: _warn,
    actions.TimeOut: _time_out,
    actions.EndChat: _end,
    actions.Fail: _end,
    actions.Complete: _end,
    actions.Conclude: _conclude,
    actions.DropChat: _drop_chat,
    actions.Raw: _raw,
    actions.InjectFault: lambda _state, chat, _now, action: chat.faults.append(arm(action.fault)),
}

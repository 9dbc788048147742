"""The centre's side of a chat: what each act puts on the wire and changes in the records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve

from statemachine.emulator import acts, names
from statemachine.emulator.acts import Act
from statemachine.emulator.chat import Chat, Form, LogEntry, Party
from statemachine.emulator.knobs import EndSignal, Knobs
from statemachine.emulator.shapes import (
    Event,
    message_texts,
    own_party_id,
    party_uuid,
    server_event,
    typed,
    waiting_time,
)
from statemachine.emulator.state import CentreState, StoredFile, arm

_BOT: Final = "bot"
_END_STATES: Final[dict[str, EndSignal]] = {"failed": "failed", "completed": "completed"}
_END_ACTS: Final[dict[EndSignal, Act]] = {
    "ended": acts.End(),
    "completed": acts.Complete(),
    "failed": acts.Fail(),
    "timed_out": acts.TimeOut(),
    "gone": acts.Forget(),
}


def perform(state: CentreState, chat: Chat, now: int, act: Act) -> None:
    """Do one act. Acts work in every state of the chat, so that a test can send late or senseless events."""
    _HANDLERS[type(act)](state, chat, now, act)


def emit(state: CentreState, chat: Chat, now: int, name: str, fields: Mapping[str, object]) -> Event:
    """Log a server event and queue it for the next poll."""
    event = server_event(state.knobs, now, name, fields)
    chat.log.append(LogEntry(now, "to_client", event))
    chat.pending.append(event)
    return event


def log_from_client(state: CentreState, chat: Chat, now: int, event: Event) -> None:
    """Log a client event as history will show it: with the own party id and the server's time (section 5)."""
    knobs = state.knobs
    own = {**event, "party_id": own_party_id(knobs, chat.chat_id)}
    stamped = server_event(knobs, now, str(event["event"]), own)
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
    return known.party_id if known is not None else party_uuid(state.knobs, chat.chat_id, label)


def _message_id(chat: Chat) -> str:
    """Server ids are short even decimals; the vendor's browser clients use odd ones (section 5)."""
    number = chat.next_message
    chat.next_message += 2
    chat.server_message_ids.add(str(number))
    return str(number)


def _set_status(state: CentreState, chat: Chat, now: int, act: acts.SetStatus) -> None:
    chat.state, chat.ewt = act.state, act.ewt
    fields: Event = {"state": act.state}
    if act.state == "queued":
        fields |= waiting_time(state.knobs, act.ewt)
    emit(state, chat, now, names.STATUS, fields)
    if act.state in _END_STATES:
        end_chat(chat, now, _END_STATES[act.state])
    elif state.knobs.unknown_enums and not chat.odd_state_sent:
        chat.odd_state_sent = True
        emit(state, chat, now, names.STATUS, {"state": "pondering"})


def _info(state: CentreState, chat: Chat, now: int, act: acts.Info) -> None:
    emit(state, chat, now, names.INFO, {"service_name": act.service_name})


def _join(state: CentreState, chat: Chat, now: int, act: acts.JoinParty) -> None:
    party_id = party_uuid(state.knobs, chat.chat_id, act.label)
    chat.parties.pop(act.label, None)  # joining again makes it the latest: the one on duty
    chat.parties[act.label] = Party(act.label, party_id, act.type, act.first_name, act.last_name)
    odd = state.knobs.unknown_enums and act.type == "internal"
    fields: Event = {
        "party_id": party_id,
        "first_name": act.first_name,
        "last_name": act.last_name,
        "display_name": f"{act.first_name} {act.last_name}".strip(),
        "type": "hologram" if odd else act.type,
    }
    emit(state, chat, now, names.PARTY_JOINED, fields)
    if act.type != "scenario" and chat.leaving == "disconnect":
        chat.leaving = ""
    if act.type == "internal" and chat.idle_since is None:
        chat.idle_since = now


def _connect(state: CentreState, chat: Chat, now: int, act: acts.Connect) -> None:
    order = state.knobs.connect_order
    join = acts.JoinParty(act.label, act.first_name, act.last_name)
    if order == "status_first":
        _set_status(state, chat, now, acts.SetStatus("connected"))
    _join(state, chat, now, join)
    if order == "party_first":
        _set_status(state, chat, now, acts.SetStatus("connected"))
    chat.state = "connected"  # E4 and E5 tell the truth even when no status event was sent


def _leave(state: CentreState, chat: Chat, now: int, act: acts.LeaveParty) -> None:
    party_id = _party_id(state, chat, act.label)
    for party in chat.parties.values():
        if party.party_id == party_id:
            party.present = False
    emit(state, chat, now, names.PARTY_LEFT, {"party_id": party_id})
    if chat.on_duty() is None:  # the idle timer is about a client with an agent (6.1)
        chat.idle_since, chat.warnings = None, 0
        # The scenario has the client again, though no source says that it is announced (2.1, row 9).
        chat.state = "ivr" if chat.state == "connected" else chat.state


def _leave_all(state: CentreState, chat: Chat, now: int, act: acts.LeaveAll) -> None:
    for party in chat.agents():
        _leave(state, chat, now, acts.LeaveParty(party.label))


def _say(state: CentreState, chat: Chat, now: int, act: acts.Say) -> None:
    msg_id = act.msg_id or _message_id(chat)
    chat.server_message_ids.add(msg_id)
    fields: Event = {"channel": "web", "msg_id": msg_id, "party_id": _party_id(state, chat, act.party)}
    emit(state, chat, now, names.MESSAGE, fields | message_texts(state.knobs, act.text, act.markup))
    if state.knobs.unknown_events:
        emit(state, chat, now, "chat_session_weather", {"outlook": "mild", "msg": act.text})


def _say_as_client(state: CentreState, chat: Chat, now: int, act: acts.SayAsClient) -> None:
    own = own_party_id(state.knobs, chat.chat_id)
    msg_id = act.msg_id or f"other:{len(chat.log)}"
    chat.client_texts.setdefault(msg_id, act.text)
    fields: Event = {"channel": "web", "msg_id": msg_id, "party_id": own}
    emit(state, chat, now, names.MESSAGE, fields | message_texts(state.knobs, act.text, None))


def _send_file(state: CentreState, chat: Chat, now: int, act: acts.SendFile) -> None:
    file_id = state.new_uuid("file")
    state.store(StoredFile(file_id, act.name, act.content_type, act.content))
    fields: Event = {"file_id": file_id, "file_type": act.file_type, "file_name": act.name}
    fields |= {"msg_id": _message_id(chat), "party_id": _party_id(state, chat, act.party)}
    emit(state, chat, now, names.FILE, fields)


def _coordinate(knobs: Knobs, value: float) -> object:
    return value if knobs.coordinate_type == "number" else str(value)


def _location(state: CentreState, chat: Chat, now: int, act: acts.ShareLocation) -> None:
    fields: Event = {
        "latitude": _coordinate(state.knobs, act.latitude),
        "longitude": _coordinate(state.knobs, act.longitude),
        "party_id": _party_id(state, chat, act.party),
    }
    emit(state, chat, now, names.LOCATION, fields | ({"url": act.url} if act.url else {}))


def _typing(state: CentreState, chat: Chat, now: int, act: acts.Typing) -> None:
    emit(state, chat, now, names.TYPING, {"party_id": _party_id(state, chat, act.party)})


def _not_typing(state: CentreState, chat: Chat, now: int, act: acts.NotTyping) -> None:
    emit(state, chat, now, names.NOT_TYPING, {"party_id": _party_id(state, chat, act.party)})


def _new_form(chat: Chat, request_id: str, name: str, secure: bool) -> str:
    if not request_id:
        request_id = str(chat.next_form)
        chat.next_form += 1
    chat.forms[request_id] = Form(request_id, name, secure)
    return request_id


def _wire_form_id(knobs: Knobs, request_id: str) -> object:
    return int(request_id) if knobs.form_field_type == "number" and request_id.isdecimal() else request_id


def _show_form(state: CentreState, chat: Chat, now: int, act: acts.ShowForm) -> None:
    request_id = _new_form(chat, act.request_id, act.name, secure=False)
    fields: Event = {"form_request_id": _wire_form_id(state.knobs, request_id), "form_name": act.name}
    if act.timeout is not None:
        fields["form_timeout"] = typed(act.timeout, state.knobs.form_field_type)
    emit(state, chat, now, names.FORM_SHOW, fields)


def _show_secure_form(state: CentreState, chat: Chat, now: int, act: acts.ShowSecureForm) -> None:
    request_id = _new_form(chat, act.request_id, act.form_id, secure=True)
    fields: Event = {"form_request_id": _wire_form_id(state.knobs, request_id), "form_id": act.form_id}
    emit(state, chat, now, names.SECURE_FORM_SHOW, fields)


def _cancel_secure_form(state: CentreState, chat: Chat, now: int, act: acts.CancelSecureForm) -> None:
    secure = [form.request_id for form in chat.forms.values() if form.secure]
    request_id = act.request_id or (secure[-1] if secure else "")
    if request_id in chat.forms:
        chat.forms[request_id].cancelled = True
    fields: Event = {"form_request_id": _wire_form_id(state.knobs, request_id)}
    emit(state, chat, now, names.SECURE_FORM_CANCEL, fields)


def _signal(state: CentreState, chat: Chat, now: int, act: acts.Signal) -> None:
    fields: Event = {"msg_id": _message_id(chat), "party_id": _party_id(state, chat, act.party)}
    emit(state, chat, now, names.SIGNALING, fields | {"data": dict(act.data)})


def _cobrowsing(state: CentreState, chat: Chat, now: int, act: acts.RequestCobrowsing) -> None:
    emit(state, chat, now, names.COBROWSING_REQUESTED, {"msg_id": _message_id(chat)})


def _set_case(state: CentreState, chat: Chat, now: int, act: acts.SetCase) -> None:
    chat.case_id = act.case_id
    if chat.version != 1:
        emit(state, chat, now, names.CASE_SET, {"case_id": act.case_id})


def _deliver(state: CentreState, chat: Chat, now: int, act: acts.Deliver) -> None:
    _act_receipt(state, chat, now, names.DELIVERED, act.msg_id, act.party)


def _mark_read(state: CentreState, chat: Chat, now: int, act: acts.MarkRead) -> None:
    _act_receipt(state, chat, now, names.READ, act.msg_id, act.party)


def _act_receipt(state: CentreState, chat: Chat, now: int, name: str, msg_id: str, party: str) -> None:
    """A message without an id cannot be referred to, so it gets no receipt."""
    wanted = msg_id or (chat.texts_received[-1][0] if chat.texts_received else "")
    if wanted and state.knobs.receipts != "early":
        receipt(state, chat, now, name, wanted, party)


def _warn(state: CentreState, chat: Chat, now: int, act: acts.Warn) -> None:
    text = act.text if act.text is not None else state.knobs.warning_text
    emit(state, chat, now, names.WARNING, {"msg": text})
    chat.warned = True


def _time_out(state: CentreState, chat: Chat, now: int, act: acts.TimeOut) -> None:
    text = act.text if act.text is not None else state.knobs.timeout_text
    name = names.TIMEOUT_MISSPELT if state.knobs.misspelt_timeout else names.TIMEOUT
    emit(state, chat, now, name, {"msg": text})
    end_chat(chat, now, "timed_out")


def _end(state: CentreState, chat: Chat, now: int, act: acts.End) -> None:
    emit(state, chat, now, names.ENDED, {})
    end_chat(chat, now, "ended")


def _fail(state: CentreState, chat: Chat, now: int, act: acts.Fail) -> None:
    _set_status(state, chat, now, acts.SetStatus("failed"))


def _complete(state: CentreState, chat: Chat, now: int, act: acts.Complete) -> None:
    _set_status(state, chat, now, acts.SetStatus("completed"))


def _conclude(state: CentreState, chat: Chat, now: int, act: acts.Conclude) -> None:
    for signal in state.knobs.end_signals:
        perform(state, chat, now, _END_ACTS[signal])


def _forget(state: CentreState, chat: Chat, now: int, act: acts.Forget) -> None:
    """What was not yet handed over is lost with the chat. With ``gone_heals`` the chat is only hidden."""
    chat.known = False
    chat.pending.clear()
    if not state.knobs.gone_heals:
        end_chat(chat, now, "gone")


def _raw(state: CentreState, chat: Chat, now: int, act: acts.Raw) -> None:
    event = dict(act.event)
    if event.get("msg_id"):  # said by hand is said: a receipt for it is no fault
        chat.server_message_ids.add(str(event["msg_id"]))
    chat.log.append(LogEntry(now, "to_client", event))
    chat.pending.append(event)


def _break(state: CentreState, chat: Chat, now: int, act: acts.Break) -> None:
    chat.faults.append(arm(act.fault))


def about_text(act: Act, msg_id: str, text: str) -> Act:
    """The act of a reaction, bound to the client's text it answers."""
    if isinstance(act, acts.Say):
        return evolve(act, text=act.text.replace("{text}", text))
    if isinstance(act, (acts.Deliver, acts.MarkRead)) and not act.msg_id:
        return evolve(act, msg_id=msg_id)
    return act


# Any: each handler takes the act class it stands beside, which no dict type can say.
_HANDLERS: Final[dict[type[Act], Callable[[CentreState, Chat, int, Any], None]]] = {
    acts.SetStatus: _set_status,
    acts.Info: _info,
    acts.JoinParty: _join,
    acts.Connect: _connect,
    acts.LeaveParty: _leave,
    acts.LeaveAll: _leave_all,
    acts.Say: _say,
    acts.SayAsClient: _say_as_client,
    acts.SendFile: _send_file,
    acts.ShareLocation: _location,
    acts.Typing: _typing,
    acts.NotTyping: _not_typing,
    acts.ShowForm: _show_form,
    acts.ShowSecureForm: _show_secure_form,
    acts.CancelSecureForm: _cancel_secure_form,
    acts.Signal: _signal,
    acts.RequestCobrowsing: _cobrowsing,
    acts.SetCase: _set_case,
    acts.Deliver: _deliver,
    acts.MarkRead: _mark_read,
    acts.Warn: _warn,
    acts.TimeOut: _time_out,
    acts.End: _end,
    acts.Fail: _fail,
    acts.Complete: _complete,
    acts.Conclude: _conclude,
    acts.Forget: _forget,
    acts.Raw: _raw,
    acts.Break: _break,
}

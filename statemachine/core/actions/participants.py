"""The roster, typing parties, open forms, case and service: what status updates are read from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from attrs import evolve

from .. import wire
from ..draft import Draft
from ..events import AnswerForm, AnswerSecureForm, CancelForm
from ..session import Item, ItemPending, OpenForm, Participants, Party, Typist
from .timing import after

NOT_AGENTS: Final = ("scenario", "external")
"""Party types that are no agents; every other one, known or not, counts as one (protocol.md 3.1, 3.0)."""


# --- roster ---------------------------------------------------------------------------------------------------------


def _folded(d: Draft, party_id: str) -> str:
    """By what parties are compared: their ids as far as they are kept, in any case of letters."""
    return party_id[: d.config.id_limit].lower()


def _is_agent(party: Party) -> bool:
    return party.type.lower() not in NOT_AGENTS


def has_agent(d: Draft, e: object) -> bool:
    """Whether an agent is in the room."""
    parties = d.participants.parties
    return bool(parties) and any(map(_is_agent, parties))


def has_no_agent(d: Draft, e: object) -> bool:
    return not has_agent(d, e)


def has_new_agent(d: Draft, e: object) -> bool:
    """The log has told of an agent that was not in the room before."""
    before = {party.id.lower() for party in d.base.participants.parties}
    return any(_is_agent(party) and party.id.lower() not in before for party in d.participants.parties)


def joins_as_agent(d: Draft, e: wire.PartyJoined) -> bool:
    return e.type.lower() not in NOT_AGENTS and _folded(d, e.party_id) != _folded(d, d.chat.chat_id)


def is_last_agent(d: Draft, e: wire.PartyLeft) -> bool:
    """Whether this is an agent, and no other one stays."""
    agents = [party for party in d.participants.parties if _is_agent(party)]
    return len(agents) == 1 and agents[0].id.lower() == _folded(d, e.party_id)


def _party(e: wire.PartyJoined, limit: int) -> Party:
    texts = (e.party_id, e.type, e.display_name, e.first_name, e.last_name)
    return Party(*texts) if max(map(len, texts)) <= limit else Party(*[text[:limit] for text in texts])


def _less_one(parties: tuple[Party, ...]) -> tuple[Party, ...]:
    """Without the earliest one that is no agent, or else the earliest."""
    dropped = next((party for party in parties if not _is_agent(party)), parties[0])
    return tuple(party for party in parties if party is not dropped)


def add_party(d: Draft, e: wire.PartyJoined) -> None:
    """Put a party on the roster. The customer is not on it; a repeated announcement renews the names."""
    joining, room, config = _folded(d, e.party_id), d.participants, d.config
    if joining == _folded(d, d.chat.chat_id):
        return
    others = tuple([p for p in room.parties if p.id.lower() != joining])
    if len(others) >= config.parties_limit:
        others = _less_one(others)
        d.note_anomaly("roster_full", "a party was dropped")
    parties = (*others, _party(e, config.id_limit))
    if parties != room.parties:
        d.participants = Participants(parties, room.typists, room.forms)


def remove_party(d: Draft, e: wire.PartyLeft) -> None:
    """Take a party off the roster; one that was never announced is no trouble."""
    leaving, room = _folded(d, e.party_id), d.participants
    parties = tuple([p for p in room.parties if p.id.lower() != leaving])
    typists = _typists_but(room, leaving)
    if len(parties) != len(room.parties) or typists is not room.typists:
        d.participants = Participants(parties, typists, room.forms)


def remove_agents(d: Draft, e: object) -> None:
    """After our disconnect: whoever is there now has left the conversation, announced or not."""
    parties = tuple(p for p in d.participants.parties if not _is_agent(p))
    if len(parties) != len(d.participants.parties):
        d.participants = evolve(d.participants, parties=parties, typists=())


def rebuild_roster(d: Draft, entries: Iterable[Any]) -> None:
    """The roster as the whole log tells it."""
    before = d.participants
    d.participants = Participants((), before.typists, before.forms)
    for e in entries:
        if type(e) is wire.PartyJoined:
            add_party(d, e)
        elif type(e) is wire.PartyLeft:
            remove_party(d, e)
    if d.participants == before:
        d.participants = before


# --- typing ---------------------------------------------------------------------------------------------------------


def is_own_typing(d: Draft, e: wire.Typing | wire.NotTyping) -> bool:
    return _folded(d, e.party_id) == _folded(d, d.chat.chat_id)


def _typists_but(room: Participants, party: str) -> tuple[Typist, ...]:
    """All who type but this one, by its folded id; the very same tuple if it does not."""
    typists = room.typists
    if not typists:
        return typists
    others = tuple([t for t in typists if t.party_id.lower() != party])
    return typists if len(others) == len(typists) else others


def show_typing(d: Draft, e: wire.Typing) -> None:
    """Show a party's typing until it stops, speaks, leaves, or a while has passed (F32)."""
    room, config = d.participants, d.config
    party_id = e.party_id[: config.id_limit]
    others = _typists_but(room, party_id.lower())
    typists = (*others, Typist(party_id, after(d, config.remote_typing_expires)))
    d.participants = Participants(room.parties, typists[-config.parties_limit :], room.forms)


def hide_typing(d: Draft, e: Any) -> None:
    """This party has stopped typing, or has spoken."""
    room = d.participants
    if room.typists:
        typists = _typists_but(room, _folded(d, e.party_id))
        if typists is not room.typists:
            d.participants = Participants(room.parties, typists, room.forms)


def expire_typing(d: Draft, e: object) -> None:
    d.participants = evolve(d.participants, typists=tuple(t for t in d.participants.typists if t.due > d.now))


# --- forms ----------------------------------------------------------------------------------------------------------


def form(d: Draft, request_id: str) -> OpenForm:
    """The form with this request id, which is open."""
    return next(f for f in d.participants.forms if f.id == request_id)


def prompt(d: Draft) -> OpenForm | None:
    """The open prompt that the next text answers: a form without a name, the last one shown (protocol.md 3.2)."""
    return next((f for f in reversed(d.participants.forms) if _is_prompt(f)), None)


def _is_prompt(f: OpenForm) -> bool:
    return not f.name and not f.secure and not f.answer


def close_prompts(d: Draft, e: object) -> None:
    """An agent takes over: the scenario's question is no longer open, or the next text would never reach the agent."""
    if d.participants.forms:
        forms = tuple(f for f in d.participants.forms if not _is_prompt(f))
        if len(forms) != len(d.participants.forms):
            d.participants = evolve(d.participants, forms=forms)


def is_open_form(d: Draft, e: AnswerForm | AnswerSecureForm) -> bool:
    return is_any_open_form(d, e) and form(d, e.form_request_id).secure == isinstance(e, AnswerSecureForm)


def is_any_open_form(d: Draft, e: AnswerForm | AnswerSecureForm | CancelForm) -> bool:
    return any(f.id == e.form_request_id and not f.answer for f in d.participants.forms)


def open_form(d: Draft, e: wire.FormShow | wire.SecureFormShow) -> None:
    """Open a form, for as long as the server waits for it."""
    limit = d.config.id_limit
    if isinstance(e, wire.SecureFormShow):
        new = OpenForm(e.form_request_id[:limit], e.form_id[:limit], True)
    else:
        due = None if e.form_timeout is None else after(d, e.form_timeout)
        new = OpenForm(e.form_request_id[:limit], e.form_name[:limit], False, due)
    others = tuple(f for f in d.participants.forms if f.id != new.id and not (_is_prompt(new) and _is_prompt(f)))
    if len(others) >= d.config.forms_limit:
        others = others[1:]
        d.note_anomaly("forms_full", "the earliest form was dropped")
    d.participants = evolve(d.participants, forms=(*others, new))


def close_form(d: Draft, e: Any) -> None:
    """Answered or cancelled, here or elsewhere. A text that was yet to answer this prompt is a text again (F31)."""
    forms = tuple(f for f in d.participants.forms if f.id != e.form_request_id)
    if len(forms) != len(d.participants.forms):
        d.participants = evolve(d.participants, forms=forms)
    if any(item.form == e.form_request_id for item in d.items):
        d.items = tuple(_text_again(item) if item.form == e.form_request_id else item for item in d.items)


def _text_again(item: Item) -> Item:
    ours = item.entry
    if not isinstance(ours, wire.FormData) or ours.form_name or not never_left(item):
        return item
    data = json.loads(ours.data)
    if data.keys() != {"text"} or not isinstance(data["text"], str):
        return item
    return evolve(item, entry=wire.Message(item.id, msg_text=data["text"]), form="")


def never_left(item: Item) -> bool:
    """Whether it has waited in the queue ever since: whatever arrived was not this one."""
    return type(item.state) is ItemPending and item.state.tries == 0


def expire_forms(d: Draft, e: object) -> None:
    """Hide what the server no longer waits for. One with an answer under way stays until that has an outcome."""
    forms = (f if f.due is None or f.due > d.now else evolve(f, due=None, expired=True) for f in d.participants.forms)
    d.participants = evolve(d.participants, forms=tuple(f for f in forms if f.answer or not f.expired))


def settle_form(d: Draft, e: object) -> None:
    """The answer has arrived: the form is done."""
    if d.subject.form:
        d.participants = evolve(
            d.participants, forms=tuple(f for f in d.participants.forms if f.answer != d.subject.id)
        )


def release_form(d: Draft, e: object) -> None:
    """The answer did not arrive: the form is open again, unless its time is over."""
    if d.subject.form:
        forms = (evolve(f, answer="") if f.answer == d.subject.id else f for f in d.participants.forms)
        d.participants = evolve(d.participants, forms=tuple(f for f in forms if f.answer or not f.expired))


# --- the rest -------------------------------------------------------------------------------------------------------


def set_case(d: Draft, e: wire.CaseSet) -> None:
    """Assign a case, or take it away again (an empty id)."""
    case_id = e.case_id[: d.config.id_limit]
    if case_id != d.chat.case_id:
        d.chat = evolve(d.chat, case_id=case_id)


def set_service(d: Draft, e: wire.Info) -> None:
    name = e.service_name[: d.config.id_limit]
    if name != d.chat.service_name:
        d.chat = evolve(d.chat, service_name=name)


def clear_participants(d: Draft, e: object) -> None:
    """After the end nobody types and no form is open. The roster stays readable."""
    if d.participants.typists or d.participants.forms:
        d.participants = Participants(d.participants.parties)

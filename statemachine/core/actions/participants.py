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


def _folded(d: Draft, text: str) -> str:
    """By what parties are compared: ids and types as far as they are kept, in any case of letters."""
    return text[: d.config.id_limit].lower()


def _is_agent(party: Party) -> bool:
    return party.type.lower() not in NOT_AGENTS


def has_agent(d: Draft, e: object) -> bool:
    """A party on the roster is an agent: its type is neither `scenario` nor `external`."""
    parties = d.participants.parties
    return bool(parties) and any(map(_is_agent, parties))


def has_no_agent(d: Draft, e: object) -> bool:
    """No party on the roster is an agent."""
    return not has_agent(d, e)


def has_new_agent(d: Draft, e: object) -> bool:
    """The roster has an agent that was not on it before this step."""
    before = {party.id.lower() for party in d.base.participants.parties}
    return any(_is_agent(party) and party.id.lower() not in before for party in d.participants.parties)


def joins_as_agent(d: Draft, e: wire.PartyJoined) -> bool:
    """The party's type, cut to `config.id_limit`, is neither `scenario` nor `external`, and its id is not the chat id:
    that is the customer.
    """
    return _folded(d, e.type) not in NOT_AGENTS and _folded(d, e.party_id) != _folded(d, d.chat.chat_id)


def is_last_agent(d: Draft, e: wire.PartyLeft) -> bool:
    """Exactly one agent is on the roster, and it is this party."""
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
    """Append the party to `participants.parties`, after removing the one with its id (any case of letters).

    The customer is not on it. At `config.parties_limit` the earliest party that is no agent is dropped, with the
    anomaly `roster_full`.
    """
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
    """Remove the party with this id (any case of letters) from `participants.parties` and `participants.typists`."""
    leaving, room = _folded(d, e.party_id), d.participants
    parties = tuple([p for p in room.parties if p.id.lower() != leaving])
    typists = _typists_but(room, leaving)
    if len(parties) != len(room.parties) or typists is not room.typists:
        d.participants = Participants(parties, typists, room.forms)


def remove_agents(d: Draft, e: object) -> None:
    """Remove all agents from `participants.parties`; if there were any, empty `participants.typists` too: after our
    disconnect the conversation is over.
    """
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
    """The party's id is the chat id, in any case of letters: the customer."""
    return _folded(d, e.party_id) == _folded(d, d.chat.chat_id)


def _typists_but(room: Participants, party: str) -> tuple[Typist, ...]:
    """All who type but this one, by its folded id; the very same tuple if it does not."""
    typists = room.typists
    if not typists:
        return typists
    others = tuple([t for t in typists if t.party_id.lower() != party])
    return typists if len(others) == len(typists) else others


def show_typing(d: Draft, e: wire.Typing) -> None:
    """Put the party at the end of `participants.typists`, due `config.remote_typing_expires` from now; at most
    `config.parties_limit` stay (F32).
    """
    room, config = d.participants, d.config
    party_id = e.party_id[: config.id_limit]
    others = _typists_but(room, party_id.lower())
    typists = (*others, Typist(party_id, after(d, config.remote_typing_expires)))
    d.participants = Participants(room.parties, typists[-config.parties_limit :], room.forms)


def hide_typing(d: Draft, e: Any) -> None:
    """Remove the party of this entry from `participants.typists`."""
    room = d.participants
    if room.typists:
        typists = _typists_but(room, _folded(d, e.party_id))
        if typists is not room.typists:
            d.participants = Participants(room.parties, typists, room.forms)


def expire_typing(d: Draft, e: object) -> None:
    """Remove from `participants.typists` all whose `due` has passed."""
    d.participants = evolve(d.participants, typists=tuple(t for t in d.participants.typists if t.due > d.now))


# --- forms ----------------------------------------------------------------------------------------------------------


def set_forms(d: Draft, forms: Iterable[OpenForm]) -> None:
    """Replace the open forms, where they differ."""
    room, new = d.participants, tuple(forms)
    if new != room.forms:
        d.participants = Participants(room.parties, room.typists, new)


def form(d: Draft, request_id: str) -> OpenForm:
    """The form with this request id, which is open."""
    return next(f for f in d.participants.forms if f.id == request_id)


def prompt(d: Draft) -> OpenForm | None:
    """The open prompt that the next text answers: a form without a name, the last one shown (protocol.md 3.2)."""
    return next((f for f in reversed(d.participants.forms) if _is_prompt(f)), None)


def _is_prompt(f: OpenForm) -> bool:
    return not f.name and not f.secure and not f.answer


def close_prompts(d: Draft, e: object) -> None:
    """Remove from `participants.forms` those without a name that are not secure and have no answer: an agent takes
    over, and the next text is for the agent.
    """
    if d.participants.forms:
        set_forms(d, (f for f in d.participants.forms if not _is_prompt(f)))


def is_open_form(d: Draft, e: AnswerForm | AnswerSecureForm) -> bool:
    """The form with this id is open, has no answer, and is secure exactly where the intent is `AnswerSecureForm`."""
    return is_any_open_form(d, e) and form(d, e.form_request_id).secure == isinstance(e, AnswerSecureForm)


def is_any_open_form(d: Draft, e: AnswerForm | AnswerSecureForm | CancelForm) -> bool:
    """The form with this id is open and has no answer."""
    return any(f.id == e.form_request_id and not f.answer for f in d.participants.forms)


def open_form(d: Draft, e: wire.FormShow | wire.SecureFormShow) -> None:
    """Append the form to `participants.forms`, due `form_timeout` from now where it has one; it replaces one with its
    id, and a form without a name replaces the others without that have no answer under way. At `config.forms_limit`
    the earliest is dropped, with the anomaly `forms_full`.
    """
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
    set_forms(d, (*others, new))


def close_form(d: Draft, e: Any) -> None:
    """Remove the form with this id. A text that was to answer it as a form without a name, and was never posted (it
    is pending, with `tries` 0), is a message again (F31).
    """
    set_forms(d, (f for f in d.participants.forms if f.id != e.form_request_id))
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
    """Remove the forms whose `due` has passed; one with an answer under way stays, without `due` and as `expired`,
    until the answer has an outcome.
    """
    forms = (f if f.due is None or f.due > d.now else evolve(f, due=None, expired=True) for f in d.participants.forms)
    set_forms(d, (f for f in forms if f.answer or not f.expired))


def settle_form(d: Draft, e: object) -> None:
    """The answer has arrived: the form is done."""
    if d.subject.form:
        set_forms(d, (f for f in d.participants.forms if f.answer != d.subject.id))


def release_form(d: Draft, e: object) -> None:
    """The answer did not arrive: the form is open again, unless its time is over."""
    if d.subject.form:
        forms = (evolve(f, answer="") if f.answer == d.subject.id else f for f in d.participants.forms)
        set_forms(d, (f for f in forms if f.answer or not f.expired))


# --- the rest -------------------------------------------------------------------------------------------------------


def set_case(d: Draft, e: wire.CaseSet) -> None:
    """`chat.case_id` is the entry's, cut to `config.id_limit`; an empty one takes the case away."""
    case_id = e.case_id[: d.config.id_limit]
    if case_id != d.chat.case_id:
        d.chat = evolve(d.chat, case_id=case_id)


def set_service(d: Draft, e: wire.Info) -> None:
    """`chat.service_name` is the entry's, cut to `config.id_limit`."""
    name = e.service_name[: d.config.id_limit]
    if name != d.chat.service_name:
        d.chat = evolve(d.chat, service_name=name)


def clear_participants(d: Draft, e: object) -> None:
    """Empty `participants.typists` and `participants.forms`; the roster stays readable."""
    if d.participants.typists or d.participants.forms:
        d.participants = Participants(d.participants.parties)

"""Observations about the settings of a contact centre, from one call or from all calls of one chat.

An observation names a setting of the emulator (``emulator.knobs``) and all its values that agree with the call: one
poll that was refused with 429 on v2 fits both `by_version` and 429.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final, TypeAlias

from statemachine.core.wire import WIRE_NAMES
from statemachine.emulator import names
from statemachine.emulator.knobs import Knobs

from .exchange import ChatRecord, DecodedExchange, Event, is_own

Observation: TypeAlias = tuple[str, tuple[Any, ...]]
"""(setting, the values that fit)."""
INSTANT_MS: Final = 200
"""A poll answered so soon was not held."""
_MILLISECONDS: Final = 10**11
"""Larger numbers are instants in milliseconds: in seconds they would lie beyond the year 5000."""
_DEFAULTS: Final = Knobs()
_PARTY_TYPES: Final = ("internal", "external", "scenario", "msteams")


def _kind(value: object) -> str:
    return "string" if isinstance(value, str) else "number"


# --- errors ---------------------------------------------------------------------------------------------------------


def errors(seen: DecodedExchange, chat: ChatRecord | None) -> Iterator[Observation]:
    """Status and shape of error bodies."""
    code, status = seen.code, seen.status
    if code is None:
        return
    yield "error_code_type", (_kind(seen.body["error_code"]),)
    if 2000 <= code < 3000:
        yield "auth_status", (status,)
    elif code == 1000:
        yield "tenant_status", (status,)
    elif code == 5509:
        usual = 400 if seen.route.version == 1 else 429
        yield "too_many_polls_status", ("by_version", status) if status == usual else (status,)
    elif code == 5511:
        yield "no_events_status", (status,)


def tenant(seen: DecodedExchange, chat: ChatRecord | None) -> Iterator[Observation]:
    """Whether calls without `tenantUrl` are served."""
    if seen.client.tenant or seen.route.call in ("download", "photo"):
        return
    if seen.code == 1000 or seen.is_ok:
        yield "tenant_required", (seen.code == 1000,)


def gone(seen: DecodedExchange, chat: ChatRecord | None) -> Iterator[Observation]:
    """The body of a 404 for a chat that is over."""
    of_chat = seen.route.call in ("poll", "send", "history") and seen.status == 404
    if of_chat and seen.complete and seen.code in (None, 5005):
        html = b"<" in seen.response.body[:200]
        yield "gone_style", ("code_5005" if seen.code else "html" if html else "bare",)


# --- calls beside the chat ------------------------------------------------------------------------------------------


def services(seen: DecodedExchange, chat: ChatRecord | None) -> Iterator[Observation]:
    """Version, availability, uploads, push, cases."""
    match seen.route.call:
        case "version" if isinstance(version := seen.body.get("server_version"), str):
            yield "server_version", (version,)
        case "availability" if (available := seen.body.get("chat")) is not None:
            yield "available", (available == "available",)
        case "upload" if seen.is_ok and "file_id" in seen.body:
            yield "file_name_in_reply", ("file_name" in seen.body,)
        case "notifications" if seen.asked and (seen.is_ok or seen.status == 406):
            yield "push_configured", (seen.is_ok,)
        case "closecase" if seen.is_ok or seen.code == 5602:
            yield "crm_refuses", (seen.code == 5602,)
        case "casehistory" if sessions := seen.body.get("sessions"):
            yield "created_time_type", (_kind(sessions[0].get("created_time")),)
        case _:
            pass
    if seen.route.call in ("casehistory", "closecase"):
        yield from _case_paths(seen)


def _case_paths(seen: DecodedExchange) -> Iterator[Observation]:
    here, there = ("chat", "root") if seen.route.chat_id else ("root", "chat")
    if seen.status == 404 and seen.code is None:
        yield "case_paths", (there,)
    elif seen.status:
        yield "case_paths", ("both", here)


def creation(seen: DecodedExchange, chat: ChatRecord | None) -> Iterator[Observation]:
    """The answer to a request for a chat."""
    if seen.route.call != "create":
        return
    if seen.code == 5001:
        yield "accepts_chats", (False,)
    if not seen.is_ok or "chat_id" not in seen.body:
        return
    yield "accepts_chats", (True,)
    new = seen.body.get("is_new_chat")
    typed: tuple[str, ...] = ("string",) if isinstance(new, str) else ("bool",)
    by_version = isinstance(new, str) == (seen.route.version == 1)
    yield "is_new_chat_type", (("by_version", *typed) if by_version else typed)
    if str(new).lower() == "true":
        yield "initial_state", (seen.body.get("state"),)
    if seen.body.get("state") == "queued":
        yield from _waiting_time(seen.body)
    yield from _identity(seen)
    if chat is not None and chat.signals and str(new).lower() != "true":
        yield ("gone_heals" if chat.signals == ["gone"] else "stale_create"), (True,)


def _identity(seen: DecodedExchange) -> Iterator[Observation]:
    if seen.client.is_anonymous:
        yield "cookie_identity", (seen.response.header("Set-Cookie") is not None,)


def _waiting_time(data: Event) -> Iterator[Observation]:
    value = data.get("ewt")
    if "ewt" not in data:
        yield "ewt_style", ("absent",)
    elif value == "":
        yield "ewt_style", ("string", "number", "empty")
    else:
        yield "ewt_style", (_kind(value),)


# --- polls ----------------------------------------------------------------------------------------------------------


def polls(seen: DecodedExchange, chat: ChatRecord | None) -> Iterator[Observation]:
    """Answers without events, and after a poll that the client cut."""
    if seen.route.call != "poll" or not seen.status:
        return
    is_empty = seen.code == 5511 or (seen.is_ok and seen.complete and not seen.events)
    if is_empty:
        style = "code_5511" if seen.code else "array" if seen.response.body.strip() else "no_body"
        yield "empty_style", (style,)
    if chat is not None and chat.cut is not None and seen.at - chat.cut.end < INSTANT_MS:
        if seen.code == 5509:
            yield "after_cut", ("hold", "swallow")
        elif seen.is_ok:
            yield "after_cut", ("free",)


def batches(seen: DecodedExchange, chat: ChatRecord | None) -> Iterator[Observation]:
    """A batch of events as a whole."""
    if seen.route.call != "poll" or not seen.events:
        return
    whole = len(seen.events) == len(seen.body["events"]) and all(event.get("event") for event in seen.events)
    yield "malformed_events", (not whole,)
    known = [event for event in seen.events if event.get("event") in WIRE_NAMES]
    if any(event["event"] == names.MESSAGE for event in known):
        strange = any(isinstance(event.get("event"), str) for event in seen.events if event not in known)
        yield "unknown_events", (strange,)


# --- the shape of events --------------------------------------------------------------------------------------------


def shapes(seen: DecodedExchange, chat: ChatRecord | None) -> Iterator[Observation]:
    """Types and units of the fields of events."""
    if seen.route.call not in ("poll", "history"):
        return
    for event in seen.events:
        name = event.get("event")
        yield from _timestamps(event)
        if name in _SHAPES:
            yield from _SHAPES[name](event)
        if chat is not None and name in WIRE_NAMES and isinstance(party := event.get("party_id"), str):
            yield from _id_case(party, chat.chat_id)


def _timestamps(event: Event) -> Iterator[Observation]:
    value = event.get("timestamp")
    name = event.get("event")
    if name in names.WITHOUT_TIMESTAMP:
        yield "timestamp_everywhere", (value is not None,)
    if value is None or not str(value).replace(".", "", 1).isdecimal():
        return
    yield "timestamp_type", (_kind(value),)
    yield "timestamp_unit", ("ms" if float(value) > _MILLISECONDS else "s",)


def _id_case(party_id: str, chat_id: str) -> Iterator[Observation]:
    if party_id.lower() == chat_id.lower():
        yield "id_case", (("observed", "lower") if party_id == chat_id else ("mixed",))
    elif party_id.upper() != party_id.lower():
        yield "id_case", (("observed", "mixed") if party_id == party_id.upper() else ("lower",))


def _form(event: Event) -> Iterator[Observation]:
    if "form_request_id" in event and str(event["form_request_id"]).isdecimal():
        yield "form_field_type", (_kind(event["form_request_id"]),)


def _location(event: Event) -> Iterator[Observation]:
    if "latitude" in event:
        yield "coordinate_type", (_kind(event["latitude"]),)


def _message(event: Event) -> Iterator[Observation]:
    if event.get("channel") is not None or "msg_text" in event:  # written by the server's side
        yield "msg_text", ("msg_text" in event,)


def _status(event: Event) -> Iterator[Observation]:
    if event.get("state") == "queued":
        yield from _waiting_time(event)


def _joined(event: Event) -> Iterator[Observation]:
    if isinstance(kind := event.get("type"), str):
        yield "unknown_enums", (kind not in _PARTY_TYPES,)


def _info(event: Event) -> Iterator[Observation]:
    if "service_name" in event:
        yield "service_name", (str(event["service_name"]),)


_SHAPES: Final[dict[Any, Callable[[Event], Iterator[Observation]]]] = {
    names.FORM_SHOW: _form,
    names.SECURE_FORM_SHOW: _form,
    names.LOCATION: _location,
    names.MESSAGE: _message,
    names.STATUS: _status,
    names.PARTY_JOINED: _joined,
    names.TIMEOUT: lambda _: iter([("misspelt_timeout", (False,))]),
    names.TIMEOUT_MISSPELT: lambda _: iter([("misspelt_timeout", (True,))]),
    names.INFO: _info,
}

CALL_OBSERVATIONS: Final = (errors, tenant, gone, services, creation, polls, batches, shapes)


# --- a whole chat ---------------------------------------------------------------------------------------------------


def echoes(chat: ChatRecord) -> Iterator[Observation]:
    """Whether own messages come back by poll."""
    own = [one for one in chat.polled if one.event.get("event") == names.MESSAGE and is_own(one.event, chat.chat_id)]
    if any(str(one.event.get("msg_id")) in chat.posts for one in own):
        yield "own_echo", (True,)
    elif any(one.at > post.end for post in chat.posts.values() for one in chat.polled):
        yield "own_echo", (False,)


def receipts(chat: ChatRecord) -> Iterator[Observation]:
    """Receipts of agents for own messages."""
    found = [one for one in chat.polled if str(one.event.get("ref_msg_id")) in chat.posts]
    if not found:
        return
    keys = [(one.event["event"], str(one.event["ref_msg_id"]), one.event.get("party_id")) for one in found]
    if any(one.at < chat.posts[str(one.event["ref_msg_id"])].end for one in found):
        yield "receipts", ("early",)
    elif max(Counter(keys).values()) > 1:
        yield "receipts", ("duplicated",)
    elif max(Counter(key[:2] for key in set(keys)).values()) > 1:
        yield "receipts", ("per_party",)
    else:
        yield "receipts", ("on", "per_party", "early")


def agents(chat: ChatRecord) -> Iterator[Observation]:
    """How an agent is announced, and replaced."""
    steps = [step for one in chat.polled if (step := _step(one.event)) is not None]
    if "joined" in steps:
        first = steps.index("joined")
        near = steps[max(0, first - 1) : first + 2]
        if "connected" not in near:
            yield "connect_order", ("party_only",)
        else:
            yield "connect_order", (("status_first" if near[0] == "connected" else "party_first"),)
    replaced = [name for name in steps if name in ("joined", "left", "queued")]
    for before, after in pairwise(replaced):
        if (before, after) == ("left", "queued"):
            yield "transfer", ("queue",)
        elif (before, after) == ("joined", "joined"):
            yield "transfer", ("conference",)


def _step(event: Event) -> str | None:
    name, state = event.get("event"), event.get("state")
    if name == names.PARTY_JOINED and event.get("type") != "scenario":
        return "joined"
    if name == names.STATUS and state in ("connected", "queued"):
        return str(state)
    return "left" if name == names.PARTY_LEFT else None


def ends(chat: ChatRecord) -> Iterator[Observation]:
    """The terminal signals, and the history after them. A timeout is not how chats usually end."""
    if chat.signals and chat.signals[0] not in ("gone", "timed_out"):
        yield "end_signals", (tuple(signal for signal in chat.signals if signal != "gone"),)
    for seen in chat.histories:
        if chat.signals and seen.number > chat.last_number and seen.status in (200, 404):
            yield "history_after_end", ("kept" if seen.is_ok else "gone",)


def history(chat: ChatRecord) -> Iterator[Observation]:
    """Events that polls brought and a later history lacks."""
    for seen in chat.histories:
        if not seen.is_ok or not seen.complete:
            continue
        shown = {str(event.get("event")) for event in seen.events}
        brought = {str(one.event.get("event")) for one in chat.polled if one.number < seen.number} & set(WIRE_NAMES)
        if not brought:
            continue
        unknown = set(_DEFAULTS.history_omits) - shown
        yield "history_omits", (tuple(sorted((brought - shown) | unknown)),)


def repeats(chat: ChatRecord) -> Iterator[Observation]:
    """Batches that following polls bring again, as a cache does."""
    if chat.repeats:
        yield "replay_batches", (chat.repeats,)


def answers_to_posts(chat: ChatRecord) -> Iterator[Observation]:
    """Events in the answers to posts (v1): whether polls bring them too."""
    for msg_id, number in chat.replied.items():
        later = [one for one in chat.polled if one.number > number]
        if any(str(one.event.get("msg_id")) == msg_id for one in chat.polled):
            yield "v1_reply_events", ("copy",)
        elif later:
            yield "v1_reply_events", ("take",)


def inactivity(chat: ChatRecord) -> Iterator[Observation]:
    """Warnings before a timeout."""
    kinds = [one.event.get("event") for one in chat.polled]
    if names.TIMEOUT in kinds or names.TIMEOUT_MISSPELT in kinds:
        yield "inactivity_warnings", (kinds.count(names.WARNING),)


CHAT_OBSERVATIONS: Final = (
    echoes, receipts, agents, ends, history, repeats, answers_to_posts, inactivity,
)  # fmt: skip

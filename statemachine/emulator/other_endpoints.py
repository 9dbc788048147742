"""The calls beside the conversation: availability, push, cases, files, widgets (E1-E3, E9-E17)."""

from __future__ import annotations

import re
from typing import Final

from statemachine.emulator import incoming
from statemachine.emulator.chat import Chat
from statemachine.emulator.endpoints import ApiCall, own_chat
from statemachine.emulator.errors import ApiError
from statemachine.emulator.shapes import Event, json_response, typed, waiting_time
from statemachine.emulator.state import CentreState, StoredFile
from statemachine.emulator.uploads import uploaded_file
from statemachine.emulator.wire import HttpResponse

_PUSH_FAMILIES: Final = (
    frozenset({"ios_apns_device_token", "ios_app_bundle_id"}),
    frozenset({"ios_firebase_device_token"}),
    frozenset({"android_firebase_device_token"}),
)

PHOTO: Final = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
"""One transparent pixel: the photo of every agent."""

_FORMS: Final[Event] = {
    "forms": [
        {"form_name": "survey_form", "fields": ["service", "helpful", "recommend", "transcript"]},
        {"form_name": "contact_form", "fields": ["first_name", "email"]},
    ],
    "secure_forms": [{"form_id": "payment", "fields": ["card_number", "expiry"]}],
}
_CONTACT_TAB: Final[Event] = {
    "enabled": True,
    "location": "right_bottom",
    "color": "#ffffff",
    "bg_color": "#0b5cd5",
    "font": "sans-serif",
    "agents_available_msg": "Chat with us",
    "agents_not_available_msg": "Leave a message",
    "out_of_hours_msg": "We are closed",
    "show_ewt_out_of_hours": False,
}
_WIDGET: Final[Event] = {"name": "web", "urls": [], "definition": {"contact_tab": _CONTACT_TAB, **_FORMS}, "styles": {}}
"""No published sample holds form definitions: they stand somewhere within ``definition`` (1.2, E16)."""

_RUNS: Final = re.compile(r"script|html|[/+]xml|/css|wasm|flash")
"""Media types of contents that a browser runs, or that bring scripts with them."""

_PARAMETERS: Final = [{"first_name": "FIRST_NAME"}, {"last_name": "LAST_NAME"}, {"phone_number": "PHONE"}]


def version(state: CentreState, call: ApiCall) -> HttpResponse:
    """E1, v2 only."""
    return json_response({"server_version": state.knobs.server_version})


def availability(state: CentreState, call: ApiCall) -> HttpResponse:
    """E2."""
    if not state.knobs.available:
        return json_response({"chat": "notAvailable"})
    return json_response({"chat": "available"} | waiting_time(state.knobs, 30))


def parameters(state: CentreState, call: ApiCall) -> HttpResponse:
    """E3: one-key objects, name to type."""
    return json_response({"parameters": _PARAMETERS})


def notifications(state: CentreState, call: ApiCall) -> HttpResponse:
    """E9: one token family, or an empty object to unsubscribe; the last write wins."""
    chat = own_chat(state, call)
    if not chat.live:
        raise ApiError(5005)
    fields = incoming.json_object(call.request.body)
    families = [family for family in _PUSH_FAMILIES if family & fields.keys()]
    if len(families) > 1 or (families and not state.knobs.push_configured):
        raise ApiError(5603)
    if fields and (not families or not families[0] <= fields.keys()):
        raise ApiError(5003, message="A device token is needed")
    chat.push = fields
    return json_response({})


def _case_chat(state: CentreState, call: ApiCall) -> Chat:
    """The chat whose case is meant: the path's, or at the API root the client's latest. Raises 5005, 5601."""
    chat = own_chat(state, call) if call.route.chat_id else state.current(call.key)
    if chat is None or not chat.live:
        raise ApiError(5005)
    if not chat.case_id:
        raise ApiError(5601)
    return chat


def casehistory(state: CentreState, call: ApiCall) -> HttpResponse:
    """E10: every session of this client that belongs to the case."""
    case_id = _case_chat(state, call).case_id
    sessions: list[Event] = [
        {
            "chat_id": chat.chat_id,
            "created_time": typed(chat.created_at // 1000, state.knobs.created_time_type),
            "events": chat.history(),
        }
        for chat in state.records.chats.values()
        if chat.key == call.key and chat.case_id == case_id
    ]
    return json_response({"sessions": sessions})


def closecase(state: CentreState, call: ApiCall) -> HttpResponse:
    """E11: afterwards there is no case, so a second call is answered 406."""
    chat = _case_chat(state, call)
    if state.knobs.crm_refuses:
        raise ApiError(5602)
    chat.case_id = ""
    return json_response({})


def upload(state: CentreState, call: ApiCall) -> HttpResponse:
    """E12."""
    limit = state.knobs.upload_limit_bytes
    # The envelope of one part is small; a body far above the limit needs no look inside.
    if len(call.request.body) > limit + 65_536:
        raise ApiError(5501)
    file = uploaded_file(call.request.header("Content-Type"), call.request.body)
    if len(file.content) > limit:
        raise ApiError(5501)
    stored = StoredFile(state.new_uuid("file"), file.name or "file", file.content_type, file.content)
    state.store(stored)
    name = {"file_name": stored.name} if state.knobs.file_name_in_reply else {}
    return json_response({"file_id": stored.file_id} | name)


def download(state: CentreState, call: ApiCall) -> HttpResponse:
    """E13 and E13b. A missing file says nothing about the session (section 7, 5502)."""
    if call.route.chat_id and state.chat(call.route.chat_id) is None:
        raise ApiError(5005)
    file = state.records.files.get(call.route.item)
    if file is None:
        raise ApiError(5502)
    # A browser saves it, and runs nothing of it; the console's policy allows scripts and styles from its own path only.
    kind = "application/octet-stream" if _RUNS.search(file.content_type.lower()) else file.content_type
    return HttpResponse(200, (("Content-Type", kind), ("Content-Disposition", "attachment")), file.content)


def photo(state: CentreState, call: ApiCall) -> HttpResponse:
    """E14: the picture of a party of this chat, or the chat's icon."""
    chat = state.chat(call.route.chat_id)
    if chat is None:
        raise ApiError(5005)
    known = {party.party_id.lower() for party in chat.parties.values()}
    if call.route.item and call.route.item.lower() not in known:
        raise ApiError(5502)
    return HttpResponse(200, (("Content-Type", "image/gif"),), PHOTO)


def iceservers(state: CentreState, call: ApiCall) -> HttpResponse:
    """E15."""
    return json_response({"servers": [{"url": "stun:127.0.0.1:3478"}]})


def configuration(state: CentreState, call: ApiCall) -> HttpResponse:
    """E16."""
    return json_response({"widgets": [_WIDGET]})


def requestsms(state: CentreState, call: ApiCall) -> HttpResponse:
    """E17, v1 only; its codes are a namespace of their own (section 7, notes)."""
    fields = incoming.json_object(call.request.body)
    return json_response({"sms_error_code": 0 if fields.get("phone_number") else 5})

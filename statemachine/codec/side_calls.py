"""The calls beside the conversation, as data: what to send, and what the answer says (protocol.md 1.2).

They belong to no session and change none, so the engine knows nothing of them. Every variant in the field is read: what
is odd about one member of a list costs that member; a success that makes no sense is a `Failure` of kind "unreadable".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from attrs import evolve, field, frozen

from ..core import Api, ChatOpened, Entry, Failure
from .body import MAX_BODY, Object, is_array, is_object
from .http import (
    Endpoint,
    HttpRequest,
    chat_path,
    json_body,
    listed_events,
    make_request,
    percent_encoded,
    read_failure,
    read_opened,
    tolerant,
)
from .lenient import header, read_body
from .values import read_instant, read_integer, read_seconds, read_text
from .widget import WidgetConfiguration, read_configuration
from .wire import decode_entries

A = TypeVar("A")
T = TypeVar("T")


# --- answers ----------------------------------------------------------------------------------------------------------


@frozen
class Availability:
    """Whether a chat would be taken now. `ewt`: estimated wait in milliseconds; None: not known, which is not 0."""

    available: bool
    ewt: int | None = None


@frozen
class Parameter:
    """A value that the scenario asks for when a chat is requested.

    `type`: PHONE, TEXT, EMAIL, FIRST_NAME, LAST_NAME, ACCOUNT, COMPANY, or a newer one.
    """

    name: str
    type: str


@frozen
class PastSession:
    """One chat of a case. `created`: milliseconds since the epoch; None: not known. `entries`: both sides', in order.

    In `entries` the customer's own party is this `chat_id`, not that of today's chat (protocol.md 5.1).
    """

    chat_id: str
    created: int | None
    entries: tuple[Entry, ...] = field(repr=lambda entries: f"<{len(entries)} entries>")


@frozen
class CaseHistory:
    """The chats of the current case, in the order in which the server lists them."""

    sessions: tuple[PastSession, ...]


@frozen
class IceServer:
    """A STUN or TURN server for calls. `credential`: a secret."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = field(default="", repr=False)


@frozen
class Content:
    """Bytes, and what the server says they are."""

    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    type: str = ""


@frozen
class Done:
    """It was done. `code`: a code in the answer that is no error code (SMS)."""

    code: int = 0


@frozen
class ApnsToken:
    """Push by Apple's own service."""

    device_token: str = field(repr=False)
    bundle_id: str


@frozen
class FirebaseToken:
    """Push by Firebase."""

    device_token: str = field(repr=False)
    platform: Literal["ios", "android"]


PushToken: TypeAlias = ApnsToken | FirebaseToken


# --- a call -----------------------------------------------------------------------------------------------------------


@frozen
class SideCall(Generic[A]):
    """One call, and how its answer is read.

    `paths`: below the version; where sources disagree, the next is tried if the first is not there (`next_path`).
    `api`: the only version that has it; None: the endpoint's. `raw`: the answer is bytes, not JSON.
    """

    name: str
    paths: tuple[str, ...]
    read: Callable[[Mapping[str, str], Any], A | None] = field(repr=False)
    method: str = "GET"
    body: bytes | None = field(default=None, repr=False)
    api: Api | None = None
    raw: bool = False


def to_request(call: SideCall[Any], endpoint: Endpoint, timeout: int, *, nonce: str = "") -> HttpRequest:
    """The request that carries out `call`, at its first path. `timeout`: milliseconds. `nonce`: any new text."""
    return make_request(endpoint, call.method, call.paths[0], timeout, api=call.api, nonce=nonce, body=call.body)


def read_answer(call: SideCall[A], status: int, headers: Mapping[str, str], body: bytes) -> A | Failure:
    """The content of the answer. Never raises; errors are classified as `read_reply` does."""
    if call.raw:
        empty, data, failure = False, None, read_file_failure(status, headers, body)
    else:
        empty, data = not body or body.isspace(), read_body(body, headers).value
        failure = read_failure(status, headers, data)
    if failure:
        return failure
    if len(body) > MAX_BODY:  # it was read no further: half a picture is none
        return Failure("unreadable", status)
    answer = call.read(headers, body if call.raw else None if empty else data)
    return Failure("unreadable", status) if answer is None else answer


ERROR_BODY: Final = 4 * 1024
"""Bytes. An error in the place of a file is never longer."""
_ERROR_FIELDS: Final = frozenset({"error_code", "error_message"})


def read_file_failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure | None:
    """The error that the answer to a download is, or None. Some servers send an error's JSON with status 200.

    `body`: at least its first `ERROR_BODY` bytes and one more.
    """
    data = read_body(body, headers).value if len(body) <= ERROR_BODY else None
    is_media = header(headers, "content-type").strip().lower().startswith(("image/", "audio/", "video/"))
    is_error = not is_media and is_object(data) and "error_code" in data and data.keys() <= _ERROR_FIELDS
    return read_failure(status, headers, data if is_error or not 200 <= status < 300 else None)


def next_path(call: SideCall[A], failure: Failure) -> SideCall[A] | None:
    """The same call at its other path, where the server has nothing at this one (protocol.md 10, row 16)."""
    if failure.status == 404 and failure.code != 5005 and len(call.paths) > 1:
        return evolve(call, paths=call.paths[1:])
    return None


# --- before a chat ----------------------------------------------------------------------------------------------------


def version() -> SideCall[str]:
    """E1: the server's version, such as "5.5.6.12345 (Stable)". v2 alone has it."""
    return SideCall("version", ("version",), _of_object(_read_version), api="v2")


def _read_version(said: Object) -> str | None:
    return tolerant(read_text, said.get("server_version")) or None


def availability() -> SideCall[Availability]:
    """E2: whether a chat would be taken now."""
    return SideCall("availability", ("availability",), _of_object(_read_availability))


def _read_availability(said: Object) -> Availability | None:
    state = tolerant(read_text, said.get("chat"))
    return Availability(state.lower() == "available", tolerant(read_seconds, said.get("ewt"))) if state else None


def expected_parameters() -> SideCall[tuple[Parameter, ...]]:
    """E3: the parameters that the scenario asks for when a chat is requested."""
    return SideCall("parameters", ("parameters",), _of_object(_read_parameters))


def _read_parameters(said: Object) -> tuple[Parameter, ...] | None:
    """An array of one-key objects as documented; one object of many keys says the same."""
    listed = said.get("parameters")
    if listed is not None and not is_array(listed) and not is_object(listed):
        return None
    found = listed if is_array(listed) else [listed]
    return tuple(
        Parameter(name, tolerant(read_text, kind) or "TEXT")
        for one in found
        if is_object(one)
        for name, kind in one.items()
    )


def active_chat() -> SideCall[ChatOpened]:
    """E5: this client's chat that is still open; `says_no_chat`: whether the answer is that there is none."""
    return SideCall("active", ("chats/active",), lambda _, data: read_opened(data))


def says_no_chat(failure: Failure) -> bool:
    """Whether E5 answered that there is no active chat. A 404 with another code is about something else (F25)."""
    return failure.status == 404 and failure.code in (None, 5005)


def request_sms(
    phone_number: str, *, from_: str | None = None, parameters: Mapping[str, object] | None = None
) -> SideCall[Done]:
    """E17: ask the centre to text this number. v1 alone has it. `Done.code` is 0 where it was done."""
    wish: Object = {"phone_number": phone_number, "parameters": dict(parameters or {})}
    if from_ is not None:
        wish["from"] = from_
    return SideCall("requestsms", ("requestsms",), _of_object(_read_sms), "POST", json_body(wish), api="v1")


def _read_sms(said: Object) -> Done | None:
    code = tolerant(read_integer, said.get("sms_error_code"))
    return None if code is None else Done(code)


def ice_servers() -> SideCall[tuple[IceServer, ...]]:
    """E15: the servers through which calls find their way."""
    return SideCall("iceservers", ("iceservers",), _of_object(_read_ice_servers))


def _read_ice_servers(said: Object) -> tuple[IceServer, ...] | None:
    listed = said.get("servers", said.get("iceServers"))
    if not is_array(listed):
        return None
    servers = (_read_ice_server(one) for one in listed if is_object(one))
    return tuple(server for server in servers if server.urls)


def _read_ice_server(said: Object) -> IceServer:
    """`url` as documented; `urls`, one or many, as browsers have it."""
    named = said.get("url", said.get("urls"))
    urls = [tolerant(read_text, one) for one in (named if is_array(named) else [named])]
    return IceServer(
        tuple(url for url in urls if url),
        tolerant(read_text, said.get("username")) or "",
        tolerant(read_text, said.get("credential")) or "",
    )


def widget_configuration() -> SideCall[WidgetConfiguration]:
    """E16: the widget's settings, among them the definitions of forms."""
    return SideCall("configuration", ("configuration",), _of_object(read_configuration))


# --- of a chat --------------------------------------------------------------------------------------------------------


def notifications(chat_id: str, token: PushToken | None) -> SideCall[Done]:
    """E9: announce events of this chat by push while no poll is open; None: stop that. v2."""
    wish: Object = {}
    if isinstance(token, ApnsToken):
        wish = {"ios_apns_device_token": token.device_token, "ios_app_bundle_id": token.bundle_id}
    elif token is not None:
        wish = {f"{token.platform}_firebase_device_token": token.device_token}
    return SideCall("notifications", (f"{_chat(chat_id)}/notifications",), _done, "POST", json_body(wish))


def case_history(chat_id: str) -> SideCall[CaseHistory]:
    """E10: the chats of this chat's case. v2, and only while the session has a case."""
    return SideCall("casehistory", (f"{_chat(chat_id)}/casehistory", "casehistory"), _of_object(_read_case_history))


def _read_case_history(said: Object) -> CaseHistory | None:
    listed = said.get("sessions")
    if listed is not None and not is_array(listed):
        return None
    return CaseHistory(tuple(_read_past(one) for one in listed or () if is_object(one)))


def _read_past(said: Object) -> PastSession:
    events = said.get("events")
    return PastSession(
        tolerant(read_text, said.get("chat_id")) or "",
        tolerant(read_instant, said.get("created_time")),
        decode_entries(events if is_array(events) else []),
    )


def close_case(chat_id: str) -> SideCall[Done]:
    """E11: the customer's concern is settled. v2. Whether it happened is unknown if the answer is lost."""
    return SideCall("closecase", (f"{_chat(chat_id)}/closecase", "closecase"), _done, "POST")


def history(chat_id: str) -> SideCall[tuple[Entry, ...]]:
    """E8: the whole log of an active chat, both sides'. A session reads it by itself; this is for looking back."""
    return SideCall("history", (f"{_chat(chat_id)}/history",), lambda _, data: _read_history(data))


def _read_history(data: object) -> tuple[Entry, ...] | None:
    events = listed_events(data)
    return None if events is None else decode_entries(events)


def download(chat_id: str, file_id: str) -> SideCall[Content]:
    """E13: a file of this chat; 5502 where the server no longer has it."""
    return SideCall("file", (f"{_chat(chat_id)}/files/{_step(file_id)}",), _content, raw=True)


def agent_photo(chat_id: str, party_id: str = "") -> SideCall[Content]:
    """E14: the picture of a party; without `party_id`, the chat's icon."""
    path = f"profilephotos/{_step(party_id)}" if party_id else "chaticon"
    return SideCall("photo", (f"{_chat(chat_id)}/{path}",), _picture, raw=True)


# --- reading ----------------------------------------------------------------------------------------------------------


def _of_object(read: Callable[[Object], T | None]) -> Callable[[Mapping[str, str], Any], T | None]:
    return lambda _, data: read(data) if is_object(data) else None


def _done(_headers: Mapping[str, str], _data: object) -> Done:
    """Documented as `{}`, seen empty: no error is all that counts."""
    return Done()


def _content(headers: Mapping[str, str], body: bytes) -> Content:
    return Content(body, header(headers, "content-type").partition(";")[0].strip().lower())


def _picture(headers: Mapping[str, str], body: bytes) -> Content | None:
    """A page where a picture should be comes from a proxy."""
    content = _content(headers, body)
    return None if content.type == "text/html" else content


def _chat(chat_id: str) -> str:
    _step(chat_id)
    return chat_path(chat_id)


def _step(id_: str) -> str:
    if id_ in ("", ".", ".."):  # the dots would lead a path astray
        raise ValueError(f"{id_!r} is no id")
    return percent_encoded(id_)

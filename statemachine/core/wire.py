"""The wire's vocabulary: every entry that a contact centre or its client puts into an `events` list.

One frozen class per wire name (protocol.md section 3), used in both directions where the wire uses one name in both.
Values are normalised: instants are integer milliseconds since the epoch (UTC) or None, durations integer milliseconds
or None, flags bool or None, everything else text. A field that the sender left out is None or "".

`extra` holds whatever else the entry carried, as JSON text ("" when there was nothing), so that nothing is lost.
Texts people wrote never appear in a `repr`: only their length does.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias

from .record import field, record


def redacted(text: str | None) -> str:
    return "None" if text is None else f"<{len(text)} chars>"


class Direction(StrEnum):
    """Who may send an entry."""

    TO_CLIENT = "to_client"
    TO_SERVER = "to_server"
    BOTH = "both"


class ContactCenterEvent(StrEnum):
    """The fifteen events of the seed enumeration, each with its direction (protocol.md 3.1, column "seed")."""

    direction: Direction

    def __new__(cls, name: str, direction: Direction) -> ContactCenterEvent:
        member = str.__new__(cls, name)
        member._value_ = name
        member.direction = direction
        return member

    STATUS = "chat_session_status", Direction.TO_CLIENT
    PARTY_JOINED = "chat_session_party_joined", Direction.TO_CLIENT
    PARTY_LEFT = "chat_session_party_left", Direction.TO_CLIENT
    MESSAGE = "chat_session_message", Direction.BOTH
    MESSAGE_DELIVERED = "chat_session_message_delivered", Direction.BOTH
    MESSAGE_READ = "chat_session_message_read", Direction.BOTH
    TYPING = "chat_session_typing", Direction.BOTH
    NOT_TYPING = "chat_session_not_typing", Direction.BOTH
    LOCATION = "chat_session_location", Direction.BOTH
    TIMEOUT_WARNING = "chat_session_timeout_warning", Direction.TO_CLIENT
    INACTIVITY_TIMEOUT = "chat_session_inactivity_timeout", Direction.TO_CLIENT
    ENDED = "chat_session_ended", Direction.TO_CLIENT
    CASE_SET = "chat_session_case_set", Direction.TO_CLIENT
    DISCONNECT = "chat_session_disconnect", Direction.TO_SERVER
    END = "chat_session_end", Direction.TO_SERVER


# --- conversation and lifecycle (protocol.md 3.1) -------------------------------------------------------------------


@record
class Status:
    """`chat_session_status`: the stage the server reports. `ewt`: estimated wait in ms; None is unknown, not 0."""

    state: str
    ewt: int | None = None
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class Info:
    """`chat_session_info` (undocumented): the name of the service."""

    service_name: str = ""
    extra: str = field(default="", repr=False)


@record
class PartyJoined:
    """`chat_session_party_joined`. `type`: scenario, external, internal, msteams, or a value not known yet."""

    party_id: str
    type: str = ""
    first_name: str = field(default="", repr=redacted)
    last_name: str = field(default="", repr=redacted)
    display_name: str = field(default="", repr=redacted)
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class PartyLeft:
    """`chat_session_party_left`: not the end of the session."""

    party_id: str
    type: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class Message:
    """`chat_session_message`. `msg` is an HTML fragment, `msg_text` the same as plain text where the server sends it.

    Outwards only `msg_text` is set; the codec writes both forms (protocol.md section 10, row 17).
    """

    msg_id: str = ""
    party_id: str = ""
    msg: str = field(default="", repr=redacted)
    msg_text: str | None = field(default=None, repr=redacted)
    timestamp: int | None = None
    channel: str = ""
    extra: str = field(default="", repr=False)


@record
class MessageDelivered:
    """`chat_session_message_delivered` (v2). `ref_msg_id` is the sender's own id of the message."""

    ref_msg_id: str
    party_id: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class MessageRead:
    """`chat_session_message_read` (v2). Read implies delivered."""

    ref_msg_id: str
    party_id: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class Typing:
    """`chat_session_typing`. `msg`: the draft, where the sender shows it while typing."""

    party_id: str = ""
    msg: str = field(default="", repr=redacted)
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class NotTyping:
    """`chat_session_not_typing`."""

    party_id: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class Location:
    """`chat_session_location`. Coordinates stay decimal text, as exact as they came."""

    latitude: str = field(repr=redacted)
    longitude: str = field(repr=redacted)
    url: str = field(default="", repr=redacted)
    msg_id: str = ""
    party_id: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class File:
    """`chat_session_file`: a file already uploaded (E12). `file_type`: image or attachment."""

    file_id: str
    file_type: str = "attachment"
    file_name: str = field(default="", repr=redacted)
    msg_id: str = ""
    party_id: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class TimeoutWarning:
    """`chat_session_timeout_warning`: the server will end an idle session soon. `msg` may be empty."""

    msg: str = field(default="", repr=redacted)
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class InactivityTimeout:
    """`chat_session_inactivity_timeout`, misspelt variant included: terminal."""

    msg: str = field(default="", repr=redacted)
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class SessionEnded:
    """`chat_session_ended`: the normal end, terminal."""

    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class CaseSet:
    """`chat_session_case_set` (v2). An empty `case_id` takes the case away again."""

    case_id: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class SessionDisconnect:
    """`chat_session_disconnect`, client to server: the conversation is over, the session stays."""

    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class SessionEnd:
    """`chat_session_end`, client to server: the session is over."""

    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class Navigation:
    """`chat_session_navigation`, client to server: a page the visitor looks at."""

    page: str = field(default="", repr=redacted)
    title: str = field(default="", repr=redacted)
    msg_id: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


# --- forms (protocol.md 3.2) ----------------------------------------------------------------------------------------


@record
class FormShow:
    """`chat_session_form_show`. An empty `form_name` is a plain prompt: the next text is its answer."""

    form_request_id: str
    form_name: str = ""
    form_timeout: int | None = None
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class FormData:
    """`chat_session_form_data`, client to server. `data`: a JSON object, as text."""

    form_request_id: str
    form_name: str = ""
    data: str = field(default="{}", repr=redacted)
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class FormDataCancel:
    """`chat_form_data_cancel` (sic), client to server."""

    form_request_id: str
    form_name: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class SecureFormShow:
    """`chat_session_secure_form_show`: an agent pushes a secure form; its definition is found by `form_id` (E16)."""

    form_request_id: str
    form_id: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class SecureFormData:
    """`chat_session_secure_form_data`, client to server.

    The values never enter the engine: `ref` names them for the host, which puts them on the wire (like file bytes), so
    that no snapshot, log or trace can hold them. Seen in history, `ref` is "".
    """

    form_request_id: str
    form_name: str = ""
    ref: str = ""
    timestamp: int | None = None


@record
class SecureFormCancel:
    """`chat_session_secure_form_cancel`, both directions."""

    form_request_id: str
    form_name: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class FormSubmit:
    """`chat_session_form_submit`: seen in one client's model only; nothing is done with it."""

    timestamp: int | None = None
    extra: str = field(default="", repr=False)


# --- signaling and co-browsing (protocol.md 3.3, 3.4) ---------------------------------------------------------------


@record
class Signaling:
    """`chat_session_signaling`: one WebRTC signal. `kind` is the wire's `data.type`; absent members of `data` are None.

    `data`: what else `data` held, as JSON text.
    """

    kind: str
    msg_id: str = ""
    party_id: str = ""
    destination_party_id: str = ""
    sdp: str | None = field(default=None, repr=redacted)
    candidate: str | None = field(default=None, repr=redacted)
    sdp_mid: str | None = None
    sdp_m_line_index: int | None = None
    offer_video: bool | None = None
    audio_enabled: bool | None = None
    video_enabled: bool | None = None
    reason_code: int | None = None
    reason: str | None = field(default=None, repr=redacted)
    number: str | None = field(default=None, repr=redacted)
    timestamp: int | None = None
    data: str = field(default="", repr=False)
    extra: str = field(default="", repr=False)


@record
class CobrowsingRequested:
    """`chat_session_cobrowsing_requested`: the agent asks to see the page."""

    msg_id: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class CobrowsingRejected:
    """`chat_session_cobrowsing_rejected`, client to server."""

    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class CobrowsingStarted:
    """`chat_session_cobrowsing_started`, client to server."""

    provider_type: str = ""
    cobrowsing_url: str = field(default="", repr=redacted)
    cobrowsing_id: str = ""
    timestamp: int | None = None
    extra: str = field(default="", repr=False)


@record
class CobrowsingEnded:
    """`chat_session_cobrowsing_ended`, client to server."""

    timestamp: int | None = None
    extra: str = field(default="", repr=False)


# --- what is not in the vocabulary ----------------------------------------------------------------------------------


@record
class Unknown:
    """An entry whose name is not known (protocol.md 3.0: kept, never fatal). `raw`: the whole entry as JSON text."""

    name: str
    raw: str = field(default="{}", repr=redacted)
    timestamp: int | None = None


@record
class Malformed:
    """An entry that could not be read. `problem` says why, without quoting any value; `raw`: the entry as JSON text."""

    problem: str
    name: str = ""
    raw: str = field(default="", repr=redacted)
    timestamp: int | None = None


Entry: TypeAlias = (
    Status
    | Info
    | PartyJoined
    | PartyLeft
    | Message
    | MessageDelivered
    | MessageRead
    | Typing
    | NotTyping
    | Location
    | File
    | TimeoutWarning
    | InactivityTimeout
    | SessionEnded
    | CaseSet
    | SessionDisconnect
    | SessionEnd
    | Navigation
    | FormShow
    | FormData
    | FormDataCancel
    | SecureFormShow
    | SecureFormData
    | SecureFormCancel
    | FormSubmit
    | Signaling
    | CobrowsingRequested
    | CobrowsingRejected
    | CobrowsingStarted
    | CobrowsingEnded
    | Unknown
    | Malformed
)

WIRE_NAMES: Final[dict[str, tuple[type[Entry], Direction]]] = {
    "chat_session_status": (Status, Direction.TO_CLIENT),
    "chat_session_info": (Info, Direction.TO_CLIENT),
    "chat_session_party_joined": (PartyJoined, Direction.TO_CLIENT),
    "chat_session_party_left": (PartyLeft, Direction.TO_CLIENT),
    "chat_session_message": (Message, Direction.BOTH),
    "chat_session_message_delivered": (MessageDelivered, Direction.BOTH),
    "chat_session_message_read": (MessageRead, Direction.BOTH),
    "chat_session_typing": (Typing, Direction.BOTH),
    "chat_session_not_typing": (NotTyping, Direction.BOTH),
    "chat_session_location": (Location, Direction.BOTH),
    "chat_session_file": (File, Direction.BOTH),
    "chat_session_timeout_warning": (TimeoutWarning, Direction.TO_CLIENT),
    "chat_session_inactivity_timeout": (InactivityTimeout, Direction.TO_CLIENT),
    "chat_session_inactvity_timeout": (InactivityTimeout, Direction.TO_CLIENT),  # the references' own misspelling
    "chat_session_ended": (SessionEnded, Direction.TO_CLIENT),
    "chat_session_case_set": (CaseSet, Direction.TO_CLIENT),
    "chat_session_disconnect": (SessionDisconnect, Direction.TO_SERVER),
    "chat_session_end": (SessionEnd, Direction.TO_SERVER),
    "chat_session_navigation": (Navigation, Direction.TO_SERVER),
    "chat_session_form_show": (FormShow, Direction.TO_CLIENT),
    "chat_session_form_data": (FormData, Direction.TO_SERVER),
    "chat_form_data_cancel": (FormDataCancel, Direction.TO_SERVER),
    "chat_session_secure_form_show": (SecureFormShow, Direction.TO_CLIENT),
    "chat_session_secure_form_data": (SecureFormData, Direction.TO_SERVER),
    "chat_session_secure_form_cancel": (SecureFormCancel, Direction.BOTH),
    "chat_session_form_submit": (FormSubmit, Direction.TO_SERVER),
    "chat_session_signaling": (Signaling, Direction.BOTH),
    "chat_session_cobrowsing_requested": (CobrowsingRequested, Direction.TO_CLIENT),
    "chat_session_cobrowsing_rejected": (CobrowsingRejected, Direction.TO_SERVER),
    "chat_session_cobrowsing_started": (CobrowsingStarted, Direction.TO_SERVER),
    "chat_session_cobrowsing_ended": (CobrowsingEnded, Direction.TO_SERVER),
}
"""Wire name -> (class, direction). The first name of a class is the one written."""


__all__ = [
    "WIRE_NAMES",
    "CaseSet",
    "CobrowsingEnded",
    "CobrowsingRejected",
    "CobrowsingRequested",
    "CobrowsingStarted",
    "ContactCenterEvent",
    "Direction",
    "Entry",
    "File",
    "FormData",
    "FormDataCancel",
    "FormShow",
    "FormSubmit",
    "InactivityTimeout",
    "Info",
    "Location",
    "Malformed",
    "Message",
    "MessageDelivered",
    "MessageRead",
    "Navigation",
    "NotTyping",
    "PartyJoined",
    "PartyLeft",
    "SecureFormCancel",
    "SecureFormData",
    "SecureFormShow",
    "SessionDisconnect",
    "SessionEnd",
    "SessionEnded",
    "Signaling",
    "Status",
    "TimeoutWarning",
    "Typing",
    "Unknown",
]

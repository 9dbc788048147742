"""The wire's vocabulary: every entry that a contact centre or its client puts into an `events` list.

One frozen class per wire name (protocol.md section 3), used in both directions where the wire uses one name in both.
Values are normalised: instants are integer milliseconds since the epoch (UTC) or None, durations integer milliseconds
or None, flags bool or None, everything else text. A field that the sender left out is None or "".

`extra` holds whatever else the entry carried, as JSON text ("" when there was nothing), so that nothing is lost.
Texts people wrote never appear in a `repr`: only their length does.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final, TypeAlias, get_args

from .declaration import (
    BOTH,
    TO_CLIENT,
    TO_SERVER,
    DecimalText,
    Direction,
    Duration,
    HostReference,
    Instant,
    JsonText,
    TextFlag,
    Wire,
)
from .plain_text import plain_text
from .record import field, record


def redacted(text: str | None) -> str:
    return "None" if text is None else f"<{len(text)} chars>"


class ContactCenterEvent(StrEnum):
    """The fifteen events of the seed enumeration (protocol.md 3.1, column "seed")."""

    STATUS = "chat_session_status"
    PARTY_JOINED = "chat_session_party_joined"
    PARTY_LEFT = "chat_session_party_left"
    MESSAGE = "chat_session_message"
    MESSAGE_DELIVERED = "chat_session_message_delivered"
    MESSAGE_READ = "chat_session_message_read"
    TYPING = "chat_session_typing"
    NOT_TYPING = "chat_session_not_typing"
    LOCATION = "chat_session_location"
    TIMEOUT_WARNING = "chat_session_timeout_warning"
    INACTIVITY_TIMEOUT = "chat_session_inactivity_timeout"
    ENDED = "chat_session_ended"
    CASE_SET = "chat_session_case_set"
    DISCONNECT = "chat_session_disconnect"
    END = "chat_session_end"

    @property
    def direction(self) -> Direction:
        """The side or sides that may send this event."""
        direction = WIRE_NAMES[self].wire.direction
        assert direction is not None
        return direction


# --- conversation and lifecycle (protocol.md 3.1) -------------------------------------------------------------------


@record
class Status:
    """`chat_session_status`: the stage the server reports. `ewt`: estimated wait in ms; None is unknown, not 0."""

    wire: ClassVar = Wire("chat_session_status", TO_CLIENT, "lifecycle")
    state: str
    ewt: Duration = None
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class Info:
    """`chat_session_info` (undocumented): the name of the service."""

    wire: ClassVar = Wire("chat_session_info", TO_CLIENT, "status", words="service: {e.service_name}")
    service_name: str = ""
    extra: JsonText = field(default="", repr=False)


@record
class PartyJoined:
    """`chat_session_party_joined`. `type`: scenario, external, internal, msteams, or a value not known yet."""

    wire: ClassVar = Wire("chat_session_party_joined", TO_CLIENT, "lifecycle")
    party_id: str
    type: str = ""
    first_name: str = field(default="", repr=redacted)
    last_name: str = field(default="", repr=redacted)
    display_name: str = field(default="", repr=redacted)
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class PartyLeft:
    """`chat_session_party_left`: not the end of the session."""

    wire: ClassVar = Wire("chat_session_party_left", TO_CLIENT, "lifecycle", words="leaves")
    party_id: str
    type: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class Message:
    """`chat_session_message`. `msg` is an HTML fragment, `msg_text` the same as plain text where the server sends it.

    Outwards only `msg_text` is set; the codec writes both forms (protocol.md section 10, row 17).
    """

    wire: ClassVar = Wire(
        "chat_session_message",
        BOTH,
        "transcript",
        key=("party_id", "timestamp", "msg", "msg_text"),
        resets_idle_timer=True,
        always=("msg",),
        needed=("msg", "msg_text"),
    )
    msg_id: str = ""
    party_id: str = ""
    msg: str = field(default="", repr=redacted)
    msg_text: str | None = field(default=None, repr=redacted)
    timestamp: Instant = None
    channel: str = ""
    extra: JsonText = field(default="", repr=False)

    @property
    def text(self) -> str:
        """What to show of the message: `msg_text` if the sender gave it, else the plain text of `msg`.

        It is text, not HTML: a page that shows it has to escape it.
        """
        return plain_text(self.msg) if self.msg_text is None else self.msg_text


@record
class MessageDelivered:
    """`chat_session_message_delivered` (v2). `ref_msg_id` is the sender's own id of the message."""

    wire: ClassVar = Wire(
        "chat_session_message_delivered",
        BOTH,
        "status",
        words="has received message {e.ref_msg_id}",
        old_members={"msg_id": "ref_msg_id"},
    )
    ref_msg_id: str
    party_id: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class MessageRead:
    """`chat_session_message_read` (v2). Read implies delivered."""

    wire: ClassVar = Wire(
        "chat_session_message_read",
        BOTH,
        "status",
        words="has read message {e.ref_msg_id}",
        old_members={"msg_id": "ref_msg_id"},
    )
    ref_msg_id: str
    party_id: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class Typing:
    """`chat_session_typing`. `msg`: the draft, where the sender shows it while typing."""

    wire: ClassVar = Wire("chat_session_typing", BOTH, "status", words="types")
    party_id: str = ""
    msg: str = field(default="", repr=redacted)
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class NotTyping:
    """`chat_session_not_typing`."""

    wire: ClassVar = Wire("chat_session_not_typing", BOTH, "status", words="stops typing")
    party_id: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class Location:
    """`chat_session_location`. Coordinates stay decimal text, as exact as they came."""

    wire: ClassVar = Wire(
        "chat_session_location",
        BOTH,
        "transcript",
        words="location: {e.latitude}, {e.longitude}",
        key=("party_id", "timestamp", "latitude", "longitude", "url"),
        resets_idle_timer=True,
    )
    latitude: DecimalText = field(repr=redacted)
    longitude: DecimalText = field(repr=redacted)
    url: str = field(default="", repr=redacted)
    msg_id: str = ""
    party_id: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class File:
    """`chat_session_file`: a file already uploaded (E12). `file_type`: image or attachment."""

    wire: ClassVar = Wire(
        "chat_session_file",
        BOTH,
        "transcript",
        key=("party_id", "timestamp", "file_id"),
        resets_idle_timer=True,
        always=("file_type",),
        old_members={"session_id": "party_id"},
    )
    file_id: str
    file_type: str = "attachment"
    file_name: str = field(default="", repr=redacted)
    msg_id: str = ""
    party_id: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class TimeoutWarning:
    """`chat_session_timeout_warning`: the server will end an idle session soon. `msg` may be empty."""

    wire: ClassVar = Wire("chat_session_timeout_warning", TO_CLIENT, "transcript", key=("timestamp", "msg"))
    msg: str = field(default="", repr=redacted)
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)

    @property
    def text(self) -> str:
        """The plain text of `msg`; "" if the tenant configured none."""
        return plain_text(self.msg)


@record
class InactivityTimeout:
    """`chat_session_inactivity_timeout`, misspelt variant included: terminal."""

    wire: ClassVar = Wire(
        "chat_session_inactivity_timeout",
        TO_CLIENT,
        "lifecycle",
        misspelt="chat_session_inactvity_timeout",  # in the vendor's own clients
    )
    msg: str = field(default="", repr=redacted)
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)

    @property
    def text(self) -> str:
        """The plain text of `msg`; "" if the tenant configured none."""
        return plain_text(self.msg)


@record
class SessionEnded:
    """`chat_session_ended`: the normal end, terminal."""

    wire: ClassVar = Wire("chat_session_ended", TO_CLIENT, "lifecycle", words="session ended")
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class CaseSet:
    """`chat_session_case_set` (v2). An empty `case_id` takes the case away again."""

    wire: ClassVar = Wire("chat_session_case_set", TO_CLIENT, "status", always=("case_id",))
    case_id: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class SessionDisconnect:
    """`chat_session_disconnect`, client to server: the conversation is over, the session stays."""

    wire: ClassVar = Wire("chat_session_disconnect", TO_SERVER, "status", words="ends the conversation")
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class SessionEnd:
    """`chat_session_end`, client to server: the session is over."""

    wire: ClassVar = Wire("chat_session_end", TO_SERVER, "none", words="ends the session", in_doubt="resend")
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class Navigation:
    """`chat_session_navigation`, client to server: a page the visitor looks at."""

    wire: ClassVar = Wire("chat_session_navigation", TO_SERVER, "status")
    page: str = field(default="", repr=redacted)
    title: str = field(default="", repr=redacted)
    msg_id: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


# --- forms (protocol.md 3.2) ----------------------------------------------------------------------------------------


@record
class FormShow:
    """`chat_session_form_show`. An empty `form_name` is a plain prompt: the next text is its answer."""

    wire: ClassVar = Wire(
        "chat_session_form_show", TO_CLIENT, "transcript", key=("form_request_id",), always=("form_name",)
    )
    form_request_id: str
    form_name: str = ""
    form_timeout: Duration = None
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class FormData:
    """`chat_session_form_data`, client to server. `data`: a JSON object, as text."""

    wire: ClassVar = Wire("chat_session_form_data", TO_SERVER, "status", resets_idle_timer=True, always=("form_name",))
    form_request_id: str
    form_name: str = ""
    data: JsonText = field(default="{}", repr=redacted)
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class FormDataCancel:
    """`chat_form_data_cancel` (sic), client to server."""

    wire: ClassVar = Wire("chat_form_data_cancel", TO_SERVER, "status", in_doubt="unknown")
    form_request_id: str
    form_name: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class SecureFormShow:
    """`chat_session_secure_form_show`: an agent pushes a secure form; its definition is found by `form_id` (E16)."""

    wire: ClassVar = Wire("chat_session_secure_form_show", TO_CLIENT, "transcript", key=("form_request_id",))
    form_request_id: str
    form_id: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class SecureFormData:
    """`chat_session_secure_form_data`, client to server.

    The values never enter the engine: `ref` names them for the host, which puts them on the wire (like file bytes), so
    that no snapshot, log or trace can hold them. Seen in history, `ref` is "".
    """

    wire: ClassVar = Wire(
        "chat_session_secure_form_data", TO_SERVER, "status", in_doubt="unknown", resets_idle_timer=True
    )
    form_request_id: str
    form_name: str = ""
    ref: HostReference = ""
    timestamp: Instant = None


@record
class SecureFormCancel:
    """`chat_session_secure_form_cancel`, both directions."""

    wire: ClassVar = Wire("chat_session_secure_form_cancel", BOTH, "status", in_doubt="unknown")
    form_request_id: str
    form_name: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class FormSubmit:
    """`chat_session_form_submit`: seen in one client's model only; nothing is done with it."""

    wire: ClassVar = Wire("chat_session_form_submit", None, "none", words="form submitted")
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


# --- signaling and co-browsing (protocol.md 3.3, 3.4) ---------------------------------------------------------------


@record
class Signaling:
    """`chat_session_signaling`: one WebRTC signal. `kind` is the wire's `data.type`; absent members of `data` are None.

    `destination_party_id`: the receiving party. `offer_video`: whether the call has video. `audio_enabled`,
    `video_enabled`: of a running call. `reason_code`: of a rejection. `number`: a phone number. `data`: all other
    members of `data`, as JSON text.
    """

    wire: ClassVar = Wire(
        "chat_session_signaling",
        BOTH,
        "transcript",
        words="call signal {e.kind}",
        key=("party_id", "timestamp", "kind", "sdp", "candidate", "sdp_m_line_index", "data"),
        in_doubt="unknown",
        in_data={
            "kind": "type",
            "sdp": "sdp",
            "candidate": "candidate",
            "sdp_mid": "sdpMid",
            "sdp_m_line_index": "sdpMLineIndex",
            "offer_video": "offerVideo",
            "audio_enabled": "audioEnabled",
            "video_enabled": "videoEnabled",
            "reason_code": "reason_code",
            "reason": "reason",
            "number": "number",
        },
    )
    kind: str
    msg_id: str = ""
    party_id: str = ""
    destination_party_id: str = ""
    sdp: str | None = field(default=None, repr=redacted)
    candidate: str | None = field(default=None, repr=redacted)
    sdp_mid: str | None = None
    sdp_m_line_index: int | None = None
    offer_video: TextFlag = None
    audio_enabled: bool | None = None
    video_enabled: bool | None = None
    reason_code: int | None = None
    reason: str | None = field(default=None, repr=redacted)
    number: str | None = field(default=None, repr=redacted)
    timestamp: Instant = None
    data: JsonText = field(default="", repr=False)
    extra: JsonText = field(default="", repr=False)


@record
class CobrowsingRequested:
    """`chat_session_cobrowsing_requested`: the agent asks to see the page."""

    wire: ClassVar = Wire(
        "chat_session_cobrowsing_requested",
        TO_CLIENT,
        "transcript",
        words="asks to see the page (co-browsing)",
        key=("timestamp",),
    )
    msg_id: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class CobrowsingRejected:
    """`chat_session_cobrowsing_rejected`, client to server."""

    wire: ClassVar = Wire(
        "chat_session_cobrowsing_rejected", TO_SERVER, "none", words="rejects co-browsing", in_doubt="unknown"
    )
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class CobrowsingStarted:
    """`chat_session_cobrowsing_started`, client to server."""

    wire: ClassVar = Wire(
        "chat_session_cobrowsing_started", TO_SERVER, "none", words="starts co-browsing", in_doubt="unknown"
    )
    provider_type: str = ""
    cobrowsing_url: str = field(default="", repr=redacted)
    cobrowsing_id: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


@record
class CobrowsingEnded:
    """`chat_session_cobrowsing_ended`, client to server."""

    wire: ClassVar = Wire(
        "chat_session_cobrowsing_ended", TO_SERVER, "none", words="ends co-browsing", in_doubt="unknown"
    )
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


# --- what is not in the vocabulary ----------------------------------------------------------------------------------


@record
class Unknown:
    """An entry whose name is not known (protocol.md 3.0: kept, never fatal). `raw`: the whole entry as JSON text."""

    wire: ClassVar = Wire("", None, "transcript", words="an event of no known name: {e.name}", key=("timestamp", "raw"))
    name: str
    raw: str = field(default="{}", repr=redacted)
    timestamp: Instant = None


@record
class Malformed:
    """An entry that could not be read. `problem` says why, without quoting any value; `raw`: the entry as JSON text."""

    wire: ClassVar = Wire("", None, "transcript", words="cannot be read: {e.problem}", key=("timestamp", "raw"))
    problem: str
    name: str = ""
    raw: str = field(default="", repr=redacted)
    timestamp: Instant = None


# fmt: off
Entry: TypeAlias = (
    Status | Info | PartyJoined | PartyLeft | Message | MessageDelivered | MessageRead | Typing | NotTyping
    | Location | File | TimeoutWarning | InactivityTimeout | SessionEnded | CaseSet | SessionDisconnect | SessionEnd
    | Navigation | FormShow | FormData | FormDataCancel | SecureFormShow | SecureFormData | SecureFormCancel
    | FormSubmit | Signaling | CobrowsingRequested | CobrowsingRejected | CobrowsingStarted | CobrowsingEnded
    | Unknown | Malformed
)
# fmt: on

SendableEntry: TypeAlias = Location | Navigation | Signaling | CobrowsingRejected | CobrowsingStarted | CobrowsingEnded
"""The entries that the application sends by `SendEntry`; all others have an intent of their own."""

ENTRIES: Final[tuple[type[Entry], ...]] = get_args(Entry)
SENDABLE_ENTRIES: Final[tuple[type[SendableEntry], ...]] = get_args(SendableEntry)
TRANSCRIPT_ENTRIES: Final = tuple([one for one in ENTRIES if one.wire.effect == "transcript"])
STATUS_ENTRIES: Final = tuple([one for one in ENTRIES if one.wire.effect == "status"])
IGNORED_ENTRIES: Final = tuple([one for one in ENTRIES if one.wire.effect == "none"])
WIRE_NAMES: Final = {name: one for one in ENTRIES for name in (one.wire.name, one.wire.misspelt) if name}

_outside = [
    one for one in tuple(vars().values()) if isinstance(getattr(one, "wire", None), Wire) and one not in ENTRIES
]
if _outside:
    raise TypeError(f"not in the union Entry: {_outside}")

# fmt: off
__all__ = [
    "ENTRIES", "IGNORED_ENTRIES", "SENDABLE_ENTRIES", "STATUS_ENTRIES", "TRANSCRIPT_ENTRIES", "WIRE_NAMES", "CaseSet",
    "CobrowsingEnded", "CobrowsingRejected", "CobrowsingRequested", "CobrowsingStarted", "ContactCenterEvent",
    "Direction", "Entry", "File", "FormData", "FormDataCancel", "FormShow", "FormSubmit", "InactivityTimeout", "Info",
    "Location", "Malformed", "Message", "MessageDelivered", "MessageRead", "Navigation", "NotTyping", "PartyJoined",
    "PartyLeft", "SecureFormCancel", "SecureFormData", "SecureFormShow", "SendableEntry", "SessionDisconnect",
    "SessionEnd", "SessionEnded", "Signaling", "Status", "TimeoutWarning", "Typing", "Unknown", "Wire",
]
# fmt: on

"""Between commands and HTTP, as data: no socket, no clock (protocol.md section 1).

Inwards: the error code first, then the status, then the body (F24). Any status, headers and bytes become a
`Reply`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Any, Final, TypeAlias, TypeVar, get_args
from urllib.parse import quote, urlsplit

from attrs import evolve, field, frozen

from .. import core
from ..core import Api, ChatOpened, Command, CreateChat, Entry, EventBatch, Failure, Reply, Upload
from ..core.record import record
from ..core.wire import SecureFormData
from .body import Object, as_object, clean, is_array, is_object
from .lenient import header, read_body
from .outwards import encode_entry
from .values import Expected, read_flag, read_integer, read_seconds, read_text
from .wire import read_entries

T = TypeVar("T")

_SCHEME: Final = "MOBILE-API-140-327-PLAIN"


# --- where to, and as whom ----------------------------------------------------------------------------------


def is_host(name: str) -> bool:
    """Whether this can be the name or the address of a host; the resolver refuses others with a UnicodeError."""
    labels = name.removesuffix(".").split(".")
    return ":" in name or all(0 < len(label) < 64 for label in labels)


def _address(endpoint: Endpoint, attribute: object, url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.scheme in ("http", "https") and parts.port != 0 else None
    except ValueError as error:
        raise ValueError(_NO_ADDRESS) from error
    if not host or not is_host(host):
        raise ValueError(_NO_ADDRESS)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("url: only scheme, host, port and path belong here")
    _header_text(endpoint, attribute, url)


_NO_ADDRESS: Final = "url: this is no address; one looks like https://chat.example.com"


def _identity(endpoint: Endpoint, attribute: Any, value: str) -> None:
    if not value.strip():
        raise ValueError(_EMPTY[attribute.name])
    _header_text(endpoint, attribute, value)
    if '"' in value or "\\" in value or (not endpoint.quoted and ("," in value or " " in value)):
        raise ValueError(f"{attribute.name}: this value cannot be written into the Authorization header")


_EMPTY: Final = {
    "app_id": "app_id is empty: it is the id of the messaging scenario entry, from the contact centre",
    "client_id": (
        "client_id is empty: all visitors would share one chat and read each other's messages. "
        "Give each user of your application an id of its own, and keep it"
    ),
}


def _header_text(_endpoint: object, attribute: Any, value: str) -> None:
    if not value.isascii() or not value.isprintable():
        raise ValueError(f"{attribute.name}: only printable ASCII can be sent in a header")


def _whole(_endpoint: object, attribute: Any, value: str) -> None:
    if clean(value) != value:
        raise ValueError(f"{attribute.name}: half of a surrogate pair cannot be sent")


def _version(_endpoint: object, _attribute: object, api: str) -> None:
    if api not in get_args(Api):
        raise ValueError(f"api: {api!r} is not known; it is v1 or v2")


def _trimmed(url: str) -> str:
    return url.rstrip("/")


def _hidden(value: str) -> str:
    return f"<{len(value)} chars>"


@frozen
class Endpoint:
    """The address of a contact centre, and the identity of the client (protocol.md 1.1).

    `url`: scheme and host, as in "https://chat.example.com". `tenant`: value of `tenantUrl`; "" leaves it
    out. `app_id`: id of the messaging scenario entry. `client_id`: one for each user and device, made by the
    host and kept. `api`: "v1" or "v2". `quoted`: whether the values of the Authorization header are quoted.
    `user_agent`: the header of that name. Raises ValueError.
    """

    url: str = field(validator=_address, converter=_trimmed)
    tenant: str = field(validator=_whole)
    app_id: str = field(repr=_hidden, validator=_identity)
    client_id: str = field(repr=_hidden, validator=_identity)
    api: Api = field(default="v2", validator=_version)
    quoted: bool = True
    user_agent: str = field(default="MobileClient", validator=_header_text)

    @property
    def authorization(self) -> str:
        """The value of the Authorization header. A secret."""
        mark = '"' if self.quoted else ""
        return f"{_SCHEME} appId={mark}{self.app_id}{mark}, clientId={mark}{self.client_id}{mark}"

    @cached_property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers of every request. They hold a secret."""
        return (
            ("Authorization", self.authorization),
            ("User-Agent", self.user_agent),
            ("Accept", "application/json"),
            ("Cache-Control", "no-cache"),
        )


# --- outwards -----------------------------------------------------------------------------------------------


def _redacted_headers(headers: tuple[tuple[str, str], ...]) -> str:
    return repr(tuple((name, "…" if name == "Authorization" else value) for name, value in headers))


@record
class HttpRequest:
    """One request. `method`, `headers`: as sent. `base`: scheme and host. `path` is percent-encoded, `query` is not.

    `url` is all of them, ready to be sent as it is.

    `body`: JSON in UTF-8; None for reads and uploads. `upload_ref`: the host's name for the bytes to upload
    as the one part, called `file`, of a multipart form, under the file name `upload_name`. `timeout`:
    milliseconds.
    """

    method: str
    base: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...] = field(repr=_redacted_headers)
    body: bytes | None = field(default=None, repr=False)
    upload_ref: str | None = None
    upload_name: str = field(default="", repr=False)
    timeout: int = 0

    @property
    def url(self) -> str:
        """The absolute URL, encoded. A client must not encode it again (yarl: `URL(url, encoded=True)`)."""
        query = "&".join([f"{name}={percent_encoded(value)}" for name, value in self.query])
        return f"{self.base}{self.path}?{query}" if query else f"{self.base}{self.path}"


def to_http(
    command: Command, endpoint: Endpoint, *, nonce: str = "", secret: Mapping[str, object] | None = None
) -> HttpRequest:
    """The request that carries out a command.

    Args:
        command: Any that `reduce` returned.
        endpoint: Where, and for whom.
        nonce: A text never used before, for reads: proxies replay cached polls (F34).
        secret: The values of the secure form that a `Post` names by its `ref`.

    Raises:
        ValueError: Such a post, without its values.
    """
    path, timeout = _path(command), command.timeout
    if type(command) in core.READS:
        return make_request(endpoint, "GET", path, timeout, nonce=nonce)
    if type(command) is Upload:
        return make_request(endpoint, "POST", path, timeout, upload_ref=command.ref, upload_name=command.name)
    return make_request(endpoint, "POST", path, timeout, body=_body(command, secret))


def make_request(
    endpoint: Endpoint,
    method: str,
    path: str,
    timeout: int,
    *,
    api: Api | None = None,
    nonce: str = "",
    body: bytes | None = None,
    upload_ref: str | None = None,
    upload_name: str = "",
) -> HttpRequest:
    """A request of the interface, with what each one carries. `path`: below the version, which is `api`, if given."""
    query: tuple[tuple[str, str], ...] = (("tenantUrl", endpoint.tenant),) if endpoint.tenant else ()
    if method == "GET" and nonce:
        query = (*query, ("nonce", nonce))
    headers = endpoint.headers
    if body:
        headers = (*headers, ("Content-Type", "application/json; charset=utf-8"))
    base = f"/clientweb/api/{api or endpoint.api}/{path}"
    return HttpRequest(method, endpoint.url, base, query, headers, body, upload_ref, upload_name, timeout)


_PATHS: Final[dict[type[Command], str]] = {CreateChat: "chats", core.FindChat: "chats/active", Upload: "files"}


def _path(command: Command) -> str:
    kind = type(command)
    if kind in _PATHS:
        return _PATHS[kind]
    of_chat: Any = command  # all others are
    return f"{chat_path(of_chat.chat_id)}/{'history' if kind is core.ReadHistory else 'events'}"


@lru_cache(1_024)
def chat_path(chat_id: str) -> str:
    """Where the calls of one chat are, below the version."""
    return f"chats/{percent_encoded(chat_id)}"


_needs_no_quotes: Final = re.compile(r"[\w.~-]*", re.ASCII).fullmatch


def percent_encoded(text: str) -> str:
    """An untrusted text, percent-encoded, as one step of a path or as a value of a query."""
    return text if _needs_no_quotes(text) else quote(clean(text), safe="")  # `quote` takes ten times as long


def _body(command: Any, secret: Mapping[str, object] | None) -> bytes:
    if type(command) is CreateChat:
        optional = {"phone_number": command.phone_number, "from": command.from_}
        chat: Object = {key: value for key, value in optional.items() if value is not None}
        return json_body({**chat, "parameters": json.loads(command.parameters)})
    entry: Entry = command.entry
    if type(entry) is SecureFormData and secret is None:
        raise ValueError("the values of the secure form are not at hand, so it cannot be sent")
    return json_body({"events": [encode_entry(entry, secret)]})


_write: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def json_body(value: object) -> bytes:
    """The body of a POST."""
    return clean(_write(value)).encode()


def upload_body(request: HttpRequest, content: bytes) -> tuple[str, bytes]:
    """The Content-Type and the body of an upload: one part of a multipart form.

    Args:
        request: Of an `Upload`, whose `upload_name` becomes the name of the file.
        content: The bytes of the file.
    """
    boundary = blake2b(content, digest_size=20).hexdigest()  # no content holds its own digest
    name = clean("".join(char if char.isprintable() else " " for char in request.upload_name)) or "file"
    quoted = name.replace("\\", "%5C").replace('"', "%22")
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n\r\n'
    return f"multipart/form-data; boundary={boundary}", head.encode() + content + f"\r\n--{boundary}--\r\n".encode()


# --- inwards ------------------------------------------------------------------------------------------------


def read_reply(command: Command, status: int, headers: Mapping[str, str], body: bytes, *, redirected: bool) -> Reply:
    """What the answer to a command says. Never raises.

    An empty body answers a poll, a reading of the history or a post without events (F10). A body that a strict reader
    refuses is read leniently, and the reply says so in `repaired`.

    Args:
        command: The command that was executed.
        status: The status of the answer.
        headers: Its headers; names in any case.
        body: Its whole body.
        redirected: The HTTP library followed a redirect. Such an answer is a failure, whatever it says: it is another
            server's or another page's, and its 200 would make a text `sent` that never arrived. Best follow none.

    Returns:
        `ChatOpened`, `EventBatch`, `HistoryLog` or `FileUploaded`; or a `Failure`: of kind "http" with the body's
        `error_code`, whatever its type and the status were, or "unreadable" for a success that cannot be read.
    """
    if redirected:
        return Failure("http", detail="the HTTP library followed a redirect, so another address has answered")
    read = read_body(body, headers)
    if failure := read_failure(status, headers, read.value):
        return failure
    reply = _READ[type(command)](None if not body or body.isspace() else read.value)
    if reply is None:
        return Failure("unreadable", status)
    if read.is_cut and isinstance(reply, EventBatch | core.HistoryLog):
        reply = evolve(reply, incomplete=True)
    if read.repaired and isinstance(reply, ChatOpened | EventBatch | core.HistoryLog):
        reply = evolve(reply, repaired="; ".join(filter(None, (read.repaired, reply.repaired))))
    return reply


def read_failure(status: int, headers: Mapping[str, str], data: object) -> Failure | None:
    """The error that an answer is, or None. `data`: its parsed body."""
    code, failed = None, not 200 <= status < 300
    if is_object(data) and ("error_code" in data or "error_message" in data):
        value = data.get("error_code")
        try:
            code = None if value is None else read_integer(value)
            is_error = code is not None or bool(data.get("error_message"))
        except Expected:
            is_error = value != ""
        if code == 0 and not failed:  # all is well (protocol.md 1.2, E17)
            is_error = False
        failed = failed or is_error
    return Failure("http", status, code, _retry_after(headers)) if failed else None


MAX_CHAT_ID: Final = 256
"""Characters. A longer one is no id: it would be in every request, and in the session for ever."""

_Read: TypeAlias = Callable[[object], Reply | None]


def _read_batch(data: object) -> EventBatch | None:
    events = listed_events(data)
    if events is None:
        return None
    entries, left_out = read_entries(events)
    return EventBatch(entries, left_out, bool(left_out))


def _read_log(data: object) -> core.HistoryLog | None:
    events = listed_events(data)
    return None if events is None else core.HistoryLog(*read_entries(events, newest=True))


def listed_events(data: object) -> list[object] | None:
    """The events that an answer lists, none for an empty answer (F10); None where it is no such answer."""
    events = data.get("events") if is_object(data) else data
    return [] if events is None else events if is_array(events) else None


def read_opened(data: object) -> ChatOpened | None:
    """What E4 and E5 answer: the chat, or None where there is no usable id."""
    said = as_object(data)
    chat_id = tolerant(read_text, said.get("chat_id")) or ""
    if chat_id in ("", ".", "..") or len(chat_id) > MAX_CHAT_ID or "\ufffd" in chat_id:
        return None  # the dots would lead a path astray; an id with an unreadable character names nothing
    return ChatOpened(
        chat_id,
        tolerant(read_text, said.get("state")) or "",
        tolerant(read_seconds, said.get("ewt")),
        tolerant(read_flag, said.get("is_new_chat")),
        tolerant(read_text, said.get("phone_number")) or "",
    )


def _read_uploaded(data: object) -> Reply | None:
    said = as_object(data)
    file_id = tolerant(read_text, said.get("file_id"))
    return core.FileUploaded(file_id, tolerant(read_text, said.get("file_name")) or "") if file_id else None


_READ: Final[dict[type[Command], _Read]] = {
    CreateChat: read_opened,
    core.FindChat: read_opened,
    core.Poll: _read_batch,
    core.ReadHistory: _read_log,
    core.Post: _read_batch,
    core.PostEphemeral: _read_batch,
    Upload: _read_uploaded,
}


def tolerant(read: Callable[[object], T], value: object) -> T | None:
    """The value as `read` reads it; None where it is absent or of no use."""
    try:
        return None if value is None else read(value)
    except Expected:
        return None


def _retry_after(headers: Mapping[str, str]) -> int | None:
    """Milliseconds. A date counts only beside the `Date` of the same answer: there is no other clock here."""
    value = header(headers, "retry-after").strip()
    try:
        return read_seconds(value)
    except Expected:
        pass
    until, sent = _date(value), _date(header(headers, "date"))
    if until is None or sent is None:
        return None
    return max(0, round((until - sent).total_seconds() * 1_000))


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)

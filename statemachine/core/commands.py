"""Commands: the calls that the host must make. Plain data, each with the id that its answer must name.

A command is owed from the step that returns it until it is answered (or its answer deadline fires, which counts as the
answer `timeout`). Nothing here is stored: `outbox(session)` rebuilds the commands from the records that hold their ids.
`timeout`: milliseconds the transport should wait for the whole answer.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from .record import field, record
from .wire import Entry, redacted


@record
class CreateChat:
    """Create a chat: `POST chats` (Request Chat)."""

    id: int
    timeout: int
    parameters: str = field(default="{}", repr=redacted)
    phone_number: str | None = field(default=None, repr=redacted)
    from_: str | None = field(default=None, repr=redacted)


@record
class FindChat:
    """Find the active chat of this client: `GET chats/active`."""

    id: int
    timeout: int


@record
class Poll:
    """Get new events: `GET chats/{chat_id}/events`, the long poll."""

    id: int
    timeout: int
    chat_id: str


@record
class ReadHistory:
    """Read the log of the chat: `GET chats/{chat_id}/history`."""

    id: int
    timeout: int
    chat_id: str


@record
class Post:
    """Send one entry of the queue: `POST chats/{chat_id}/events`."""

    id: int
    timeout: int
    chat_id: str
    item: str
    entry: Entry


@record
class PostEphemeral:
    """Send a receipt or a typing signal, best effort, beside the queue: `POST chats/{chat_id}/events`."""

    id: int
    timeout: int
    chat_id: str
    entry: Entry


@record
class Upload:
    """Upload a file: `POST files`. `ref`: the name of its bytes for the host. `name`: the file's name."""

    id: int
    timeout: int
    item: str
    ref: str
    name: str = field(default="", repr=redacted)


Kind: TypeAlias = Literal["create", "find", "poll", "history", "post", "ephemeral", "upload"]
"""What kind of call a command makes."""
Command: TypeAlias = CreateChat | FindChat | Poll | ReadHistory | Post | PostEphemeral | Upload

COMMANDS: Final[tuple[type[Command], ...]] = get_args(Command)
READS: Final[tuple[type[Command], ...]] = (FindChat, Poll, ReadHistory)
"""Calls without effect on the server: the driver may abort them (`can_abort`); all others never."""

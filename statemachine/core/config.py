"""The settings of a session: durations and limits, with defaults after protocol.md 4 and 6."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

from attrs import Attribute, field, frozen

from .record import short_repr

Api: TypeAlias = Literal["v1", "v2"]
"""The version of the contact centre's interface."""


def _version(_: object, attribute: Attribute[Api], value: str) -> None:
    if value not in get_args(Api):
        raise ValueError(f'Config.{attribute.name} must be "v1" or "v2", not {value!r}')


def _at_least(least: int) -> Callable[[object, Attribute[int], int], None]:
    def check(_: object, attribute: Attribute[int], value: int) -> None:
        if type(value) is not int or value < least:
            raise ValueError(f"Config.{attribute.name} must be a whole number of at least {least}, not {value!r}")

    return check


@frozen
class Config:
    """The settings of one session. Durations are milliseconds, limits are counts.

    `ChatClient` takes `Options` instead, and makes a `Config` of them: `timedelta` there, milliseconds here; the names
    are the same.

    Fields:
        api: The version of the server's API, "v1" or "v2". v1 has no receipts.
        receipts: Send delivered receipts by itself (v2 only).
        request_timeout: For the answer to a request, except polls and uploads.
        upload_timeout: For an upload.
        poll_timeout: For a poll: longer than the server holds it (15 s), with margin.
        answer_margin: A command without an answer so long after its timeout counts as timed out.
        settle: After a lost answer the history is read so much later, because the request may still arrive.
        backoff_start: The pause after the first failure; it doubles with each further one.
        backoff_cap: The longest pause after failures.
        busy_cap: The longest pause after "too many polls" (429, 5509).
        retry_after_cap: The longest `Retry-After` that is obeyed.
        brake: A poll that is answered faster than this counts as instant.
        brake_after: After so many instant answers in a row without a new entry, polls pause.
        brake_new_after: The same for instant answers with a new entry in each. The next answers then bring several.
        brake_cap: The longest such pause.
        limited_tries: How often a call is repeated whose error promises nothing (5500, 5558, 5955).
        request_within: How long to try to create a chat.
        presence_timeout: How long "no such chat", in answer to a call beside the poll, stays undecided.
        ending_within: How long to wait for the server's confirmation of an `End`.
        typing_every: The own typing signal is repeated at most so often.
        typing_expires: The own typing signal ends so long after the last key.
        remote_typing_expires: A typing indicator of others ends after this time.
        text_limit: Characters of a text.
        items_limit: Items that wait in the queue.
        tracked_limit: Sent items whose receipts are still followed.
        ephemeral_limit: Receipts and typing signals that wait.
        parties_limit: Participants.
        forms_limit: Open forms.
        id_limit: Characters of an id.
        window: Transcript entries in the dedupe window, eight bytes each.
    """

    __repr__ = short_repr

    api: Api = field(default="v2", validator=_version)
    receipts: bool = True
    request_timeout: int = field(default=10_000, validator=_at_least(0))
    upload_timeout: int = field(default=120_000, validator=_at_least(0))
    poll_timeout: int = field(default=30_000, validator=_at_least(0))
    answer_margin: int = field(default=5_000, validator=_at_least(0))
    settle: int = field(default=10_000, validator=_at_least(0))
    backoff_start: int = field(default=1_000, validator=_at_least(0))
    backoff_cap: int = field(default=30_000, validator=_at_least(0))
    busy_cap: int = field(default=15_000, validator=_at_least(0))
    retry_after_cap: int = field(default=300_000, validator=_at_least(0))
    brake: int = field(default=1_000, validator=_at_least(0))
    brake_after: int = field(default=3, validator=_at_least(0))
    brake_new_after: int = field(default=30, validator=_at_least(0))
    brake_cap: int = field(default=3_000, validator=_at_least(0))
    limited_tries: int = field(default=3, validator=_at_least(0))
    request_within: int = field(default=60_000, validator=_at_least(0))
    presence_timeout: int = field(default=20_000, validator=_at_least(0))
    ending_within: int = field(default=45_000, validator=_at_least(0))
    typing_every: int = field(default=5_000, validator=_at_least(0))
    typing_expires: int = field(default=10_000, validator=_at_least(0))
    remote_typing_expires: int = field(default=15_000, validator=_at_least(0))
    text_limit: int = field(default=16_000, validator=_at_least(0))
    items_limit: int = field(default=100, validator=_at_least(1))
    tracked_limit: int = field(default=32, validator=_at_least(1))
    ephemeral_limit: int = field(default=64, validator=_at_least(1))
    parties_limit: int = field(default=32, validator=_at_least(1))
    forms_limit: int = field(default=16, validator=_at_least(1))
    id_limit: int = field(default=256, validator=_at_least(1))
    window: int = field(default=128, validator=_at_least(1))


DEFAULT_CONFIG: Final = Config()


__all__ = ["DEFAULT_CONFIG", "Api", "Config"]

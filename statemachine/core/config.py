"""The numbers that a session goes by: durations and limits, with defaults after protocol.md 4 and 6."""

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
    """Durations in milliseconds, limits as counts; defaults after protocol.md 4 and 6."""

    __repr__ = short_repr

    api: Api = field(default="v2", validator=_version)
    receipts: bool = True
    """Send delivered receipts by itself (v2 only)."""
    request_timeout: int = field(default=10_000, validator=_at_least(0))
    upload_timeout: int = field(default=120_000, validator=_at_least(0))
    poll_timeout: int = field(default=30_000, validator=_at_least(0))
    """Above the server's longest hold of 15 s, with margin (4.2)."""
    answer_margin: int = field(default=5_000, validator=_at_least(0))
    """How long after its timeout a command may stay unanswered before that itself is the answer."""
    settle: int = field(default=10_000, validator=_at_least(0))
    """A post may land this long after its answer was lost; history read earlier proves nothing."""
    backoff_start: int = field(default=1_000, validator=_at_least(0))
    backoff_cap: int = field(default=30_000, validator=_at_least(0))
    busy_cap: int = field(default=15_000, validator=_at_least(0))
    retry_after_cap: int = field(default=300_000, validator=_at_least(0))
    """The longest `Retry-After` obeyed."""
    brake: int = field(default=1_000, validator=_at_least(0))
    """A poll answered faster than this, with nothing new in it, counts towards a pause."""
    brake_after: int = field(default=3, validator=_at_least(0))
    brake_new_after: int = field(default=30, validator=_at_least(0))
    """The same for polls answered so fast with something new in each: the next answers then bring several at once."""
    brake_cap: int = field(default=3_000, validator=_at_least(0))
    limited_tries: int = field(default=3, validator=_at_least(0))
    """How often a call is repeated whose error promises nothing (5500, 5558, 5955)."""
    request_within: int = field(default=60_000, validator=_at_least(0))
    presence_timeout: int = field(default=20_000, validator=_at_least(0))
    """How long "no such chat" to a call beside the poll stays undecided; longer than the server holds a poll."""
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
    """How many transcript entries are remembered, eight bytes each, to tell nothing twice."""


DEFAULT_CONFIG: Final = Config()


__all__ = ["DEFAULT_CONFIG", "Api", "Config"]

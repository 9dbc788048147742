"""How an entry of the wire is declared: the directions, the types of fields, and the declaration of a class.

The type of a field says how it is written on the wire, too: `codec/values.py` reads and writes each.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal, TypeAlias

import attrs


class Direction(StrEnum):
    """Who may send an entry."""

    TO_CLIENT = "to_client"
    TO_SERVER = "to_server"
    BOTH = "both"


TO_CLIENT: Final = Direction.TO_CLIENT
TO_SERVER: Final = Direction.TO_SERVER
BOTH: Final = Direction.BOTH

Instant: TypeAlias = Annotated[int | None, "instant"]
"""Milliseconds since the epoch, UTC; None: not known."""
Duration: TypeAlias = Annotated[int | None, "duration"]
"""Milliseconds, seconds on the wire; None: not known."""
DecimalText: TypeAlias = Annotated[str, "decimal"]
"""A decimal number as text, as exact as it came."""
TextFlag: TypeAlias = Annotated[bool | None, "text"]
"""A flag that is text on the wire; None: absent."""
JsonText: TypeAlias = Annotated[str, "json"]
"""Members of an entry that have no field of their own, as JSON text."""
HostReference: TypeAlias = Annotated[str, "host"]
"""A name for values that the host keeps; never on the wire."""

Effect: TypeAlias = Literal["lifecycle", "transcript", "status", "none"]
InDoubt: TypeAlias = Literal["history", "unknown", "resend"]
_NO_NAMES: Final[Mapping[str, str]] = {}


@attrs.frozen
class Wire:
    """The declaration of one class of entries. All that depends on the kind of an entry is derived from it.

    Args:
        name: Its name on the wire; "" for the two classes that keep what has no known name.
        direction: The side or sides that may send it; None: not known.
        effect: What receiving it does. `transcript`: it is delivered to the application, once. `status`: it changes
            what the session shows, and may arrive twice. `lifecycle`: it moves the phase. `none`: it is ignored.
        words: What it says, for people: a format string of the entry `e`. "": `replay/words.py` has a function.
        key: Of a transcript entry without a message id: the fields that tell it from another one of its class.
        in_doubt: How an ambiguous failure to send it is settled. `history`: it is looked up in the history.
            `unknown`: it leaves no trace there and is worse twice than not at all. `resend`: twice does no harm.
        resets_idle_timer: Sending it resets the server's idle timer (protocol.md 6.1; 10, row 7).
        always: Fields written even if they are empty: there, empty says something, or every document shows them.
        needed: Optional fields that make the entry `Malformed` where they cannot be read.
        old_members: Names that old servers use, and the fields they stand for.
        in_data: Fields that are members of the entry's `data` on the wire, with their names there.
        misspelt: Another name that is read, but never written.
    """

    name: str
    direction: Direction | None
    effect: Effect
    words: str = ""
    key: tuple[str, ...] = ()
    in_doubt: InDoubt = "history"
    resets_idle_timer: bool = False
    always: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    old_members: Mapping[str, str] = _NO_NAMES
    in_data: Mapping[str, str] = _NO_NAMES
    misspelt: str = ""

"""A contact-centre chat session as a pure function: `reduce(session, event) -> (session, commands)`.

The engine has no clock, no socket, no randomness and no logging. It is fed what happened and answers what to do:

    session = new_session(at=now)
    session, out = reduce(session, Request(at=now, origin="…", text="hello"))
    for command in owed(out): ...           # an adapter executes it, and feeds `Answered(at, command.id, reply)`
    alarm = next_deadline(session)          # wake then, and feed `Tick(at)`

Most people use `statemachine.client.ChatClient`, which does that over HTTP. Names of the wire's own entries
(`Message`, `PartyJoined`, …) stand in `statemachine.wire`, the session's records in `statemachine.records`.
Loading this module loads nothing but attrs and the core; `snapshot`, `restore` and `ChatClient` load what they need
when they are first used.
"""

from __future__ import annotations

from os.path import dirname, exists, join
from typing import TYPE_CHECKING, Any

if exists(join(dirname(__file__), "statemachine.py")):  # a module of python-statemachine; we have none of this name
    raise ImportError(
        "two packages share the import name 'statemachine' here: chat-session-statemachine and python-statemachine, "
        "and pip has written one over the other. Keep one in this environment: "
        "pip uninstall -y python-statemachine chat-session-statemachine, then install the one you want."
    )

from . import core
from .core import *  # noqa: F403
from .version import __version__ as __version__

if TYPE_CHECKING:
    from .client import ChatClient as ChatClient
    from .codec.records import (
        decode_command,
        decode_event,
        decode_update,
        encode_command,
        encode_event,
        encode_update,
    )
    from .codec.snapshot import restore, snapshot

_JSON = ("decode_command", "decode_event", "decode_update", "encode_command", "encode_event", "encode_update")
_LAZY = {
    "ChatClient": ".client",
    "restore": ".codec.snapshot",
    "snapshot": ".codec.snapshot",
    **dict.fromkeys(_JSON, ".codec.records"),
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# Without `ChatClient`, which is public too: `from statemachine import *` works without aiohttp.
__all__ = [
    "decode_command",
    "decode_event",
    "decode_update",
    "encode_command",
    "encode_event",
    "encode_update",
    "restore",
    "snapshot",
]
__all__ += core.__all__

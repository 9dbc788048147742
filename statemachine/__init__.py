"""A contact-centre chat session as a pure function: `reduce(session, event) -> (session, commands)`.

The engine has no clock, no socket, no randomness and no logging. It is fed what happened and answers what to do:

    session = new_session(at=now)
    session, out = reduce(session, RequestChat(at=now, origin="…", text="hello"))
    for command in out: ...                 # save, execute it, and feed `Answered(at, command.id, reply)`
    alarm = next_deadline(session)          # wake then, and feed `Tick(at)`

`out` has the updates too. `statemachine/DRIVER.md` has the rules. Most people use `statemachine.client.ChatClient`,
which does that over HTTP. Names of the wire's own entries (`Message`, `PartyJoined`, …) stand in `statemachine.wire`,
the session's records in `statemachine.records`. Importing this module loads nothing: each name loads its module when
it is first used, the core without more than attrs.
"""

from __future__ import annotations

from os.path import dirname, exists, join

if exists(join(dirname(__file__), "statemachine.py")):  # a module of python-statemachine; we have none of this name
    raise ImportError(
        "two packages share the import name 'statemachine' here: chat-session-statemachine and python-statemachine, "
        "and pip has written one over the other. Keep one in this environment: "
        "pip uninstall -y python-statemachine chat-session-statemachine, then install the one you want."
    )

from .version import __version__ as __version__

TYPE_CHECKING = False  # `typing` would take most of the time of this import, and Ctrl-C within it shows a traceback
if TYPE_CHECKING:
    from typing import Any

    from . import core
    from .client import ChatClient as ChatClient
    from .codec.records import decode_command, decode_event, decode_update, encode_command, encode_event, encode_update
    from .codec.snapshot import restore, snapshot
    from .core import *  # noqa: F403

    # Without `ChatClient`, which is public too: `from statemachine import *` works without aiohttp.
    __all__ = [
        "decode_command", "decode_event", "decode_update", "encode_command", "encode_event", "encode_update",
        "restore", "snapshot",
    ]  # fmt: skip
    __all__ += core.__all__

_JSON = ("decode_command", "decode_event", "decode_update", "encode_command", "encode_event", "encode_update")
_LAZY = {"restore": ".codec.snapshot", "snapshot": ".codec.snapshot", **dict.fromkeys(_JSON, ".codec.records")}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "core" or (name.startswith("_") and name != "__all__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    core = import_module(".core", __name__)
    core.Session._repr_svg_, public = _repr_svg_, core.__all__
    if name == "ChatClient":
        found: Any = import_module(".client", __name__).ChatClient
    elif name == "__all__":
        found = [*_LAZY, *public]
    elif name in _LAZY or name in public:
        found = getattr(import_module(_LAZY.get(name, ".core"), __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def _repr_svg_(session: core.Session) -> str | None:
    """For notebooks: the lifecycle with the session's state marked, where a renderer is installed (extra `diagrams`).

    A method that the core cannot define itself: it knows no pictures.
    """
    from .diagrams import NoRenderer, session_svg

    try:
        return session_svg(session)
    except NoRenderer:
        return None


def __dir__() -> list[str]:
    return sorted({*globals(), "ChatClient", *__getattr__("__all__")})

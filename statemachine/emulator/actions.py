"""The actions of the centre's side in a chat (agents, scenarios, failures), each of them one value.

``party`` and ``label`` are names private to the chat ("agent", "bot"); the party id on the wire is derived
from them. An empty ``party`` means the agent on duty, or the scenario's bot while there is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from statemachine.emulator.knobs import Fault


@frozen
class Action:
    """Something the centre does; the base of all actions."""


@frozen
class SetStatus(Action):
    """Status event with any state; ``ewt`` in seconds. ``failed`` and ``completed`` end the session (2.1)."""

    state: str
    ewt: int | None = None


@frozen
class SendInfo(Action):
    """The undocumented service name event at the start of a session (3.1)."""

    service_name: str


@frozen
class JoinParty(Action):
    """A party joins; ``type`` is internal for agents, scenario or external otherwise (3.0)."""

    label: str = "agent"
    first_name: str = "Ada"
    last_name: str = "Larsen"
    type: str = "internal"


@frozen
class Connect(Action):
    """An agent accepts: status connected and party_joined, in the order the knob says (section 10 row 10)."""

    label: str = "agent"
    first_name: str = "Ada"
    last_name: str = "Larsen"


@frozen
class LeaveParty(Action):
    """A party leaves, announced even when it never joined (F33)."""

    label: str = ""


@frozen
class LeaveAll(Action):
    """Every agent who is present leaves; without agents nothing is announced."""


@frozen
class Say(Action):
    """A message; ``{text}`` in it quotes the client's text that is answered.

    ``markup`` replaces the HTML made from ``text``. An empty ``msg_id`` is numbered.
    """

    text: str
    party: str = ""
    markup: str | None = None
    msg_id: str = ""


@frozen
class SayAsClient(Action):
    """The client says something elsewhere (another tab, another device): it comes under its own party id."""

    text: str
    msg_id: str = ""


@frozen
class ShareFile(Action):
    """A file is stored and announced; ``file_type`` is image or attachment."""

    name: str
    content: bytes
    party: str = ""
    file_type: str = "attachment"
    content_type: str = "application/octet-stream"


@frozen
class ShareLocation(Action):
    """A position in degrees."""

    latitude: float
    longitude: float
    url: str = ""
    party: str = ""


@frozen
class StartTyping(Action):
    """The party starts typing."""

    party: str = ""


@frozen
class StopTyping(Action):
    """The party stops typing."""

    party: str = ""


@frozen
class ShowForm(Action):
    """A form; an empty ``name`` is a plain text prompt (3.2). An empty ``request_id`` is numbered.

    ``timeout`` is in seconds, None leaves the field out.
    """

    name: str = ""
    request_id: str = ""
    timeout: int | None = None


@frozen
class ShowSecureForm(Action):
    """A secure form, defined in the widget configuration under ``form_id``."""

    form_id: str
    request_id: str = ""


@frozen
class CancelSecureForm(Action):
    """The agent closes a secure form; an empty ``request_id`` means the latest one."""

    request_id: str = ""


@frozen
class SendSignaling(Action):
    """WebRTC signaling; ``data`` as in 3.3."""

    data: Mapping[str, object]
    party: str = ""


@frozen
class RequestCobrowsing(Action):
    """The agent asks to see the client's page (3.4)."""


@frozen
class SetCase(Action):
    """The scenario assigns a CRM case, or takes it away with an empty id; v2 only."""

    case_id: str


@frozen
class SendDelivered(Action):
    """Delivered receipt for a client's message; empty ``msg_id``: the text reacted to, or the last one."""

    msg_id: str = ""
    party: str = ""


@frozen
class SendRead(Action):
    """Read receipt, as ``SendDelivered``."""

    msg_id: str = ""
    party: str = ""


@frozen
class Warn(Action):
    """Inactivity warning; None takes the knob's text."""

    text: str | None = None


@frozen
class TimeOut(Action):
    """Inactivity timeout: the session is over; None takes the knob's text."""

    text: str | None = None


@frozen
class EndChat(Action):
    """Normal end."""


@frozen
class Fail(Action):
    """Abnormal end: status failed."""


@frozen
class Complete(Action):
    """End as status completed."""


@frozen
class Conclude(Action):
    """A scenario's normal end, with the terminal signals the knob lists (2.2)."""


@frozen
class DropChat(Action):
    """The server loses the chat: 404/5005 from now on, nothing announced."""


@frozen
class Raw(Action):
    """Any event, as it is, to hand over by poll and to show in history."""

    event: Mapping[str, object]


@frozen
class InjectFault(Action):
    """Plan a failure of this chat's next calls."""

    fault: Fault


ACTIONS: Final[Mapping[str, type[Action]]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", one.__name__).lower(): one for one in Action.__subclasses__()
}
"""All actions by name, in the order of this module: ``show_form`` is ``ShowForm``."""

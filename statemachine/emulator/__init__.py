"""A contact centre to try clients on: a pure model of the server, and in ``Emulator`` its HTTP face on loopback.

The model needs attrs and the standard library; only ``Emulator`` loads aiohttp, when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statemachine.emulator.chat import Chat as Chat
from statemachine.emulator.chat import ClientKey as ClientKey
from statemachine.emulator.chat import Handover as Handover
from statemachine.emulator.chat import LogEntry as LogEntry
from statemachine.emulator.knobs import Fault, Knobs
from statemachine.emulator.model import Centre as Centre
from statemachine.emulator.state import StoredFile as StoredFile
from statemachine.emulator.state import Violation
from statemachine.emulator.steps import AnswerTexts as AnswerTexts
from statemachine.emulator.steps import Await as Await
from statemachine.emulator.steps import Pause as Pause
from statemachine.emulator.steps import Scenario
from statemachine.emulator.wire import DROPPED as DROPPED
from statemachine.emulator.wire import HttpRequest as HttpRequest
from statemachine.emulator.wire import HttpResponse as HttpResponse
from statemachine.extras import needed_by

if TYPE_CHECKING:
    from statemachine.emulator.http import Emulator

# The names imported as themselves are for this project's own parts.
__all__ = ["Emulator", "Fault", "Knobs", "Scenario", "Violation"]


def __getattr__(name: str) -> Any:
    if name != "Emulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needed_by("the emulator"):
        from statemachine.emulator.http import Emulator

    return Emulator

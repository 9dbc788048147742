"""A contact centre to try clients on: a pure model of the server, and in ``http`` its face on loopback.

The model needs attrs and the standard library; only ``statemachine.emulator.http`` loads aiohttp.
"""

from __future__ import annotations

from statemachine.emulator.chat import Chat, ClientKey, Handover, LogEntry
from statemachine.emulator.knobs import Fault, Knobs
from statemachine.emulator.model import Centre
from statemachine.emulator.state import StoredFile, Violation
from statemachine.emulator.steps import AnswerTexts, Await, Pause, Scenario
from statemachine.emulator.wire import DROPPED, HttpRequest, HttpResponse

__all__ = [
    "DROPPED",
    "AnswerTexts",
    "Await",
    "Centre",
    "Chat",
    "ClientKey",
    "Fault",
    "Handover",
    "HttpRequest",
    "HttpResponse",
    "Knobs",
    "LogEntry",
    "Pause",
    "Scenario",
    "StoredFile",
    "Violation",
]

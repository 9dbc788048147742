"""Violations that the emulator's judge reports, and that the faults of a run explain.

The judge sees the server's side of a network that this run has broken. What is allowed here is checked on the client's
side instead (`Oracle.executed`).
"""

from __future__ import annotations

from typing import Final

from attrs import define

from statemachine.core import DeliveryUpdate
from statemachine.emulator.state import Violation

from .actors import Customer
from .client import Client
from .environment import Environment
from .network import Network
from .oracle import Oracle
from .second_device import SecondDevice
from .server import Server

_RESUMES: Final = 15_000
"""In the foreground again, a client reads the history before it polls; milliseconds."""


@define(eq=False)
class ViolationFilter:
    """Reports the violations that the emulator has noted, unless they are allowed."""

    _env: Environment
    _server: Server
    _client: Client
    _network: Network
    _customer: Customer
    _device: SecondDevice
    _oracle: Oracle
    _judged: int = 0

    def after_step(self) -> None:
        """Report the new violations of the client to the oracle."""
        violations = self._server.centre.violations
        for found in violations[self._judged :]:
            if min(found.tickets) > 0 and not self._is_allowed(found):
                self._oracle.fail(found.rule, found.message)
        self._judged = len(violations)

    def _is_allowed(self, found: Violation) -> bool:
        session, log = self._client.session, self._oracle.current
        is_faulty = bool(self._env.faults.injected) or self._server.centre.selection.scenario.name == "flaky"
        is_second = len(self._oracle.sessions) > 1
        match found.rule:
            case "F1" | "F37":  # in flight when the end was sent, or the end was in a response that never came
                is_unreadable = self._env.knobs.malformed_events  # the entry of the end too
                is_forgotten = is_second and log.ledger.is_full  # the log has the end before what the window knows
                made_after = self._network.was_made_after_answer(found.ticket, self._end_ticket(found))
                return is_unreadable or is_forgotten or not made_after
            case "F3":
                # After an action of a person, a new process, a late request, a second device; or to settle doubt.
                latest = max(self._client.acted_at, self._network.landed_late_at, self._device.acted_at)
                settles = any(item.state.name == "in_doubt" for item in session.items)
                is_soon = found.at - latest <= self._env.knobs.judge_repoll_ms
                return is_soon or (settles and found.message.startswith("history"))
            case "F15":  # a second session does not know what the first has read, nor a full window what it has evicted
                return "once more" in found.message and (log.ledger.is_full or is_second)
            case "F5":  # no polls in the background, though the application may send; none before the history is read
                is_hidden = session.connection.name == "paused" or found.at - self._client.paused_at <= _RESUMES
                return is_hidden or is_faulty or session.history.name != "current"
            case "F32" if is_second:  # sent by a session that was over before its chat was
                return True
            case "F21" | "F22" | "F23" | "F26" | "F32" | "F34":
                # A poll whose connection broke unnoticed by the server; a receipt or typing signal that was lost.
                return is_faulty
            case "F30":  # the customer did both
                return self._customer.has_ended or self._device.has_ended
            case "F31" if log.ledger.is_full and found.message.endswith("again"):  # a full window has evicted it
                return True
            case "F31":  # a text sent before the client knew of the prompt, or one whose outcome is unknown
                return self._is_prompt(found) or any(
                    isinstance(update, DeliveryUpdate) and update.reason == "unknown"
                    for update in log.delivered.values()
                )
            case _:
                return False

    def _is_prompt(self, found: Violation) -> bool:
        return any(
            form.answers and (not form.name or form.cancelled) and f"{form.request_id!r}" in found.message
            for form in self._server.centre.chats[found.chat_id.lower()].forms.values()
        )

    def _end_ticket(self, found: Violation) -> int | None:
        chat = self._server.chat(found.chat_id)
        return None if chat is None else chat.observed.end_ticket

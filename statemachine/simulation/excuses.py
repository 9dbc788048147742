"""Where the centre's judge accuses an innocent client: the judge sees one side of a line that this world has cut.

What is excused here is checked on the client's side instead, where nothing is hidden (`Oracle.executed`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from statemachine.core.updates import DeliveryUpdate
from statemachine.emulator.state import Violation as Judged

if TYPE_CHECKING:
    from .world import World

__all__ = ["excuses"]

_COMES_BACK: Final = 15_000
"""In the foreground again, a client reads the log before it polls; milliseconds."""


def excuses(world: World, found: Judged) -> bool:
    """Whether this world's faults explain what the judge has seen."""
    is_faulty = bool(world.faults.injected) or world.centre.scenario.name == "flaky"
    forgot = world.oracle.book.ledger.is_full
    match found.rule:
        case "F1" | "F37":  # on its way when the end was told, or told by an answer that never came
            unreadable = world.knobs.malformed_events  # so that even the word of the end may be
            return unreadable or not world.network.made_knowing(found.ticket, _told_by(world, found))
        case "F3":
            # A person's act, a new process, a request long forgotten, another device; a reading for proof.
            latest = max(world.acted_at, world.network.belated_at, world.device.acted_at)
            proof = any(item.state.name == "in_doubt" for item in world.session.items)
            return found.at - latest <= world.knobs.judge_repoll_ms or (proof and found.message.startswith("history"))
        case "F15":  # a second session cannot know what the first has read, nor a full window what it forgot
            return "once more" in found.message and (forgot or len(world.oracle.books) > 1)
        case "F5":  # in the background nobody polls, though somebody may still write; nor before the log is read
            hidden = world.session.connection.name == "paused" or found.at - world.paused_at <= _COMES_BACK
            return hidden or is_faulty or world.session.history.name != "current"
        case "F32" if len(world.oracle.books) > 1:  # said by a session that was over before its chat was
            return True
        case "F21" | "F22" | "F23" | "F26" | "F32" | "F34":
            # A poll whose connection broke without the centre's knowing; a word of courtesy that was lost.
            return is_faulty
        case "F30":  # the customer said both
            return world.customer.has_ended
        case "F31" if forgot and found.message.endswith("again"):  # shown once more, for a full window forgot it
            return True
        case "F31":  # a text said before the client knew of the prompt, or what a person was told of as failed: unknown
            return _is_prompt(world, found) or any(
                isinstance(one, DeliveryUpdate) and one.reason == "unknown" for one in world.oracle.book.told.values()
            )
        case _:
            return False


def _is_prompt(world: World, found: Judged) -> bool:
    forms = world.centre.chats[found.chat_id.lower()].forms.values()
    return any(
        form.answers and (not form.name or form.cancelled) and f"{form.request_id!r}" in found.message for form in forms
    )


def _told_by(world: World, found: Judged) -> int | None:
    chat = world.centre.chats.get(found.chat_id.lower())
    return chat.observed.told_ticket if chat is not None else None

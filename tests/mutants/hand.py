"""Mutants made by hand: the mistakes that people make, in clients of this protocol and in reducers."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import count
from typing import Any, Final

import pytest
from attrs import evolve, frozen

from statemachine.conformance.laws import DEFAULT_ENGINE, Engine
from statemachine.core import derived, wire
from statemachine.core import fold as fold_module
from statemachine.core import session as st
from statemachine.core import signals as sig
from statemachine.core.actions import conversation, ephemeral, memory, opening, outgoing, participants, polling
from statemachine.core.draft import Draft
from statemachine.core.events import Answered, Disconnect, Incoming, SendText
from statemachine.core.tables import CELLS, MACHINES
from statemachine.core.tables.reactions import CODES
from tests.simulation import plants

reduce_module = import_module("statemachine.core.reduce")  # the package exports a function of this name

Patch = pytest.MonkeyPatch


def swap(patch: Patch, old: Callable[..., Any], new: Callable[..., Any]) -> None:
    """Another function in each row that names this one."""

    def other(function: Any) -> Any:
        return new if function is old else function

    for machine in MACHINES.values():
        for state in machine.states:
            for on in machine.alphabet:
                rows = machine.cell(state, on)
                if any(old in (row.when, row.make, *row.do) for row in rows):
                    changed = tuple(
                        evolve(row, when=other(row.when), make=other(row.make), do=tuple(map(other, row.do)))
                        for row in rows
                    )
                    patch.setitem(CELLS[machine.name][state], on, changed)


def _always(d: Draft, e: Any) -> bool:
    return True


def _never(d: Draft, e: Any) -> bool:
    return False


def _nothing(d: Draft, e: Any) -> None:
    """An effect that was forgotten."""


# --- what the process is --------------------------------------------------------------------------------------------


def drops_what_is_owed_on_restore(patch: Patch) -> Engine:
    """After a restart nobody remembers the poll."""
    restore = DEFAULT_ENGINE.restore
    return evolve(DEFAULT_ENGINE, restore=lambda data: evolve(restore(data), connection=st.ConnectionOff()))


def answers_by_mood(patch: Patch) -> Engine:
    """Something beside the session decides."""
    calls = count()

    def moody(session: Any, event: Any) -> Any:
        after, out = DEFAULT_ENGINE.reduce(session, event)
        return (evolve(after, ids=after.ids + next(calls) % 2) if after is not session else after), out

    return evolve(DEFAULT_ENGINE, reduce=moody)


def lets_the_clock_run_back(patch: Patch) -> Engine:
    """An event of an earlier time is handled at that time."""

    def backwards(session: Any, event: Any) -> Any:
        after, out = DEFAULT_ENGINE.reduce(session, event)
        return (after if after is session else evolve(after, now=event.at)), out

    return evolve(DEFAULT_ENGINE, reduce=backwards)


def gives_one_number_twice(patch: Patch) -> None:
    """Command ids do not count."""
    patch.setattr(Draft, "new_call", lambda d, timeout: (d.ids + 1, d.now + timeout))


def numbers_no_news(patch: Patch) -> None:
    """The application's cursor stands still."""
    right = conversation.report

    def report(d: Draft, entry: Any, **how: Any) -> None:
        seq = d.seq
        right(d, entry, **how)
        d.seq = seq

    swap(patch, right, report)
    patch.setattr(conversation, "report", report)


def takes_any_answer(patch: Patch) -> None:
    """A stale answer counts for the poll that is owed now."""
    right = reduce_module._HANDLERS[Answered]

    def answered(d: Draft, event: Answered) -> None:
        call = d.connection.call
        right(d, event if call is None else evolve(event, command=call))

    patch.setitem(reduce_module._HANDLERS, Answered, answered)


# --- batches --------------------------------------------------------------------------------------------------------


def _folding(patch: Patch, change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> None:
    def fold(d: Draft, batch: Any, *polled: bool) -> None:
        fold_module.fold(d, evolve(batch, entries=change(batch.entries)), *polled)

    patch.setattr(reduce_module, "fold", fold)
    patch.setitem(reduce_module._HANDLERS, Incoming, fold)


def regroups_a_batch(patch: Patch) -> None:
    """F38: by the type of its entries."""
    _folding(patch, lambda entries: tuple(sorted(entries, key=lambda e: type(e).__name__)))


def keeps_the_last_of_a_batch(patch: Patch) -> None:
    """F38: only the last entry counts."""
    _folding(patch, lambda entries: entries[-1:])


def drops_a_batch_for_one_entry(patch: Patch) -> None:
    """F9: one malformed entry, and all are lost."""
    _folding(patch, lambda entries: () if any(isinstance(e, wire.Malformed) for e in entries) else entries)


def drops_what_it_does_not_know(patch: Patch) -> None:
    """F8: an unknown entry is thrown away."""
    _folding(patch, lambda entries: tuple(e for e in entries if not isinstance(e, wire.Unknown)))


def forgets_the_merge(patch: Patch) -> None:
    """F16: the log is told from its beginning, whatever was told."""
    patch.setattr(memory, "is_known", lambda d, e, known: False)


# --- the line -------------------------------------------------------------------------------------------------------


def retries_without_backing_off(patch: Patch) -> None:
    """F3: at once, and again."""
    for module in (polling, outgoing, opening):
        patch.setattr(module, "back_off", lambda d, e, tries, *_: (d.now + 1, 0))


def never_brakes(patch: Patch) -> None:
    """F34: behind a caching proxy, seventy times a second."""
    swap(patch, polling.is_spinning, _never)


def takes_no_events_for_trouble(patch: Patch) -> None:
    """F10: 5511 is an error."""
    patch.setitem(CODES, 5511, evolve(CODES[5511], read="retry"))


def takes_a_wrong_entry_for_the_end(patch: Patch) -> None:
    """F25: 404 with 5006 is about the configuration, not about the session."""
    patch.setitem(CODES, 5006, evolve(CODES[5006], read="gone", post="gone"))


def trusts_an_error(patch: Patch) -> None:
    """F12: after a 5xx the post is simply repeated."""
    patch.setitem(CODES, 5001, evolve(CODES[5001], post="retry"))


def polls_in_the_background(patch: Patch) -> None:
    """A stale deadline wakes the link that was to be quiet."""
    patch.setitem(CELLS["connection"][st.ConnectionBackingOff], sig.Backgrounded, ())


def reads_for_every_chat(patch: Patch) -> None:
    """A push for another chat wakes this one."""
    swap(patch, conversation.is_about_this_chat, _always)


# --- the queue ------------------------------------------------------------------------------------------------------


def sends_after_the_end(patch: Patch) -> None:
    """F37: texts are taken when the session is over."""
    for state in st.TERMINAL:
        patch.setitem(CELLS["lifecycle"][state], SendText, CELLS["lifecycle"][st.Ivr][SendText])


def sends_before_there_is_a_chat(patch: Patch) -> None:
    """To an empty chat id, and while blocked."""
    swap(patch, outgoing.may_post, _always)


def proves_too_early(patch: Patch) -> None:
    """A log that was read while the post could still land says that it is missing."""
    swap(patch, outgoing.has_deadline, _never)


def says_everything_twice(patch: Patch) -> None:
    """The application's own key means nothing."""
    swap(patch, outgoing.key_is_known, _never)


def queues_without_end(patch: Patch) -> None:
    """No limit holds."""
    swap(patch, outgoing.queue_is_full, _never)


def tells_its_own_texts(patch: Patch) -> None:
    """F15, F33: the echo of one's own text is news."""
    patch.setattr(outgoing, "remember_sent", lambda d, item: None)


def answers_a_prompt_beside_it(patch: Patch) -> None:
    """F31: the prompt stays open, and the text goes as a message."""
    swap(patch, outgoing.answers_prompt, _never)


def treats_disconnect_as_end(patch: Patch) -> None:
    """F30: no survey is ever seen."""
    for state in (st.Connected, st.AgentJoined):
        patch.setitem(CELLS["lifecycle"][state], Disconnect, CELLS["lifecycle"][st.Queued][Disconnect])


# --- the room -------------------------------------------------------------------------------------------------------


def receipts_everything(patch: Patch) -> None:
    """F15: whatever it is, and whoever said it, it was delivered."""
    swap(patch, ephemeral.needs_receipt, _always)


def keeps_agents(patch: Patch) -> None:
    """F33: who leaves stays on the roster."""
    swap(patch, participants.remove_party, _nothing)


def types_for_ever(patch: Patch) -> None:
    """F32: an indicator has no expiry."""
    swap(patch, participants.expire_typing, _nothing)


def leaves_the_room_as_it_was(patch: Patch) -> None:
    """The session is over, and somebody is still typing."""
    swap(patch, participants.clear_participants, _nothing)


def stays_warned(patch: Patch) -> None:
    """A text does not calm."""
    swap(patch, outgoing.resets_idle_timer, _never)


def is_never_polite(patch: Patch) -> None:
    """No receipt is ever posted."""
    swap(patch, ephemeral.may_post, _never)


# --- the end --------------------------------------------------------------------------------------------------------


def ends_twice(patch: Patch) -> None:
    """The second terminal signal counts."""
    for state in st.TERMINAL:
        patch.setitem(CELLS["lifecycle"][state], wire.SessionEnded, CELLS["lifecycle"][st.Ivr][wire.SessionEnded])


def overlooks_failed(patch: Patch) -> None:
    """F1: status `failed` is just another status."""
    for state in (*st.LIVE, st.Ending):
        patch.setitem(CELLS["lifecycle"][state], sig.StatusFailed, ())


def misses_the_timeout_in_one_phase(patch: Patch) -> None:
    """A terminal entry is lost, while the conversation is being wrapped up."""
    patch.setitem(CELLS["lifecycle"][st.WrappingUp], wire.InactivityTimeout, ())


def renames_a_retry(patch: Patch) -> None:
    """A post that is tried again has another message id."""
    right = derived._command

    def command(s: Any, call: int, kind: Any, owner: Any) -> Any:
        made: Any = right(s, call, kind, owner)
        tries = owner.state.tries if kind == "post" else 0
        renamed = tries and isinstance(made.entry, wire.Message)
        return evolve(made, entry=evolve(made.entry, msg_id=f"{made.entry.msg_id}-{tries}")) if renamed else made

    patch.setattr(derived, "_command", command)


def keeps_a_timer(patch: Patch) -> None:
    """A text hides the own typing, but its timer runs on."""
    swap(patch, ephemeral.clear_typing, _nothing)


@frozen
class HandMade:
    """A plant; it may bring an engine of its own."""

    name: str
    plant: Callable[[Patch], Engine | None]


HAND_MADE: Final = tuple(
    HandMade(plant.__name__, plant)
    for plant in (
        drops_what_is_owed_on_restore,
        answers_by_mood,
        lets_the_clock_run_back,
        gives_one_number_twice,
        numbers_no_news,
        takes_any_answer,
        regroups_a_batch,
        keeps_the_last_of_a_batch,
        drops_a_batch_for_one_entry,
        drops_what_it_does_not_know,
        forgets_the_merge,
        retries_without_backing_off,
        never_brakes,
        takes_no_events_for_trouble,
        takes_a_wrong_entry_for_the_end,
        trusts_an_error,
        polls_in_the_background,
        reads_for_every_chat,
        sends_after_the_end,
        sends_before_there_is_a_chat,
        proves_too_early,
        says_everything_twice,
        queues_without_end,
        tells_its_own_texts,
        answers_a_prompt_beside_it,
        treats_disconnect_as_end,
        receipts_everything,
        keeps_agents,
        types_for_ever,
        leaves_the_room_as_it_was,
        stays_warned,
        is_never_polite,
        ends_twice,
        overlooks_failed,
        misses_the_timeout_in_one_phase,
        renames_a_retry,
        keeps_a_timer,
        *(plant for plant, *_ in plants.PLANTS.values() if plant is not plants.aborts_the_last_poll),  # the driver's
    )
)

"""Faults planted into the engine, each a mistake that real clients make."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from statemachine import READS, Restarted
from statemachine.adapters import driver
from statemachine.core import session as st
from statemachine.core import signals as sig
from statemachine.core import wire
from statemachine.core.actions import memory, outgoing, polling
from statemachine.core.draft import Draft
from statemachine.core.table import Action, Row
from statemachine.core.tables import CELLS, move

reduce_module = import_module("statemachine.core.reduce")  # the package exports a function of this name

Plant = Callable[[pytest.MonkeyPatch], None]


def _cell(patch: pytest.MonkeyPatch, machine: str, state: type[Any], on: type[Any], cell: tuple[Row, ...]) -> None:
    patch.setitem(CELLS[machine][state], on, cell)


def acting(do: Action) -> tuple[Row, ...]:
    """A cell that does this."""
    return (Row((), object, "taken", "planted", do=(do,)),)


def resends_blindly(patch: pytest.MonkeyPatch) -> None:
    """F12: a post whose answer was lost is simply sent again."""
    _cell(patch, "item", st.ItemSending, sig.PostDoubted, CELLS["item"][st.ItemSending][sig.PostPostponed])


def polls_twice(patch: pytest.MonkeyPatch) -> None:
    """F22: coming to the foreground opens a second poll while the first is held."""

    def again(d: Draft, e: Any) -> None:
        d.connection = polling.polling(d, e)

    _cell(patch, "connection", st.ConnectionPolling, sig.Foregrounded, acting(again))


def reuses_an_id(patch: pytest.MonkeyPatch) -> None:
    """F11: the message counter wraps."""
    right = outgoing._new_id

    def new_id(d: Draft) -> str:
        origin, _, number = right(d).rpartition(":")
        return f"{origin}:{int(number) % 16}"

    patch.setattr(outgoing, "_new_id", new_id)


def reads_history_at_once(patch: pytest.MonkeyPatch) -> None:
    """A post in doubt is looked for before it can have arrived, and sent again."""
    patch.setattr(outgoing, "after", lambda d, milliseconds: d.now + 1)


def drops_an_item_at_restart(patch: pytest.MonkeyPatch) -> None:
    """F14: what was being sent when the process died is forgotten."""
    right = reduce_module._HANDLERS[Restarted]

    def restart(d: Draft, event: Restarted) -> None:
        d.items = tuple(item for item in d.items if not isinstance(item.state, st.ItemSending))
        right(d, event)

    patch.setitem(reduce_module._HANDLERS, Restarted, restart)


def forgets_what_was_told(patch: pytest.MonkeyPatch) -> None:
    """F16: history and replayed batches are told as new."""
    patch.setattr(memory, "is_known", lambda d, e, left: False)


def polls_on_after_the_end(patch: pytest.MonkeyPatch) -> None:
    """F1: a terminal session keeps its poll."""
    _cell(patch, "connection", st.ConnectionPolling, sig.SessionOver, ())


def ignores_the_timeout(patch: pytest.MonkeyPatch) -> None:
    """F1: only `ended` counts as an end."""
    for state in (*st.LIVE, st.Ending):
        _cell(patch, "lifecycle", state, wire.InactivityTimeout, ())


def forgets_the_history(patch: pytest.MonkeyPatch) -> None:
    """After a poll that failed the next one is opened at once; what the first had eaten is lost."""

    def at_once(d: Draft, e: Any) -> None:
        d.connection = polling.polling(d, e)

    _cell(patch, "connection", st.ConnectionBackingOff, sig.PollDue, acting(at_once))


def overtakes(patch: pytest.MonkeyPatch) -> None:
    """A text said while another is in doubt is sent at once."""
    right = outgoing.next_to_send

    def next_to_send(d: Draft) -> list[Any]:
        busy = any(isinstance(item.state, st.ItemSending) for item in d.items)
        heads = [item for item in d.items if isinstance(item.state, st.ItemPending) and item.state.due is None]
        return [*right(d), *([] if busy else heads[:1])]

    patch.setattr(outgoing, "next_to_send", next_to_send)


def blocks_for_ever(patch: pytest.MonkeyPatch) -> None:
    """New credentials change nothing."""
    _cell(patch, "connection", st.ConnectionBlocked, sig.Unblocked, ())


def loses_the_jump(patch: pytest.MonkeyPatch) -> None:
    """A restart does not move the deadlines with the clock."""
    patch.setattr(reduce_module, "_shift", lambda d, by: None)


def aborts_the_last_poll(patch: pytest.MonkeyPatch) -> None:
    """A poll in flight at the end of the session is aborted, though its batch may be on its way."""
    patch.setattr(driver, "can_abort", lambda session, command: isinstance(command, READS))


def drops_what_comes_late(patch: pytest.MonkeyPatch) -> None:
    """A message that comes after the end of the session is not delivered."""
    for state in st.TERMINAL:
        _cell(patch, "lifecycle", state, wire.Message, ())


def believes_a_denial(patch: pytest.MonkeyPatch) -> None:
    """ "No such chat" to a post or a receipt ends the session, though the poll in flight decides."""
    _cell(patch, "presence", st.Present, sig.ChatDenied, acting(lambda d, e: move(d, d.lifecycle, sig.ChatGone, e)))


PLANTS: dict[str, tuple[Plant, set[str], int, int]] = {
    plant.__name__: (plant, laws, seeds, most)
    for plant, laws, seeds, most in (
        (resends_blindly, {"F12", "not sent means not arrived", "arrived once"}, 60, 100),
        (polls_twice, {"one poll"}, 60, 15),
        (reuses_an_id, {"L9"}, 60, 100),
        (reads_history_at_once, {"F12"}, 300, 100),
        (drops_an_item_at_restart, {"outcome of each"}, 60, 150),
        (forgets_what_was_told, {"L13"}, 60, 6),
        (polls_on_after_the_end, {"L8"}, 60, 6),
        (ignores_the_timeout, {"F1", "F37", "L12", "outcome", "comes to rest"}, 100, 150),
        (forgets_the_history, {"delivered", "L12"}, 400, 60),
        (overtakes, {"in order", "F12", "L7"}, 100, 90),
        (blocks_for_ever, {"L12", "comes to rest"}, 60, 100),
        (loses_the_jump, {"L3", "L4"}, 60, 8),
        (aborts_the_last_poll, {"handed out"}, 100, 60),
        (drops_what_comes_late, {"L14"}, 100, 8),
        (believes_a_denial, {"outcome"}, 100, 60),
    )
}
"""Name -> the plant, the laws that may show it, within how many seeds, and how many events may be left."""

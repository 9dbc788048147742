"""Every static check of the tables, tripped by a table that is wrong in just that way."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from attrs import evolve, frozen

from statemachine.core import signals as sig
from statemachine.core import updates
from statemachine.core.table import STAY, Machine, Row, arc, ignore, reject, rows
from statemachine.core.tables import COUPLINGS, MACHINES, REACTIONS
from statemachine.core.tables.couplings import Coupling
from statemachine.core.tables.reactions import Reaction
from tests.core import unused
from tests.core.table_checks import check, check_couplings


class Go(sig.Signal): ...


class Stop(sig.Signal): ...


@frozen
class Red:
    name = "red"


@frozen
class Green:
    name = "green"


@frozen
class Waiting:
    name = "waiting"
    due: int


def yes(d: Any, e: Any) -> bool:
    return True


def no(d: Any, e: Any) -> bool:
    return False


def waiting(d: Any, e: Any) -> Waiting:
    return Waiting(1)


GOOD = (
    *arc(Red, Go, (), (), Green, (), "because"),
    *arc(Green, Stop, (), (), Red, (), "because"),
    *ignore(Red, Stop, "stopped"),
    *ignore(Green, Go, "going"),
)


def machine(*table: Row, **fields: Any) -> Machine:
    made: dict[str, Any] = {
        "name": "attention",
        "states": (Red, Green),
        "initial": Red,
        "terminal": (),
    }
    return Machine(rows=table or GOOD, **{**made, **fields})


def without(gone: Row, *new: Row) -> tuple[Row, ...]:
    return (*(r for r in GOOD if r is not gone), *new)


def test_a_good_machine_passes() -> None:
    assert check(machine()) == []


BAD_CELLS = {
    "cell Red on Stop: undeclared": machine(*without(GOOD[2])),
    "unknown state Waiting": machine(*GOOD, *ignore(Waiting, Go, "what?")),
    "cell Green on Other: undeclared": machine(*GOOD, *ignore(Red, type("Other", (sig.Signal,), {}), "what?")),
    "row Red on Go: no reason given": machine(*without(GOOD[0], *arc(Red, Go, (), (), Green, (), " "))),
    "only the lifecycle may reject": machine(*without(GOOD[2], *reject(Red, Stop, "no"))),
    "two rows without a guard": machine(*GOOD, *arc(Red, Go, (), (), STAY, (), "again")),
    "stands behind one without a guard": machine(*GOOD, *arc(Red, Go, yes, (), STAY, (), "too late")),
    "guard yes twice": machine(*arc(Red, Go, yes, (), STAY, (), "1"), *arc(Red, Go, yes, (), STAY, (), "2"), *GOOD),
    "the last row has a guard": machine(*without(GOOD[2], *arc(Red, Stop, yes, (), STAY, (), "maybe"))),
    "a draft has no field lamp": machine(name="lamp"),
    "Waiting carries data, so the row needs a make": machine(
        *without(GOOD[0], *arc(Red, Go, (), (), Waiting, (), "because")), states=(Red, Green, Waiting)
    ),
}


@pytest.mark.parametrize("fault", BAD_CELLS)
def test_cells(fault: str) -> None:
    found = check(BAD_CELLS[fault])
    assert any(fault in one for one in found), found


BLUE = frozen(type("Blue", (), {"name": "blue"}))
STAYING = (*ignore((Red, Green), (Go, Stop), "nothing"),)
BAD_GRAPHS = {
    "Blue can never be reached": machine(
        *GOOD, *arc(BLUE, Go, (), (), Red, (), "x"), *ignore(BLUE, Stop, "x"), states=(Red, Green, BLUE)
    ),
    "Green is a trap": machine(*without(GOOD[1], *ignore(Green, Stop, "for ever"))),
    "Red is terminal, but something leaves it": machine(terminal=(Red,)),
    "no way leads from Red to a terminal state": machine(
        *GOOD, *ignore(BLUE, (Go, Stop), "over"), states=(Red, Green, BLUE), terminal=(BLUE,)
    ),
}


@pytest.mark.parametrize("fault", BAD_GRAPHS)
def test_graph(fault: str) -> None:
    assert any(fault in found for found in check(BAD_GRAPHS[fault])), check(BAD_GRAPHS[fault])


TIMED = (
    *arc(Red, Go, (), (), waiting, (), "x"),
    *arc(Waiting, Stop, (), (), Red, (), "x"),
    *ignore(Red, Stop, "x"),
    *ignore(Waiting, Go, "x"),
)
BAD_DEADLINES = {
    "Waiting has a deadline that no row handles": machine(*TIMED, states=(Red, Waiting)),
    "Red has no deadline to raise Stop": machine(*TIMED, states=(Red, Waiting), deadlines={Red: Stop, Waiting: Stop}),
    "deadline SessionOver is not in the alphabet": machine(
        *TIMED, states=(Red, Waiting), deadlines={Waiting: sig.SessionOver}
    ),
}


@pytest.mark.parametrize("fault", BAD_DEADLINES)
def test_deadlines(fault: str) -> None:
    assert any(fault in found for found in check(BAD_DEADLINES[fault])), check(BAD_DEADLINES[fault])


# --- between the machines -------------------------------------------------------------------------------------------

LOUD = machine(*without(GOOD[0], *arc(Red, Go, (), (), Green, Stop, "x")), name="loud")
HEARD = Coupling(Stop, "loud", "attention", "x")
HELLO = (Reaction((("loud", Go), ("attention", Go)), "x"),)
BAD_COUPLINGS = {
    "loud: raises Stop, but no coupling declares it": ((LOUD,), (), HELLO),
    "coupling Go: loud never raises it": ((LOUD, machine()), (HEARD, evolve(HEARD, signal=Go)), HELLO),
    "attention receives SessionOver, but it is not in its alphabet": (
        (LOUD, machine()),
        (HEARD, evolve(HEARD, signal=sig.SessionOver)),
        HELLO,
    ),
    "attention: Go is in its alphabet, but nothing raises it": ((LOUD, machine()), (HEARD,), ()),
}


@pytest.mark.parametrize("fault", BAD_COUPLINGS)
def test_couplings(fault: str) -> None:
    machines, couplings, reactions = BAD_COUPLINGS[fault]
    assert fault in check_couplings(
        [*machines, *([machine()] if machine() not in machines else [])], couplings, reactions
    )


def test_the_real_tables_pass() -> None:
    assert [fault for one in MACHINES.values() for fault in check(one)] == []
    reactions = [reaction for by_class in REACTIONS.values() for reaction in by_class.values()]
    assert check_couplings(MACHINES.values(), COUPLINGS, reactions) == []
    assert unused.everything_unused() == []


# --- what is left over ----------------------------------------------------------------------------------------------


def module(name: str, **content: Any) -> ModuleType:
    made = ModuleType(name)
    for one in content.values():
        if callable(one):
            one.__module__ = name
    vars(made).update(content)
    return made


def test_a_function_that_no_row_uses() -> None:
    def idle(d: Any, e: Any) -> None: ...

    made = module("made_up", idle=idle)
    assert unused.unused_functions([made], [], set()) == ["made_up: idle is never used"]
    assert unused.unused_functions([made], arc(Red, Go, (), idle, Green, (), "x"), set()) == []
    assert unused.unused_functions([made], arc(Red, Go, idle, (), Green, (), "x"), set()) == []
    assert unused.unused_functions([made], arc(Red, Go, (), (), idle, (), "x"), set()) == []
    assert unused.unused_functions([made], [], {"idle"}) == []


def test_a_signal_or_an_event_that_no_machine_handles() -> None:
    every = list(MACHINES.values())
    assert unused.unhandled(every) == []
    deaf = [one for one in every if one.name != "attention"]
    assert "WarningReceived is handled by no machine" in unused.unhandled(deaf)
    faults = unused.unhandled([one for one in every if one.name != "lifecycle"])
    assert "SendText is handled by no machine" in faults
    assert "Message is handled by no machine" in faults
    assert "TypingExpired is handled by no machine" in faults


def test_a_command_update_or_outcome_that_nothing_produces() -> None:
    names = unused.mentioned_in(unused.core_modules())
    assert unused.unproduced(names) == []
    for one in ("Upload", "HistoryGap", "CaseChanged", "gave_up", "not_sent", "delivered"):
        assert unused.unproduced(names - {one}) == [f"{one} is never produced"]


def test_a_reason_that_no_row_gives() -> None:
    made = module("made_up", BUSY="too busy", _TIRED="tired", small="no reason")
    given = rows(ignore(Red, Go, "tired"))
    assert unused.unused_reasons([made], given) == ["made_up.BUSY: this reason is never given"]


def test_left_overs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unused, "unproduced", lambda names: ["Upload is never produced"])
    assert unused.everything_unused() == ["Upload is never produced"]


def test_every_literal_is_public_vocabulary() -> None:
    """The literals that snapshots and other languages hang on."""
    assert updates.Reason.__args__ == ("not_sent", "unknown", "refused", "unreadable")
    assert updates.Progression.__args__ == ("sent", "delivered", "read", "failed")
    assert updates.Outcome.__args__ == ("ended", "completed", "failed", "refused", "gave_up", "timed_out", "gone")

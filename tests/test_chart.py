"""The second interpreter against the engine: every cell of every machine, every valuation of its guards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from attrs import evolve, frozen

from statemachine.chart import Chart
from statemachine.core.draft import Draft
from statemachine.core.errors import IllegalIntent
from statemachine.core.session import ConnectionPaused, new_session
from statemachine.core.table import Machine, Row, Verdict
from statemachine.core.tables import CELLS, MACHINES, RECEIVERS, Coupling, move

Valuation = dict[str, bool]


@frozen
class Answer:
    """What an interpreter made of one cell. `row`: its place in the cell, where the interpreter can tell."""

    verdict: Verdict
    row: int | None
    target: str


def cells(machine: Machine) -> Iterator[tuple[type[Any], type[Any], tuple[Row, ...]]]:
    for state, on in product(machine.states, machine.alphabet):
        yield state, on, machine.cell(state, on)


def valuations(cell: tuple[Row, ...]) -> Iterator[Valuation]:
    names = [row.when.__name__ for row in cell if row.when is not None]
    for answers in product((True, False), repeat=len(names)):
        yield dict(zip(names, answers, strict=True))


def noting(what: object) -> Any:
    return lambda d, e: d.updates.append(what) or ()


def noted(index: int, row: Row, valuation: Mapping[str, bool]) -> Row:
    """The row with a guard that answers as it is told, and effects that are only noted."""
    when = None if row.when is None else valuation[row.when.__name__]
    return evolve(
        row,
        when=None if when is None else lambda d, e: when,
        do=(noting(index), *(noting("do") for _ in row.do)) if row.verdict == "taken" else (),
        make=None if row.make is None else lambda d, e: row.to,
    )


def by_reducer(
    machine: Machine, state: type[Any], on: type[Any], cell: tuple[Row, ...], valuation: Valuation
) -> Answer:
    d, before = Draft(new_session(0), 0), object.__new__(state)
    setattr(d, machine.name, before)
    notes: list[Any] = d.updates
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CELLS[machine.name][state], on, tuple(noted(i, row, valuation) for i, row in enumerate(cell)))
        for signal in {signal for row in cell for signal in row.raises}:
            coupling = Coupling(signal, machine.name, "item", "noted", noting(signal))
            patch.setitem(RECEIVERS[machine.name], signal, [coupling])
        try:
            move(d, before, on, object.__new__(on))
        except IllegalIntent as refusal:
            assert not notes
            first = next(i for i, row in enumerate(cell) if row.why == refusal.reason)
            return Answer("rejected", first, state.name)
    after = getattr(d, machine.name)
    if not notes:
        return Answer("ignored", None, after.name)
    index, *rest = notes
    assert rest == [*("do" for _ in cell[index].do), *cell[index].raises], "effects first, then what is raised"
    return Answer("taken", index, after.name)


def by_chart(chart: Chart, state: type[Any], on: type[Any], cell: tuple[Row, ...], valuation: Valuation) -> Answer:
    step = chart.take(state.name, on.__name__, valuation)
    index = next((i for i, row in enumerate(cell) if row is step.row), -1)
    if step.verdict == "rejected":
        index = next((i for i, row in enumerate(cell) if row.why == step.row.why), -1)
    return Answer(step.verdict, None if step.verdict == "ignored" else index, step.target)


def differences(machine: Machine, chart: Chart) -> tuple[list[str], int, int]:
    """Where the two disagree, how many cells there are, and how many valuations."""
    found: list[str] = []
    cell_count = valuation_count = 0
    for state, on, cell in cells(machine):
        cell_count += 1
        for valuation in valuations(cell):
            valuation_count += 1
            ours = by_reducer(machine, state, on, cell, valuation)
            theirs = by_chart(chart, state, on, cell, valuation)
            if ours != theirs:
                found.append(f"{state.name} on {on.__name__} {valuation}: reducer {ours}, chart {theirs}")
    return found, cell_count, valuation_count


@pytest.mark.parametrize("name", MACHINES)
def test_every_cell_agrees_for_every_answer_of_its_guards(name: str) -> None:
    machine = MACHINES[name]
    found, cell_count, valuation_count = differences(machine, Chart(machine))
    assert not found, "\n".join(found)
    assert cell_count == len(machine.states) * len(machine.alphabet)
    assert valuation_count == sum(2 ** sum(r.when is not None for r in cell) for _, _, cell in cells(machine))


def test_the_comparison_is_not_empty() -> None:
    counts = {name: differences(machine, Chart(machine))[1:] for name, machine in MACHINES.items()}
    assert sum(cell_count for cell_count, _ in counts.values()) > 1_200
    assert sum(valuation_count for _, valuation_count in counts.values()) > 2_000
    assert all(valuation_count >= cell_count for cell_count, valuation_count in counts.values())
    verdicts = {row.verdict for machine in MACHINES.values() for row in machine.rows}
    assert verdicts == {"taken", "ignored", "rejected"}


# --- the comparison can fail: each mutant must be told apart ----------------------------------------------------------


def only(machine: Machine, on: type[Any]) -> Machine:
    """The part of a machine that handles one event."""
    return evolve(machine, rows=tuple(row for row in machine.rows if row.on is on))


def mutants(machine: Machine, row: Row) -> Iterator[tuple[str, Row]]:
    """Wrong versions of a row, each of which must show in some cell."""
    if row.verdict == "taken":
        yield "ignored instead of taken", evolve(row, verdict="ignored", to=None, do=(), make=None, raises=())
        stays = row.to is None or row.source == (row.to,)
        other = next(state for state in machine.states if state is not (row.to or row.source[0]))
        yield "another target", evolve(row, to=other)
        if not stays:
            yield "stays", evolve(row, to=None, make=None)
    else:
        yield "taken instead", evolve(row, verdict="taken")
    if row.when is not None:
        yield "no guard", evolve(row, when=None)


def mutated(machine: Machine) -> Iterator[tuple[str, Machine, Chart]]:
    """The part of the machine that is right, and a chart of one that is wrong in one row."""
    for row in machine.rows:
        part = only(machine, row.on)
        for what, wrong in mutants(machine, row):
            rows = tuple(wrong if one is row else one for one in part.rows)
            yield f"{row.source[0].name} on {row.on.__name__}: {what}", part, Chart(evolve(part, rows=rows))


@pytest.mark.parametrize("name", MACHINES)
def test_a_chart_of_a_mutated_machine_is_told_apart(name: str) -> None:
    told_apart, survivors = 0, []
    for what, part, chart in mutated(MACHINES[name]):
        if differences(part, chart)[0]:
            told_apart += 1
        else:
            survivors.append(what)
    assert not survivors
    assert told_apart >= len(MACHINES[name].rows)


def test_the_order_of_guards_is_told_apart() -> None:
    machine = only(
        MACHINES["connection"], next(r.on for r in MACHINES["connection"].rows if r.on.__name__ == "Foregrounded")
    )
    first, second = (r for r in machine.rows if r.when is not None and ConnectionPaused in r.source)
    swap = {id(first): second, id(second): first}
    swapped = evolve(machine, rows=tuple(swap.get(id(row), row) for row in machine.rows))
    assert differences(machine, Chart(swapped))[0]


# --- the chart itself -------------------------------------------------------------------------------------------------


@pytest.fixture
def chart() -> Chart:
    return Chart(MACHINES["lifecycle"])


def test_take_tells_row_verdict_and_target(chart: Chart) -> None:
    step = chart.take("agent_joined", "PartyLeft", {"is_last_agent": True})
    assert (step.verdict, step.target) == ("taken", "wrapping_up")
    assert step.row in MACHINES["lifecycle"].rows
    assert chart.take("agent_joined", "PartyLeft", {"is_last_agent": False}).target == "agent_joined"
    assert chart.take("ended", "SendText", {"key_is_known": False}).verdict == "rejected"
    assert chart.take("ended", "End").verdict == "ignored"


def test_may_and_triggers(chart: Chart) -> None:
    assert chart.may("queued", "SendText")
    assert not chart.may("queued", "SendText", dict.fromkeys(chart.guards("queued", "SendText"), True))
    assert not chart.may("ended", "SendText")
    triggers = chart.triggers("idle")
    assert {"RequestChat", "Reattach"} <= set(triggers)
    assert not {"SendText", "SessionEnded"} & set(triggers)
    assert list(triggers) == [on.__name__ for on in MACHINES["lifecycle"].alphabet if chart.may("idle", on.__name__)]


def test_a_guard_that_nothing_is_said_of(chart: Chart) -> None:
    with pytest.raises(ValueError, match="is_last_agent"):
        chart.take("agent_joined", "PartyLeft")


def test_unknown_names(chart: Chart) -> None:
    with pytest.raises(LookupError, match="no state 'nowhere'"):
        chart.take("nowhere", "End")
    with pytest.raises(LookupError, match="never hears 'Nothing'"):
        chart.may("idle", "Nothing")


def test_two_guards_of_one_name_are_refused() -> None:
    machine = only(
        MACHINES["connection"], next(r.on for r in MACHINES["connection"].rows if r.on.__name__ == "Foregrounded")
    )

    def poll_is_in_flight(d: Any, e: Any) -> bool:
        return False

    rows = tuple(
        evolve(row, when=poll_is_in_flight) if row.when and row.when.__name__ == "chat_is_known" else row
        for row in machine.rows
    )
    with pytest.raises(ValueError, match="two guards named poll_is_in_flight"):
        Chart(evolve(machine, rows=rows))


@pytest.mark.parametrize("name", MACHINES)
def test_the_graph_of_transitions_shows_the_same_arcs(name: str) -> None:
    machine = MACHINES[name]
    found = {line.split(":")[0].strip() for line in Chart(machine).graph().splitlines() if "-->" in line}
    taken = [row for row in machine.rows if row.verdict == "taken"]
    expected = {f"{s.name} --> {(row.to or s).name}" for row in taken for s in row.source}
    assert found == expected | {f"[*] --> {machine.initial.name}"}


def test_transitions_is_loaded_by_the_first_chart_only() -> None:
    code = (
        "import sys, statemachine.chart as c\n"
        "from statemachine.core.tables import MACHINES\n"
        "assert 'transitions' not in sys.modules\n"
        "c.Chart(MACHINES['connection'])\n"
        "assert 'transitions' in sys.modules\n"
        "assert 'transitions.extensions' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""Nothing shows less than the tables know: every row, guard, effect, deadline and coupling, counted."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from statemachine.core.tables import COUPLINGS, MACHINES, REACTIONS
from statemachine.core.tables.reactions import CODES, STATUSES
from statemachine.diagrams import pictures, texts
from statemachine.diagrams.names import CLOCK, effects, name, raised
from tests.diagrams.reading import read


def has(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", text) is not None


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_every_taken_row_is_in_the_picture(machine) -> None:
    shown = read(pictures()[machine.name])
    seen = 0
    for row in machine.rows:
        if row.verdict != "taken":
            continue
        for state in row.source:
            source, target = state.name, (row.to or state).name
            text = shown.notes.get(source, "")
            if row.to is not None:
                assert (source, target) in shown.arcs
                text += f" {shown.arcs[source, target]}"
            words = [name(row.on), *([f"[{name(row.when)}]"] if row.when else []), *effects(row), *raised(row)]
            missing = [word for word in words if not has(text, word)]
            assert not missing, f"{source} to {target} on {row.on.__name__}: {missing}"
            seen += 1
    assert seen == sum(len(row.source) for row in machine.rows if row.verdict == "taken")


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_the_picture_has_no_arc_of_its_own(machine) -> None:
    shown = read(pictures()[machine.name])
    real = {
        (state.name, row.to.name) for row in machine.rows for state in row.source if row.verdict == "taken" and row.to
    }
    marks = {("[*]", machine.initial.name), *((state.name, "[*]") for state in machine.terminal)}
    assert set(shown.arcs) == real | marks


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_deadlines_are_in_the_picture(machine) -> None:
    shown = read(pictures()[machine.name])
    boxes = {text.split(" ")[0]: text for text in shown.boxes.values()}
    for state, signal in machine.deadlines.items():
        assert f"deadline, then {signal.__name__}" in boxes[state.name]
    everything = " ".join((*shown.arcs.values(), *shown.notes.values()))
    taken = {row.on for row in machine.rows if row.verdict == "taken"}
    for signal in CLOCK & taken:
        assert f"after {signal.__name__}" in everything


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_couplings_are_in_the_pictures(machine) -> None:
    note = read(pictures()[machine.name]).notes[machine.initial.name]
    for coupling in COUPLINGS:
        if coupling.source == machine.name:
            assert re.search(rf"\^{coupling.signal.__name__} to [a-z, ]*\b{coupling.target}\b", note)
        if coupling.target == machine.name:
            assert f"{coupling.signal.__name__} from {coupling.source}" in note
    between = read(pictures()["couplings"])
    assert sum(len(text.split(" ")) for text in between.arcs.values()) == len(COUPLINGS)


def test_the_clocks_signals_are_those_that_nothing_else_raises() -> None:
    by_rows = {signal for machine in MACHINES.values() for row in machine.rows for signal in row.raises}
    by_answers = {signal for one in REACTIONS.values() for reaction in one.values() for _, signal in reaction.signals}
    assert not CLOCK & (by_rows | by_answers)


def sections(page: str) -> dict[str, list[list[str]]]:
    """Of each `###` section: the cells of its table."""
    found: dict[str, list[list[str]]] = {}
    for part in page.split("\n### ")[1:]:
        title, *lines = part.splitlines()
        body = [line.strip("|").split("|") for line in lines if line.startswith("|")][2:]
        found[title] = [[cell.strip() for cell in cells] for cells in body]
    return found


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_every_cell_and_every_row_is_in_the_matrix(machine) -> None:
    page = sections(texts()[f"{machine.name}.md"])
    cells = rows = 0
    for on in machine.alphabet:
        states: list[str] = []
        answered: Counter[str] = Counter()
        for line in page[on.__name__]:
            states = line[0].split(", ") if line[0] else states
            answered.update(states)
            rows += len(states)
        cells += len(answered)
        assert set(answered) == {state.name for state in machine.states}
        assert all(answered[s.name] == len(machine.cell(s, on)) for s in machine.states)
    assert cells == len(machine.states) * len(machine.alphabet)
    assert rows == sum(len(row.source) for row in machine.rows)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_the_glance_has_every_cell(machine) -> None:
    page = texts()[f"{machine.name}.md"].split("## Every cell")[0]
    lines = [line for line in page.splitlines() if line.startswith("| [")]
    assert len(lines) == len(machine.alphabet)
    assert all(line.count("|") == len(machine.states) + 2 for line in lines)
    assert not any("|  |" in line or "| |" in line for line in lines)


def test_every_reaction_code_and_coupling_is_listed() -> None:
    reactions, couplings = texts()["reactions.md"], texts()["couplings.md"]
    found = re.findall(r"^\| (\w+) \| (\w+) \| (.+?) \| .+ \|$", reactions, re.MULTILINE)
    expected = {(call, outcome) for call, one in REACTIONS.items() for outcome in one}
    assert expected <= {(call, outcome) for call, outcome, _ in found}
    for code, one in CODES.items():
        assert re.search(rf"^\| {code} \| .+ \| {one.read} \| {one.post} \|$", reactions, re.MULTILINE)
    for status, (read_class, post_class) in STATUSES.items():
        assert f"| HTTP {status} | | {read_class} | {post_class} |" in reactions
    for coupling in COUPLINGS:
        assert f"| {coupling.signal.__name__} | {coupling.source} | {coupling.target} |" in couplings


def test_github_draws_every_picture() -> None:
    for name_, text in pictures().items():
        assert len(text) < 50_000, name_
        assert text.count("-->") < 500, name_
    assert texts()["README.md"].count("```mermaid") == len(pictures())


def test_the_overview_can_be_read_at_a_glance() -> None:
    text = pictures()["lifecycle-overview"]
    between = [line for line in text.splitlines() if "_box -->" in line]
    assert text.count("-->") <= 20
    assert 5 <= len(between) <= 12
    for state in MACHINES["lifecycle"].states:
        assert has(text, state.name)

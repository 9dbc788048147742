"""Nothing shows less than the tables know: each complete form is read back, and must give the same rows."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest

from statemachine import diagrams
from statemachine.chart import Chart
from statemachine.core.tables import COUPLINGS, MACHINES, REACTIONS
from statemachine.core.tables.reactions import CODES, STATUSES
from statemachine.diagrams import rendering
from statemachine.diagrams.complete import state_lines
from statemachine.diagrams.names import CLOCK
from statemachine.records import PHASES
from statemachine.sources import in_words
from tests.diagrams.reading import Shown, expected, read_dot, read_mermaid, read_xstate, understood

pictures, graphs, texts = cache(diagrams.pictures), cache(diagrams.graphs), cache(diagrams.texts)
OURS = rendering.renderer() or ""
DEBIANS = "/usr/bin/dot"


@cache
def graph(name: str, tool: str) -> Any:
    return understood(graphs()[name], tool)


def shown(form: str, name: str) -> Shown:
    """One machine, as a form shows it."""
    machine, column = MACHINES[name], list(MACHINES).index(name)
    match form:
        case "mermaid":
            return read_mermaid(pictures()[name], machine)
        case "dot":
            return read_dot(graph(name, OURS), machine)
        case "mermaid of all":
            return read_mermaid(pictures()["session"], machine, f"{name}_")
        case _:
            return read_dot(graph("session", OURS), machine, f"{name}.", column)


FORMS = ("mermaid", "dot", "mermaid of all", "dot of all")
every_machine = pytest.mark.parametrize("name", MACHINES)
every_form = pytest.mark.parametrize("form", FORMS)


@every_form
@every_machine
def test_a_picture_read_back_gives_the_same_rows(form: str, name: str) -> None:
    found = shown(form, name).rows
    rows = expected(MACHINES[name])
    assert found == rows
    assert sorted(found) == list(range(1, len(MACHINES[name].rows) + 1))


@every_machine
def test_xstate_json_read_back_gives_the_same_rows(name: str) -> None:
    one = json.loads(texts()[f"{name}.xstate.json"])
    region = json.loads(texts()["session.xstate.json"])["states"][name]
    rows = expected(MACHINES[name])
    for row in rows.values():
        row.kind = None  # who causes an event is not said there
    assert read_xstate(one) == read_xstate(region, f"{name}.") == rows
    for state, node in one["states"].items():
        for event, transitions in node["on"].items():
            cell = MACHINES[name].cell(*_found(name, state, event))
            assert [t["description"] for t in transitions] == [row.why for row in cell]
            assert [t["meta"]["ref"] for t in transitions] == [row.ref for row in cell]


def _found(name: str, state: str, event: str) -> tuple[type[Any], type[Any]]:
    machine = MACHINES[name]
    return next(s for s in machine.states if s.name == state), next(e for e in machine.alphabet if e.__name__ == event)


@every_form
@every_machine
def test_the_picture_has_no_arc_of_its_own(form: str, name: str) -> None:
    real = {
        (state.name, row.to.name)
        for row in MACHINES[name].rows
        for state in row.source
        if row.verdict == "taken" and row.to
    }
    assert {arc for arc in shown(form, name).arcs if arc[0] != arc[1]} == {arc for arc in real if arc[0] != arc[1]}


@every_machine
def test_the_graph_of_transitions_has_the_same_arcs(name: str) -> None:
    drawn = set(re.findall(r"(\w+) --> (\w+)", Chart(MACHINES[name]).graph()))
    ours = {arc for arc in shown("dot", name).arcs if arc[0] != arc[1]}
    assert {arc for arc in drawn if arc[0] != arc[1]} == ours


@every_form
@every_machine
def test_deadlines_with_their_durations_are_in_the_picture(form: str, name: str) -> None:
    machine, found = MACHINES[name], shown(form, name)
    counted = 0
    for state in machine.states:
        for line in state_lines(machine, state):
            assert line in found.states[state.name]
            counted += re.search(r" after (\d+|\d+-\d+) (s|min)", line) is not None
    assert counted >= len(machine.deadlines)
    everything = " ".join((*found.states.values(), *found.sections.values()))
    for signal in CLOCK & set(machine.alphabet):
        assert re.search(rf"\b{signal.__name__} after (\d|the time)", everything), signal


@every_form
@every_machine
def test_couplings_are_in_the_picture(form: str, name: str) -> None:
    sections = shown(form, name).sections
    raises, hears = sections.get("RAISES", ""), sections.get("HEARS", "")
    mine = [one for one in COUPLINGS if name in (one.source, one.target)]
    for one in mine:
        if one.source == name:
            assert re.search(rf"\^{one.signal.__name__} to [a-z, ]*\b{one.target}\b", raises)
        if one.target == name:
            assert f"~{one.signal.__name__} from {one.source}" in hears
    assert hears.count("~") == sum(one.target == name for one in mine)


@pytest.mark.parametrize("form", ["mmd", "dot"])
@pytest.mark.parametrize("picture", ["couplings", "session"])
def test_every_coupling_is_an_arc_between_machines(form: str, picture: str) -> None:
    text = texts()[f"{picture}.{form}"]
    if picture == "session":
        lines = [line for line in text.splitlines() if re.search(r"_machine -->|ltail=", line)]
    else:
        lines = [line for line in text.splitlines() if "->" in line or "-->" in line]
    for one in COUPLINGS:
        ends = {
            ("mmd", "couplings"): f"{one.source} --> {one.target} :",
            ("mmd", "session"): f"{one.source}_machine --> {one.target}_machine :",
            ("dot", "couplings"): f'"{one.source}" -> "{one.target}"',
            ("dot", "session"): f'ltail="cluster_{one.source}", lhead="cluster_{one.target}"',
        }[form, picture]
        assert any(ends in line and has(line, one.signal.__name__) for line in lines), one
    assert len(lines) == len({(one.source, one.target) for one in COUPLINGS})


def has(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


@pytest.mark.skipif(shutil.which(DEBIANS) is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("name", [*MACHINES, "lifecycle-overview", "couplings", "session"])
def test_an_installed_graphviz_reads_and_renders_our_dot(name: str) -> None:
    svg = rendering.run(DEBIANS, graphs()[name], "svg").decode()
    assert svg.count("<g id=") > 4
    if name in MACHINES:
        assert read_dot(graph(name, DEBIANS), MACHINES[name]).rows == expected(MACHINES[name])


def test_the_clocks_signals_are_those_that_nothing_else_raises() -> None:
    by_rows = {signal for machine in MACHINES.values() for row in machine.rows for signal in row.raises}
    by_answers = {signal for one in REACTIONS.values() for reaction in one.values() for _, signal in reaction.signals}
    assert not CLOCK & (by_rows | by_answers)


# --- matrices ---------------------------------------------------------------------------------------------------------


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


class _Page(HTMLParser):
    """The rows of each cell of each machine's table."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()
        self.words: dict[str, list[str]] = {}
        self.section = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "section":
            self.section = found["id"] or ""
        elif tag == "p" and self.section:
            self.counted[self.section] += 1
        assert tag not in ("script", "img", "link", "iframe")

    def handle_data(self, data: str) -> None:
        self.words.setdefault(self.section, []).append(data.strip())


def test_the_page_of_matrices_has_every_row_of_every_cell() -> None:
    page = _Page()
    page.feed(texts()["matrix.html"])
    for name, machine in MACHINES.items():
        assert page.counted[name] == sum(len(row.source) for row in machine.rows)
        words = set(page.words[name])
        for row in machine.rows:
            assert (f"{row.why} ({in_words(row.ref)})" if row.ref else row.why) in words
            assert row.when is None or f"[{row.when.__name__}]" in words
            for effect in row.do:
                assert any(has(one, effect.__name__) for one in words)
    listed = [one for one in page.words["couplings"] if one]
    assert sum(listed.count(one.__name__) for one in {c.signal for c in COUPLINGS}) == len(COUPLINGS)
    reasons = [reaction.why for one in REACTIONS.values() for reaction in one.values()]
    assert Counter(reasons) <= Counter(page.words["reactions"])


# --- pictures as a reader sees them -----------------------------------------------------------------------------------


def test_github_draws_the_mermaid() -> None:
    for name, text in pictures().items():
        assert len(text) < 50_000, name
        assert text.count("-->") < 500, name


@pytest.mark.parametrize("form", ["mmd", "dot"])
def test_the_overview_can_be_read_at_a_glance(form: str) -> None:
    text = texts()[f"lifecycle-overview.{form}"]
    assert 5 <= len(re.findall(r"_box -->|^ *.* -> ", text, re.MULTILINE)) <= 8
    for phase in PHASES:
        assert has(text, phase)
    assert "more" not in text
    if form == "dot":
        assert all("label=<" in line for line in text.splitlines() if " -> " in line)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lifecycle-overview", "attention", "connection"])
def test_mermaid_itself_draws_our_mermaid(name: str) -> None:
    import mermaidx

    svg = str(mermaidx.render(pictures()[name]).svg())
    assert "Syntax error" not in svg
    for state in MACHINES["lifecycle" if name not in MACHINES else name].states:
        assert state.name in svg

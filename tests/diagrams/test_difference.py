"""Each kind of change between two tables is found, and called by its right name."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from statemachine.cli import main
from statemachine.diagrams import export
from statemachine.diagrams.difference import NotATable, compare, read

TABLE: Any = json.loads(export.text())


def named(things: Any, name: str) -> Any:
    return next(one for one in things if one["name"] == name)


def machine(table: Any, name: str = "connection") -> Any:
    return named(table["machines"], name)


def row(table: Any, on: str, source: str, of: str = "connection", guard: str | None = None) -> Any:
    rows = machine(table, of)["rows"]
    return next(r for r in rows if r["on"] == on and source in r["source"] and r["guard"] == guard)


def named_coupling(table: Any, signal: str) -> Any:
    return next(one for one in table["couplings"] if one["signal"] == signal)


def removed(things: list[Any], one: Any) -> None:
    things.remove(one)


def a_new_event(table: Any) -> None:
    machine(table)["alphabet"].append("Sneezed")
    states = [one["name"] for one in machine(table)["states"]]
    machine(table)["rows"].append({**row(table, "PushAccepted", "off"), "on": "Sneezed", "source": states})


def a_rejection_loosened(table: Any) -> None:
    found = row(table, "SendText", "idle", "lifecycle")
    found["verdict"] = "ignored"


def a_guarded_way_before_a_rejection(table: Any) -> None:
    rows = machine(table, "lifecycle")["rows"]
    found = row(table, "SendText", "idle", "lifecycle")
    rows.insert(rows.index(found), {**found, "verdict": "taken", "guard": "is_empty", "target": "requesting"})


def rows_swapped(table: Any) -> None:
    rows = machine(table)["rows"]
    first = rows.index(row(table, "PollAnswered", "polling", guard="is_spinning"))
    second = rows.index(row(table, "PollAnswered", "polling", guard="has_failed_before"))
    rows[first], rows[second] = rows[second], rows[first]


def the_order_between_cells(table: Any) -> None:
    machine(table)["rows"].sort(key=lambda row: row["on"])


def a_new_coupling(table: Any, signal: str) -> None:
    table["couplings"].append({**table["couplings"][0], "signal": signal, "target": "ephemeral"})


CHANGES: list[tuple[str, Callable[[Any], Any], str, str]] = [
    ("a machine less", lambda t: removed(t["machines"], machine(t)), "breaking", "machine connection is gone"),
    ("a machine more", lambda t: t["machines"].append({**machine(t), "name": "new"}), "additive", "machine new is new"),
    ("a state more",
     lambda t: machine(t)["states"].append({**machine(t)["states"][0], "name": "odd"}),
     "additive", "odd"),
    ("another start", lambda t: machine(t).update(initial="paused"), "breaking", "begins in paused"),
    ("a state over", lambda t: machine(t)["terminal"].append("blocked"), "breaking", "blocked is now terminal"),
    ("an event more", a_new_event, "additive", "event Sneezed is new"),
    ("an event less",
     lambda t: machine(t)["alphabet"].remove("PushAccepted"),
     "breaking", "event PushAccepted is gone"),
    ("another target", lambda t: row(t, "PollBusy", "polling").update(target="off"), "breaking", "polling on PollBusy"),
    ("another guard",
     lambda t: row(t, "PollDue", "backing_off", guard="is_braking").update(guard="x"),
     "breaking", "[x]"),
    ("another effect",
     lambda t: row(t, "UploadAccepted", "uploading", "item").update(effects=[]),
     "breaking", "Accepted"),
    ("another raise",
     lambda t: row(t, "PushAccepted", "paused").update(raises=[]),
     "breaking", "^HistoryRequested is now stays"),
    ("another order in a cell", rows_swapped, "breaking", "polling on PollAnswered"),
    ("another word",
     lambda t: row(t, "PollBusy", "polling").update(why="so"),
     "additive", "polling on PollBusy: other"),
    ("no rejection any more", a_rejection_loosened, "additive", "idle on SendText: rejected is now ignored"),
    ("a way before a rejection", a_guarded_way_before_a_rejection, "additive", "idle on SendText"),
    ("no deadline", lambda t: machine(t)["states"][2].update(deadline=None), "breaking", "deadline"),
    ("another duration", lambda t: machine(t)["states"][1].update(durations=[]), "breaking", "durations"),
    ("a field less", lambda t: machine(t)["states"][1]["fields"].pop(), "breaking", "field fast_polls is gone"),
    ("a field more",
     lambda t: machine(t)["states"][1]["fields"].append({"name": "n", "type": "number", "default": 0}),
     "additive", "field n is new"),
    ("a field more, required",
     lambda t: machine(t)["states"][1]["fields"].append({"name": "n", "type": "number"}),
     "breaking", "without a default"),
    ("another number",
     lambda t: named(t["config"], "settle").update(default=1),
     "breaking", "settle: number = 10000 is now"),
    ("a coupling less",
     lambda t: t["couplings"].remove(named_coupling(t, "ChatStarted")),
     "breaking", "ChatStarted from lifecycle to connection is gone"),
    ("a coupling more",
     lambda t: a_new_coupling(t, "ChatStarted"),
     "breaking", "ChatStarted from lifecycle to ephemeral"),
    ("a coupling of a new signal", lambda t: a_new_coupling(t, "Sneezed"), "additive", "Sneezed"),
    ("couplings in another order", lambda t: t["couplings"].reverse(), "breaking", "another order"),
    ("other items hear it", lambda t: named_coupling(t, "ItemQueued").update(select=None), "breaking", "select"),
    ("another reaction", lambda t: t["reactions"]["reactions"][0].update(signals=[]), "breaking", "create × ok"),
    ("another code", lambda t: t["reactions"]["classify"]["codes"][0].update(read="ok"), "breaking", "code 406: read"),
    ("a code more",
     lambda t: t["reactions"]["classify"]["codes"].append({"code": 1, "name": "x", "read": "ok", "post": "ok"}),
     "additive", "code 1 is new"),
    ("another status", lambda t: t["reactions"]["classify"]["statuses"][0].update(to=398), "breaking", "status 399"),
    ("a phase more", lambda t: t["phases"].append("odd"), "additive", "phase odd is new"),
    ("an outcome less", lambda t: t["outcomes"].remove("gone"), "breaking", "outcome gone is gone"),
    ("another view", lambda t: t["view"]["hides"].pop(), "breaking", "hides"),
    ("a status means something else",
     lambda t: t["statuses"].update(ivr="StatusOther"),
     "breaking", 'ivr: "StatusIvr" is now'),
    ("a member more", lambda t: t["unions"]["Connection"].append("Odd"), "additive", "member Odd is new"),
    ("a selector less", lambda t: t["selectors"].pop(), "breaking", "is gone"),
    ("an entry less", lambda t: t["entries"].pop(), "breaking", "entry Malformed is gone"),
    ("a wire name less",
     lambda t: named(t["entries"], "Status")["wire"].pop(),
     "breaking", "wire name chat_session_status"),
    ("a command is no read",
     lambda t: named(t["commands"], "Poll").update(read=False),
     "breaking", "read: true is now false"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "severity", "words"), [one[1:] for one in CHANGES], ids=[one[0] for one in CHANGES])
def test_a_change_is_named(change: Callable[[Any], Any], severity: str, words: str) -> None:
    new = copy.deepcopy(TABLE)
    change(new)
    found = compare(TABLE, new)
    assert any(words in f"{one.where}: {one.what}" for one in found), found
    worst = "breaking" if any(one.severity == "breaking" for one in found) else "additive"
    assert worst == severity, found


def test_the_same_table_is_no_change_and_the_order_between_cells_says_nothing() -> None:
    assert compare(TABLE, export.table()) == []
    new = copy.deepcopy(TABLE)
    the_order_between_cells(new)
    assert new != TABLE
    assert compare(TABLE, new) == []


def test_going_back_breaks_what_going_forward_added() -> None:
    new = copy.deepcopy(TABLE)
    a_new_event(new)
    assert {one.severity for one in compare(TABLE, new)} == {"additive"}
    assert "breaking" in {one.severity for one in compare(new, TABLE)}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "names no format"),
        (b'{"format": 1}', "format 1"),
    ],
)
def test_what_is_no_table_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(NotATable, match=words):
        read(data)


@pytest.mark.parametrize("member", sorted(set(TABLE) - {"format", "$schema"}))
@pytest.mark.parametrize("value", [None, [1]])
def test_a_broken_table_is_no_traceback(member: str, value: Any) -> None:
    with suppress(NotATable):
        assert "breaking" in {one.severity for one in compare(TABLE, {**TABLE, member: value})}


def test_a_broken_table_is_refused() -> None:
    with pytest.raises(NotATable, match=r"no table\.json"):
        compare({**TABLE, "machines": [{}]}, TABLE)


# --- the command ------------------------------------------------------------------------------------------------------


def run(tmp_path: Path, table: Any) -> int:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(table))
    return main(["diagrams", "--diff", str(path)])


def test_the_command_says_that_nothing_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (run(tmp_path, TABLE), capsys.readouterr().out) == (0, "no change\n")


def test_the_command_lists_the_breaking_changes_first_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = copy.deepcopy(TABLE)
    old["phases"].remove("warned")
    row(old, "PollBusy", "polling").update(target="off")
    assert run(tmp_path, old) == 1
    first, second, last = capsys.readouterr().out.splitlines()
    assert first == (
        "breaking  connection: polling on PollBusy: → off / backing_off_busy is now → backing_off / backing_off_busy"
    )
    assert second == "additive  phases: phase warned is new"
    assert last == "2 changes, 1 of them breaking"


def test_the_command_passes_where_all_is_additive(tmp_path: Path) -> None:
    old = copy.deepcopy(TABLE)
    old["phases"].remove("warned")
    assert run(tmp_path, old) == 0


def test_the_command_refuses_what_is_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, []) == 2
    assert "names no format" in capsys.readouterr().err

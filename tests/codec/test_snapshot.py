"""Sessions come back from JSON: those of today, and those of every schema ever released."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.codec import snapshot as module
from statemachine.codec.body import Object
from statemachine.codec.errors import BadSnapshot
from statemachine.codec.snapshot import SCHEMA, UPGRADES, restore, snapshot
from statemachine.core import session as core
from statemachine.core.session import DEFAULT_CONFIG, Config, Session, new_session
from tests.codec.sessions import GOLDEN, NOW, SESSIONS
from tests.codec.strategies import JSON, records

FILES = {int(path.stem.removeprefix("snapshot_")): json.loads(path.read_text()) for path in GOLDEN.glob("snapshot_*")}
FULL = snapshot(SESSIONS["full"])


def test_there_is_a_golden_file_and_an_upgrade_for_every_schema() -> None:
    assert sorted(FILES) == list(range(1, SCHEMA + 1))
    assert sorted(UPGRADES) == list(range(1, SCHEMA))


@pytest.mark.parametrize("schema", FILES)
def test_every_schema_ever_released_is_read(schema: int) -> None:
    for name, data in FILES[schema].items():
        assert data["schema"] == schema
        assert restore(data) == SESSIONS[name], name


@pytest.mark.parametrize("name", SESSIONS)
def test_todays_schema_is_what_is_written(name: str) -> None:
    """If this fails for a good reason, the schema needs a new number, unless it was never released."""
    assert snapshot(SESSIONS[name]) == FILES[SCHEMA][name]


def test_the_golden_sessions_are_in_every_state() -> None:
    machines = (
        *(core.LIFECYCLE, core.ATTENTION, core.CONNECTION, core.HISTORY),
        *(core.ITEM, core.EPHEMERAL, core.OPENING, core.PRESENCE),
    )
    states = {state for machine in machines for state in machine}
    found = {
        type(state)
        for session in SESSIONS.values()
        for state in (
            *(
                session.lifecycle,
                session.attention,
                session.connection,
                session.history,
                session.ephemeral,
                session.opening,
                session.presence,
            ),
            *(item.state for item in session.items),
        )
    }
    assert found == states


@settings(max_examples=50)
@given(records(Session))
def test_any_session_comes_back(session: Session) -> None:
    data = snapshot(session)
    before = copy.deepcopy(data)
    assert restore(data) == session
    assert restore(json.loads(json.dumps(data))) == session
    assert data == before


def test_the_default_configuration_takes_no_room() -> None:
    assert "config" not in snapshot(new_session(NOW))
    assert restore(snapshot(new_session(NOW))).config is DEFAULT_CONFIG
    assert restore({**snapshot(new_session(NOW)), "config": {"api": "v2"}}).config is DEFAULT_CONFIG
    assert snapshot(new_session(NOW, Config(api="v1")))["config"] == {"api": "v1"}
    assert restore(snapshot(new_session(NOW, Config(api="v1")))).config == Config(api="v1")


def test_states_without_fields_are_shared() -> None:
    first, second = restore(FULL), restore(FULL)
    assert first.lifecycle is second.lifecycle
    assert first.attention is second.attention


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"schema": SCHEMA + 1},
            f"$.schema: {SCHEMA + 1} was written by a newer version; this one reads up to {SCHEMA}",
        ),
        ({"schema": 0}, "$.schema: expected a number from 1"),
        ({"schema": True}, "$.schema: expected a number from 1"),
        ({"schema": "1"}, "$.schema: expected a number from 1"),
        ({"schema": None}, "$.schema: expected a number from 1"),
        ({"now": None}, "$.now: expected a whole number"),
        ({"lifecycle": {"type": "polling"}}, "$.lifecycle: expected a type of agent_joined, "),
        ({"lifecycle": {"type": "failed", "outcome": "lost"}}, "$.lifecycle.outcome: expected one of ended, "),
        ({"connection": {"type": "polling", "call": 1}}, "$.connection.due: missing"),
        ({"items": [{"id": "o:1", "entry": None, "state": 5}]}, "$.items[0].state: expected an object with a type"),
        ({"items": {}}, "$.items: expected an array"),
        ({"participants": {"parties": [{"id": "p", "type": "x"}]}}, "$.participants.parties[0]: unknown field 'type'"),
        ({"window": {"entries": "zz"}}, "$.window.entries: expected bytes in hexadecimal"),
        ({"config": {"window": "128"}}, "$.config.window: expected a whole number"),
        ({"colour": "red"}, "$: unknown field 'colour'"),
    ],
)
def test_a_bad_snapshot_is_refused_with_its_path_and_what_to_do(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(BadSnapshot) as refused:
        restore({**FULL, **change})
    assert fault in str(refused.value)
    assert "Reattach" in str(refused.value) or "Update" in str(refused.value)


@pytest.mark.parametrize("data", [None, [], "x", 5, {}, b"\x80\x04"])
def test_what_is_no_snapshot_is_refused(data: object) -> None:
    with pytest.raises(BadSnapshot, match="This is no snapshot of a session"):
        restore(data)


@given(st.sampled_from(sorted(FULL)), JSON | st.none())
def test_a_damaged_snapshot_is_refused_or_means_something(key: str, value: object) -> None:
    try:
        session = restore({**FULL, key: value})
    except BadSnapshot as refused:
        str(refused).encode()
    else:
        assert restore(snapshot(session)) == session


def test_an_older_schema_is_lifted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two schemas of the past, played: the first had no `ids`, the second called the clock `at`."""

    def ids(data: Object) -> Object:
        return {**data, "ids": 0}

    def clock(data: Object) -> Object:
        rest = {key: value for key, value in data.items() if key != "at"}
        return {**rest, "now": data["at"]}

    upgrades: dict[int, Callable[[Object], Object]] = {1: ids, 2: clock}
    monkeypatch.setattr(module, "UPGRADES", upgrades)
    monkeypatch.setattr(module, "SCHEMA", 3)
    new = snapshot(new_session(NOW))
    assert new["schema"] == 3
    second = {**{key: value for key, value in new.items() if key != "now"}, "at": NOW, "schema": 2}
    first = {**{key: value for key, value in second.items() if key != "ids"}, "schema": 1}
    kept = copy.deepcopy(first)
    for data in (first, second, new):
        assert restore(data) == new_session(NOW)
    assert first == kept


def test_a_redacted_snapshot_holds_nobodys_words_and_can_be_restored() -> None:
    data = snapshot(SESSIONS["full"], redacted=True)
    text = json.dumps(data)
    for private in ("How are you", "yes", "50.45", "maps", "sum", "+380", bytes(range(16)).hex()):
        assert private not in text
    session = restore(data)
    assert session.phase == SESSIONS["full"].phase
    assert [item.state for item in session.items] == [item.state for item in SESSIONS["full"].items]

"""The table of a shard's states, and the lease."""

from __future__ import annotations

from itertools import product

import pytest

from statemachine.cluster import Lease, lease
from statemachine.cluster.shards import ACTIONS, EVENTS, STATES, TABLE, Shards


def test_the_table_has_every_cell_and_only_known_names() -> None:
    assert list(TABLE) == list(STATES)
    for cells in TABLE.values():
        assert list(cells) == list(EVENTS)
    for state, event in product(STATES, EVENTS):
        target, action, why = TABLE[state][event]
        assert target in STATES
        assert action is None or action in ACTIONS
        assert why
        assert (action is None) == (target == state)


def test_every_state_and_action_is_reached() -> None:
    reached, actions = {"elsewhere"}, set()
    for _ in STATES:
        for state in list(reached):
            for target, action, _why in TABLE[state].values():
                reached.add(target)
                actions.add(action)
    assert reached == set(STATES)
    assert actions - {None} == set(ACTIONS)


def test_a_lost_shard_is_elsewhere_whatever_follows() -> None:
    for event in set(EVENTS) - {"claimed"}:
        shards = Shards()
        for earlier in ("claimed", "read", "lost"):
            shards.handle(earlier, 7)  # type: ignore[arg-type]
        assert shards.handle(event, 7) is None
        assert shards.state(7) == "elsewhere"
        assert shards.all_in(*STATES) == []


def test_shards_are_listed_in_the_order_of_their_claims() -> None:
    shards = Shards()
    for shard in (7, 3, 5):
        shards.handle("claimed", shard)
    shards.handle("read", 3)
    shards.handle("lost", 7)
    shards.handle("claimed", 7)
    assert shards.all_in(*STATES) == [3, 5, 7]


def test_the_lease_counts_from_the_moment_the_heartbeat_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(lease, "elapsed", lambda: now)
    held = Lease(5.0, 0.5)
    assert not held.is_valid
    held.renew(sent=98.0)
    assert held.is_valid
    assert held.left == 2.5
    now = 102.5
    assert not held.is_valid
    held.renew(sent=102.0)
    held.end()
    assert not held.is_valid

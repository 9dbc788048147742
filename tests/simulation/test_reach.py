"""Reach: what a step reached is counted, and what nothing can reach is no fault of a sweep."""

from __future__ import annotations

from collections import Counter
from random import Random

from statemachine.conformance.laws import take
from statemachine.conformance.walk import Follow, Reload, Walk
from statemachine.simulation.reach import DOMAINS, Place, Reach, never, places
from statemachine.simulation.unreachable import UNREACHABLE
from tests.core.play import chatting, doubting


def _reached(*lives: object) -> Counter[Place]:
    reach = Reach()
    for play in lives:
        for session, event in play.life:  # type: ignore[attr-defined]
            reach.saw(take(session, event))
    return reach.counts


def test_a_step_reaches_cells_couplings_commands_and_reactions() -> None:
    counts = _reached(chatting())
    assert counts["cell", "lifecycle: idle on RequestChat -> requesting"] == 1
    assert counts["cell", "lifecycle: queued on PartyJoined [joins_as_agent] -> agent_joined"] == 0
    assert counts["cell", "lifecycle: connected on PartyJoined [joins_as_agent] -> agent_joined"] == 1
    assert counts["coupling", "lifecycle raises ChatStarted for connection"] == 1
    assert counts["command", "CreateChat"] == counts["reaction", "create: ok"] == 1
    assert counts["command", "Poll"] == 2
    assert counts["fault", "poll cut"] == 0


def test_a_deadline_is_reached_when_it_passes() -> None:
    play, _ = doubting()
    assert not _reached(play)["deadline", "ItemSettled"]
    play.tick()
    assert _reached(play)["deadline", "ItemSettled"] == 1
    play.wait(60_000)
    assert _reached(play)["deadline", "answer to history"] >= 1


def test_all_domains_have_places_and_none_is_named_twice() -> None:
    assert {domain for domain, _ in places()} == set(DOMAINS)
    assert len(set(places())) == len(places())
    assert never(Counter(dict.fromkeys(places(), 1))) == []
    assert never(Counter()) == list(places())


def test_what_is_called_unreachable_is_not_reached() -> None:
    """Or the list hides a place that a sweep should come by."""
    reach = Reach()
    for seed in range(60):
        walk = Walk(Random(seed).randrange)
        for _ in range(60):
            happening = walk.step()
            if not isinstance(happening, Follow | Reload):
                reach.saw(take(walk.session, happening))
            walk.take(happening)
    assert [name for _, name in reach.counts if name in UNREACHABLE] == []

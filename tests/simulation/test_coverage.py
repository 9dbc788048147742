"""Coverage: the points of each step are counted, and unreachable points are not expected of a sweep."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import get_args

from statemachine.conformance.laws import take_step
from statemachine.conformance.random_walk import Follow, Reload, Walk
from statemachine.simulation.coverage import Coverage, Domain, Point, never, points
from statemachine.simulation.unreachable import UNREACHABLE
from tests.core.play import Play, chatting, doubting


def _reached(play: Play) -> Counter[Point]:
    coverage = Coverage()
    for session, event in play.life:
        coverage.record(take_step(session, event))
    return coverage.counts


def test_a_step_reaches_cells_couplings_commands_and_reactions() -> None:
    counts = _reached(chatting())
    assert counts["cell", "lifecycle: idle on RequestChat -> requesting"] == 1
    assert counts["cell", "lifecycle: queued on PartyJoined [joins_as_agent] -> agent_joined"] == 0
    assert counts["cell", "lifecycle: connected on PartyJoined [joins_as_agent] -> agent_joined"] == 1
    assert counts["coupling", "lifecycle raises ChatStarted for connection"] == 1
    assert counts["command", "CreateChat"] == counts["reaction", "create: ok"] == 1
    assert counts["command", "Poll"] == 2
    assert counts["fault", "poll cut"] == 0


def test_a_deadline_is_reached_when_it_expires() -> None:
    play, _ = doubting()
    assert not _reached(play)["deadline", "ItemSettled"]
    play.tick()
    assert _reached(play)["deadline", "ItemSettled"] == 1
    play.wait(60_000)
    assert _reached(play)["deadline", "answer to history"] >= 1


def test_each_domain_has_points_and_no_point_is_listed_twice() -> None:
    assert {domain for domain, _ in points()} == set(get_args(Domain))
    assert len(set(points())) == len(points())
    assert never(Counter(dict.fromkeys(points(), 1))) == []
    assert never(Counter()) == list(points())


def test_random_walks_reach_no_point_that_is_listed_as_unreachable() -> None:
    coverage = Coverage()
    for seed in range(60):
        walk = Walk(Random(seed).randrange)
        for _ in range(60):
            happening = walk.step()
            if not isinstance(happening, Follow | Reload):
                coverage.record(take_step(walk.session, happening))
            walk.take(happening)
    assert [name for _, name in coverage.counts if name in UNREACHABLE] == []

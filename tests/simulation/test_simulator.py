"""Simulations: no law is broken by any fault; the same seed gives the same simulation, and so does its tape."""

from __future__ import annotations

import subprocess
import sys

import pytest

from statemachine.logs import silenced
from statemachine.simulation.faults import DOMAINS, LABELS, REPORTED, labels_of
from statemachine.simulation.run import run_seeds
from statemachine.simulation.simulator import Simulator

STEPS = 200


def test_random_selections_of_faults_break_no_law() -> None:
    """`.ci/run` simulates 2,000 seeds, these among them."""
    assert run_seeds(range(1, 11), STEPS).violations == []


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("label", LABELS)
def test_one_fault_alone_breaks_no_law(label: str, seed: int) -> None:
    with silenced():
        assert Simulator(seed, 120, only=(label, "agent at random", "two at once")).run() is None


def test_a_run_without_faults_breaks_no_law() -> None:
    with silenced():
        for seed in range(1, 21):
            simulator = Simulator(seed, 120, only=())
            assert simulator.run() is None, seed
            assert not simulator.environment.faults.injected


@pytest.mark.parametrize("domain", DOMAINS)
def test_only_the_chosen_faults_occur(domain: str) -> None:
    with silenced():
        for seed in range(1, 5):
            simulator = Simulator(seed, 120, only=labels_of([domain, "agent at random"]))
            assert simulator.run() is None, seed
            faults = simulator.environment.faults
            assert {*faults.injected, *faults.used} <= {*labels_of([domain]), "agent at random", *REPORTED}


def test_a_random_selection_leaves_whole_domains_out() -> None:
    selections = [Simulator(seed).environment.faults.enabled for seed in range(40)]
    left_out = [[domain for domain, labels in DOMAINS.items() if enabled.isdisjoint(labels)] for enabled in selections]
    assert sum(bool(domains) for domains in left_out) > 20
    assert {domain for domains in left_out for domain in domains} == set(DOMAINS)


def test_an_unknown_fault_is_named() -> None:
    with pytest.raises(ValueError, match="'weather' is no fault"):
        labels_of(["weather"])


def _fingerprint(seed: int, steps: int = 80) -> str:
    simulator = Simulator(seed, steps)
    simulator.run()
    schedule = simulator.environment.schedule
    logs = [log.events for log in simulator.oracle.sessions]
    return repr((schedule.step, schedule.now, simulator.environment.choices.drawn, logs, simulator.client.session))


def test_the_same_seed_gives_the_same_simulation() -> None:
    with silenced():
        for seed in (1, 2, 3):
            assert _fingerprint(seed) == _fingerprint(seed)


def test_a_tape_gives_the_same_simulation() -> None:
    with silenced():
        for seed in range(1, 11):
            first = Simulator(seed, 80)
            first.run()
            again = Simulator(seed, 80, tape=first.environment.choices.drawn)
            again.run()
            assert again.environment.schedule.step == first.environment.schedule.step
            assert again.environment.schedule.now == first.environment.schedule.now
            assert again.client.session == first.client.session


SCRIPT = """
from statemachine.logs import silenced
from tests.simulation.test_simulator import _fingerprint
with silenced():
    print([_fingerprint(seed, 60) for seed in range(1, 9)])
"""


def test_no_simulation_depends_on_the_hash_seed() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(found) == 1


@pytest.mark.parametrize("seed", [3_000_830, 3_007_353])
def test_seeds_that_were_judged_wrongly_break_no_law(seed: int) -> None:
    """An end overtook typing, which counted as typing without end; healing advanced the time beyond its own turn."""
    with silenced():
        assert Simulator(seed, STEPS).run() is None

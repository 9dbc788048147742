"""What every engine under comparison offers: laps of one lifecycle, sessions made, and sessions held; by JSON lines.

Plain standard library: it runs in the environment of each peer. A peer gives `serve` two functions: `start()` makes a
session, `lap(session)` takes it once around the path and returns the states it passed.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIFECYCLE: dict[str, Any] = json.loads((Path(__file__).parent / "lifecycle.json").read_text("utf-8"))
STATES: list[str] = LIFECYCLE["states"]
ROWS: list[dict[str, Any]] = LIFECYCLE["rows"]
PATH: list[tuple[str, str]] = [(on, agent) for on, agent, _ in LIFECYCLE["path"]]
PASSED: list[str] = [state for _, _, state in LIFECYCLE["path"]]


class Agents:
    """Who is in the room: what the guards ask and the effects change, for engines that keep a context of their own."""

    def __init__(self) -> None:
        self.agents: tuple[str, ...] = ()

    def has_agent(self, agent: str = "") -> bool:
        return bool(self.agents)

    def is_last(self, agent: str = "") -> bool:
        return self.agents == (agent,)

    def admit(self, agent: str = "") -> None:
        self.agents = (*self.agents, agent)

    def dismiss(self, agent: str = "") -> None:
        self.agents = tuple(one for one in self.agents if one != agent)


def serve(
    version: str, start: Callable[[], Any], lap: Callable[[Any], Any], states: Callable[[Any], list[str]]
) -> None:
    """Answer requests until stdin ends. `states`: a lap that notes each state, by which the engine shows its work."""
    passed = states(start())
    if passed != PASSED:
        raise SystemExit(f"it passes {passed}, not {PASSED}")
    _say({"version": version})
    session = start()
    for line in sys.stdin:
        asked = json.loads(line)
        match asked["do"]:
            case "laps":
                session, answer = _laps(session, lap, asked["seconds"])
            case "make":
                answer = {"seconds": _make(start, asked["count"]), "count": asked["count"]}
            case "hold":
                answer = {"bytes": _hold(start, asked["count"]), "count": asked["count"]}
        _say(answer)


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


def _laps(session: Any, lap: Callable[[Any], Any], seconds: float) -> tuple[Any, dict[str, float]]:
    count, begun = 0, time.process_time()
    until = begun + seconds
    while True:
        session = lap(session)
        count += 1
        now = time.process_time()
        if now >= until:
            return session, {"events": count * len(PATH), "seconds": now - begun}


def _make(start: Callable[[], Any], count: int) -> float:
    begun = time.process_time()
    for _ in range(count):
        start()
    return time.process_time() - begun


def _hold(start: Callable[[], Any], count: int) -> float:
    gc.collect()
    before = _resident()
    held = [start() for _ in range(count)]
    gc.collect()
    return (_resident() - before) / len(held)


def _resident() -> int:
    """Bytes of this process in memory (Linux); elsewhere what it had at most."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024

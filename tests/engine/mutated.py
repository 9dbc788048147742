"""Mutated request lines through the engine process: it lives, and each answer is one line of valid JSON.

python -m tests.engine.mutated --lines 1000000 --seed 1
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

WRONG = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    1e308,
    10**29,
    "",
    "x",
    "\ud800",
    "a\rb",
    "1",
    [],
    [[]],
    {},
    {"a": []},
    ["x", 1],
]
RAW = ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5_000, "[" * 200 + "]" * 200, "\r", '{"op":"hello"}\r', "\0"]
HELLO = '{"op":"hello","seq":"end"}'


def requests() -> list[Any]:
    """Valid requests of every operation."""
    vectors = files("statemachine.conformance").joinpath("vectors")
    engine = json.loads(vectors.joinpath("engine", "lifecycle.json").read_text())[:30]
    found: list[Any] = [{"op": "hello"}, {"op": "snapshot", "session": "s"}, {"op": "drop", "session": "s"}]
    for vector in engine:
        found.append({"op": "begin", "at": vector["at"], "config": {"receipts": True, "window": 8}, "session": "s"})
        found.extend(
            {"op": "step", "event": step["event"], "session": "s"} for step in vector["steps"] if "event" in step
        )
    for name in ("decode", "encode", "request", "reply"):
        for vector in json.loads(vectors.joinpath("codec", f"{name}.json").read_text())[:25]:
            found.append({"op": name, **vector.get("given", vector)})
    return found


def mutated(seed: int, lines: int) -> Iterator[str]:
    """So many lines without a line feed, most of them wrong in one or a few places."""
    chance, valid = random.Random(seed), requests()
    for number in range(lines):
        asked = copy.deepcopy(chance.choice(valid))
        asked["seq"] = number
        for _ in range(chance.randrange(3)):
            _spoil(chance, asked)
        line = json.dumps(asked)
        if chance.random() < 0.2:
            at, length = chance.randrange(len(line)), chance.randrange(8)
            line = line[:at] + chance.choice(RAW) + line[at + length :]
        yield line


def _spoil(chance: random.Random, value: Any) -> None:
    """Replace, remove or add a member somewhere below."""
    while True:
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(value[key], dict | list) and value[key] and chance.random() < 0.7:
            value = value[key]
            continue
        if isinstance(value, dict) and chance.random() < 0.2:
            del value[key]
        else:
            value[key] = copy.deepcopy(chance.choice(WRONG))
        return


def check(line: str | bytes) -> bool:
    """Whether an answer is an object of valid JSON; raises ValueError for anything else."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    said = json.loads(line, parse_constant=refuse)
    if not isinstance(said, dict):
        raise ValueError("not an object")
    return "the engine has failed" in said.get("error", "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    command = [sys.executable, "-m", "statemachine", "engine"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as engine:
        assert engine.stdin is not None
        assert engine.stdout is not None
        writing = threading.Thread(target=_write, args=(engine.stdin, asked.seed, asked.lines))
        writing.start()
        answers = failures = 0
        last = b""
        for last in engine.stdout:
            answers += 1
            failures += check(last)
        writing.join()
    alive = json.loads(last).get("seq") == "end" and answers == asked.lines + 1
    print(f"{asked.lines} lines, {answers} answers, {failures} failures inside, alive at the end: {alive}")
    return int(not alive or failures > 0)


def _write(to: Any, seed: int, lines: int) -> None:
    for line in mutated(seed, lines):
        to.write(line.encode() + b"\n")
    to.write(HELLO.encode() + b"\n")
    to.close()


if __name__ == "__main__":
    raise SystemExit(main())

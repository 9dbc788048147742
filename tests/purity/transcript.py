"""Whole lives as text, one line a step: what went in, what came out, where the session stands.

`python -m tests.purity.transcript SEEDS` prints it, for a process with a hash seed of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from random import Random
from typing import Any

from attrs import fields, has

from statemachine import IllegalIntent, Session, explain, next_deadline, outbox, reduce, wake_window
from statemachine.conformance.random_walk import Follow, Reload, TraceInput, Walk

LENGTH = 60


def plain(value: Any) -> str:
    """All of a value, nothing hidden, in the order in which it stands there."""
    if has(type(value)):
        inside = ",".join(f"{one.name}={plain(getattr(value, one.name))}" for one in fields(type(value)))
        return f"{type(value).__name__}({inside})"
    if isinstance(value, tuple):
        return "(" + ",".join(map(plain, value)) + ")"
    return ascii(value)


def lives(seeds: int) -> list[list[tuple[Session, TraceInput]]]:
    """Every session with what happens to it next; made once, so that reducing them again asks no one for choices."""
    told = []
    for seed in range(seeds):
        walk, life = Walk(Random(seed).randrange), []
        for _ in range(LENGTH):
            happening = walk.step()
            life.append((walk.session, happening))
            walk.take(happening)
        told.append(life)
    return told


def lines(told: list[list[tuple[Session, TraceInput]]]) -> Iterator[str]:
    for life in told:
        for session, happening in life:
            if isinstance(happening, Follow | Reload):
                continue
            yield plain(happening)
            try:
                after, out = reduce(session, happening)
            except IllegalIntent as refusal:
                yield f"  refused: {refusal}"
                continue
            yield f"  {plain(out)} {plain(after)}"
            yield f"  {plain(outbox(after))} {next_deadline(after)} {wake_window(after)}"
            yield f"  {plain(explain(session, happening))}"


if __name__ == "__main__":
    print("\n".join(lines(lives(int(sys.argv[1])))))

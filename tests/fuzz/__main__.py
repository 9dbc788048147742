"""Mutated answers through codec, engine and driver: `python -m tests.fuzz --answers 1000000`.

None may raise an exception, and after each an honest message must be delivered within 120 simulated seconds, unless the
answer has ended the session. Prints figures. Exit status 1 after a failure, with a shrunk reproducer and its command.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from random import Random

from attrs import evolve, frozen

from statemachine.conformance.shrinking import shrink
from statemachine.logs import silenced
from tests.fuzz.answers import Answer, mutated
from tests.fuzz.centre import Counts, Subject

CHUNK = 2_000
"""Answers of one random generator."""
_LIFE = 12
"""A session takes so many answers at most, if none ends it."""
_TRIES = 3_000


@frozen
class Failed:
    """These answers, given to one session one after the other, show a fault."""

    chunk: int
    api: str
    answers: tuple[Answer, ...]
    what: str


def fault_of(api: str, answers: Sequence[Answer], counts: Counts) -> str:
    """Give these answers to one session, until it is over. The fault that they show, or ""."""
    subject = Subject(api, counts)
    try:
        for answer in answers:
            subject.take(answer)
            subject.deliver()
            if subject.is_over:
                break
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def run_chunk(seed: int, chunk: int, size: int) -> tuple[Counts, Failed | None]:
    """Give `size` answers to sessions, one session after the other, up to the first fault."""
    random, counts = Random(f"{seed}/{chunk}"), Counts()
    with silenced():
        while counts.answers < size:
            api = random.choice(("v2", "v2", "v1"))
            answers = _for_one_session(random, min(random.randint(1, _LIFE), size - counts.answers))
            if what := fault_of(api, answers, counts):
                return counts, shrunk(Failed(chunk, api, answers, what))
    return counts, None


def _for_one_session(random: Random, count: int) -> tuple[Answer, ...]:
    """So many answers, with one to the call that opens a chat at their beginning only."""
    first, *others = (mutated(random) for _ in range(count))
    return first, *(answer for answer in others if answer.kind not in ("create", "find"))


def shrunk(failed: Failed) -> Failed:
    """The same fault with fewer answers, and with shorter bodies."""
    name = failed.what.partition(":")[0]

    def fails(answers: Sequence[Answer]) -> bool:
        return fault_of(failed.api, answers, Counts()).partition(":")[0] == name

    answers = shrink(failed.answers, fails, _TRIES)
    for at, answer in enumerate(answers):

        def shorter(body: Sequence[int], at: int = at, answer: Answer = answer) -> bool:
            return fails([*answers[:at], evolve(answer, body=bytes(body)), *answers[at + 1 :]])

        answers[at] = evolve(answer, body=bytes(shrink(answer.body, shorter, _TRIES)))
    return evolve(failed, answers=tuple(answers))


def _chunks(seed: int, count: int, jobs: int, only: int | None) -> Iterator[tuple[Counts, Failed | None]]:
    if only is not None:
        yield run_chunk(seed, only, CHUNK)
        return
    sizes = [min(CHUNK, count - at) for at in range(0, count, CHUNK)]
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run_chunk, [seed] * len(sizes), range(len(sizes)), sizes)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--chunk", type=int, help="only this chunk of the series")
    given = parser.parse_args()
    total, began = Counts(), time.monotonic()
    for counts, failed in _chunks(given.seed, given.answers, given.jobs, given.chunk):
        total.add(counts)
        print(f"\r{total.answers:,} of {given.answers:,} answers", end="", file=sys.stderr, flush=True)
        if failed:
            print(f"\nFAULT {failed.what}\n  api {failed.api}, answers {failed.answers}")
            print(f"  python -m tests.fuzz --seed {given.seed} --chunk {failed.chunk}")
            return 1
    print(file=sys.stderr)
    print(report(total, time.monotonic() - began))
    return 0


def report(total: Counts, seconds: float) -> str:
    """The figures."""
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in total.kinds.most_common())
    outcomes = ", ".join(f"{outcome} {count:,}" for outcome, count in total.outcomes.most_common())
    share = 100 * total.with_entry / total.answers
    return (
        f"{total.answers:,} mutated answers in {seconds:,.0f} s: {kinds}\n"
        f"with a readable entry: {total.with_entry:,} ({share:.0f} %); read leniently: {total.repaired:,}; "
        f"failures: {total.unreadable:,}\n"
        f"exceptions: 0; sessions that such an answer has ended: {outcomes}\n"
        f"an honest message was delivered after each other answer, within {total.slowest / 1_000:.0f} simulated seconds"
    )


if __name__ == "__main__":
    sys.exit(main())

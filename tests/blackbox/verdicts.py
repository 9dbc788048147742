"""The table of verdicts: is each faulty client found by the rule that names its fault, and no right client accused?

`python -m tests.blackbox.verdicts` runs it, and prints the two numbers: false acquittals and false accusations, with
the client and the rule of each. `--only NAME` runs some clients, `--part 1/4` every fourth of them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from statemachine.conformance.blackbox.audit import audit
from statemachine.conformance.blackbox.catalogue import CASES, HttpCase
from statemachine.conformance.blackbox.context import RunOptions
from statemachine.conformance.blackbox.recorded import read_recording
from statemachine.conformance.blackbox.run import CaseResult, program_factory, reinterpreted, run_case

from .clients.registry import CLIENTS, Specimen

FOLDER = Path(__file__).parent / "clients"
AT_ONCE = 32
OPTIONS = RunOptions()
ANYWHERE = "F5/plain"
"""The case for rules that no case is made for, because they are judged wherever they show."""


@frozen
class Verdict:
    """The results of one client."""

    client: Specimen
    results: tuple[CaseResult, ...]

    @property
    def found(self) -> dict[str, str]:
        """An example of each rule that was found broken."""
        return {f.rule.number: f"{r.case.id}: {f.message}" for r in self.results for f in r.findings}

    @property
    def acquitted(self) -> set[str]:
        """The rules that it breaks and that were not found."""
        return set(self.client.breaks) - set(self.found)

    @property
    def accused(self) -> dict[str, str]:
        """The rules of which a right client is accused, live or in the recordings of its cases."""
        if self.client.breaks:
            return {}
        recorded = {
            finding.rule.number: f"audit of {result.case.id}: {finding.message}"
            for result in self.results
            if result.har["log"]["entries"]
            for finding in audit(read_recording(result.har)).findings
        }
        return recorded | self.found

    @property
    def skipped(self) -> dict[str, str]:
        """The cases that did not run to their end."""
        return {one.case.id: one.not_ready for one in self.results if one.not_ready}


def cases_of(client: Specimen) -> Sequence[HttpCase]:
    """All cases for a right client; those of its faults, and the plain ends, for a faulty one."""
    if not client.breaks:
        return CASES
    chosen = [case for case in CASES if set(client.breaks) & set(case.faults)]
    return chosen or [case for case in CASES if case.id == ANYWHERE]


async def judged(clients: Sequence[Specimen], options: RunOptions = OPTIONS, at_once: int = AT_ONCE) -> list[Verdict]:
    """Run these clients side by side."""
    slots = asyncio.Semaphore(at_once)

    async def one(client: Specimen, case: HttpCase) -> CaseResult:
        command = [sys.executable, str(FOLDER / client.program), *client.arguments]
        async with slots:
            return await run_case(case, program_factory(command, options), options)

    async def all_of(client: Specimen) -> Verdict:
        results = await asyncio.gather(*(one(client, case) for case in cases_of(client)))
        return Verdict(client, tuple(reinterpreted(results)))

    return list(await asyncio.gather(*map(all_of, clients)))


def report(verdicts: Sequence[Verdict], seconds: float) -> int:
    """Print the two numbers, and return their sum."""
    faulty = [one for one in verdicts if one.client.breaks]
    right = [one for one in verdicts if not one.client.breaks]
    acquitted = [(one, rule) for one in faulty for rule in sorted(one.acquitted)]
    accused = [(one, rule, text) for one in right for rule, text in sorted(one.accused.items())]
    rules = {rule for one in faulty for rule in one.client.breaks}
    runs = sum(len(one.results) for one in verdicts)
    count = f"{len(faulty)} faulty clients for {len(rules)} rules, {len(right)} right ones"
    print(f"{count}, {runs} cases, {seconds:.0f} s")
    print(f"false acquittals: {len(acquitted)}")
    for one, rule in acquitted:
        print(f"  {rule:<6} {one.client.name}: found {one.found or 'nothing'}, skipped {one.skipped or 'nothing'}")
    print(f"false accusations: {len(accused)}")
    for one, rule, text in accused:
        print(f"  {rule:<6} {one.client.name}: {text}")
    for one in right:
        for case, why in one.skipped.items():
            print(f"skipped: {case} of {one.client.name}: it {why}")
    unjudged = [one.client.name for one in right if len(one.skipped) > len(one.results) // 5]
    for name in unjudged:
        print(f"not judged: {name} did not finish its cases")
    return len(acquitted) + len(accused) + len(unjudged)


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="clients whose name has this text")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="every N-th client, beginning with the K-th")
    parser.add_argument(
        "--held-back", choices=("yes", "no"), help="only the clients that were held back, or the others"
    )
    parser.add_argument("--at-once", type=int, default=AT_ONCE, metavar="N", help="cases that run side by side")
    given = parser.parse_args()
    part, parts = map(int, given.part.split("/"))
    chosen = [one for one in CLIENTS if not given.only or any(text in one.name for text in given.only)]
    if given.held_back:
        chosen = [one for one in chosen if one.held_back is (given.held_back == "yes")]
    chosen = chosen[part - 1 :: parts]
    began = time.monotonic()
    verdicts = asyncio.run(judged(chosen, at_once=given.at_once))
    sys.exit(1 if report(verdicts, time.monotonic() - began) else 0)


if __name__ == "__main__":
    main()

"""How long the whole kit takes on a harness that is slow to answer: `python -m tests.conformance.slow`.

It is for an idle machine. Slow means: each line is answered 20 ms late, however many requests it carries, as over a
connection to another machine. The harness is this package's engine without the codec. With `--single` it does not know
the request `many`. Exit status 1 where a run takes 15 s or longer, or the engine does not conform.
"""

from __future__ import annotations

import sys
from time import monotonic

import click

from statemachine.cli import main
from statemachine.engine.session import JsonSession
from tests.conformance.strangers import speak

LATE_S = 0.02
GOAL_S = 15.0


@click.command(help=__doc__)
@click.option("--single", is_flag=True, help="The harness gets each request as a line of its own.")
@click.option("--harness", is_flag=True, help="Be the harness.")
def measure(single: bool, harness: bool) -> None:
    if harness:
        speak(JsonSession(), not single, LATE_S)
    else:
        begun = monotonic()
        more = ["--single"] if single else []
        status = main(["conform", "--", sys.executable, "-m", "tests.conformance.slow", "--harness", *more])
        seconds = monotonic() - begun
        click.echo(f"{seconds:.1f} s; the goal is less than {GOAL_S:g} s")
        raise SystemExit(status or seconds >= GOAL_S)


if __name__ == "__main__":
    measure()

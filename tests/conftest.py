"""Settings for the whole suite; fixtures live beside the tests that use them."""

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Workers and the processes that tests start keep compiled modules for the next one: without them, each compiles the
# package anew, and pytest rewrites every module's assertions. That was a quarter of the suite's time.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The same examples on every machine and in every run: a red test is red for everybody. No verdict comes from
# the wall clock: a slow machine fails nothing. To search further: `pytest --hypothesis-profile=explore`.
_no_clock = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", _no_clock, derandomize=True, database=None)
settings.register_profile("explore", _no_clock, derandomize=False, max_examples=2_000)
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def count_rows() -> Generator[None]:
    """`COUNT_ROWS=FOLDER pytest` leaves there how often each row was taken, for `statemachine diagrams --coverage`."""
    folder = os.environ.get("COUNT_ROWS")
    if not folder:
        yield
        return

    from statemachine.diagrams.coverage import COUNTED, write
    from tests.counting import counting

    with counting() as counts:
        yield
    Path(folder).mkdir(parents=True, exist_ok=True)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    (Path(folder) / f"{worker}{COUNTED}").write_text(write(counts))

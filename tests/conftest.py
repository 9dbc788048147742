"""Settings for the whole suite; fixtures live beside the tests that use them."""

import gc
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.postgres import NoServer, database_url, shared_server

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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and tests stay to the end, so the collector need not look through them: that took a tenth of all time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


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


@pytest.fixture(autouse=True)
def unconfigured_structlog() -> Iterator[None]:
    """`capture_logs` leaves structlog configured, and the lines of later tests would miss the logger of the library."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    """The URL of a PostgreSQL server with an empty database for this test process, named `statemachine_…`."""
    base = tmp_path_factory.getbasetemp()
    name = f"statemachine_{worker_id}"
    try:
        with shared_server(base if worker_id == "master" else base.parent) as server:
            psycopg = pytest.importorskip("psycopg")
            with psycopg.connect(server, autocommit=True) as link:
                link.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                link.execute(f"CREATE DATABASE {name}")
            yield database_url(server, name)
    except NoServer as error:
        pytest.skip(str(error))


@pytest.fixture
def postgres(postgres_server: str) -> str:
    """The URL of a database without tables of ours."""
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as link:
        link.execute("SET client_min_messages = error; DROP SCHEMA IF EXISTS statemachine CASCADE")
    return postgres_server

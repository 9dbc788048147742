"""Log lines go where the application's go, and nothing is configured for the rest of the process."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from statemachine.logs import Logger, error_name, error_values, silenced

SCRIPT = """
import logging, sys
{before}
from statemachine.logs import Logger, silenced
log = Logger(session="5f3a")
log.info("store_purged", sessions=3)
log.warning("call_failed", reason="no such host")
log.error("session_parked", name="a\\nb \\x1b[31m")
with silenced():
    log.error("hidden")
"""


def run(before: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(before=before)],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, done.stderr


def test_by_default_warnings_go_to_standard_error_and_nothing_to_standard_output() -> None:
    out, err = run("")
    assert out == ""
    assert err.splitlines() == [
        "call_failed session=5f3a reason='no such host'",
        r"session_parked session=5f3a name='a\nb \x1b[31m'",
    ]


def test_the_logging_of_the_application_gets_the_lines() -> None:
    out, err = run("logging.basicConfig(stream=sys.stdout, level='INFO', format='%(name)s|%(levelname)s|%(message)s')")
    assert err == ""
    assert out.splitlines()[:2] == [
        "statemachine|INFO|store_purged session=5f3a sessions=3",
        "statemachine|WARNING|call_failed session=5f3a reason='no such host'",
    ]
    assert run("logging.getLogger('statemachine').setLevel('CRITICAL')") == ("", "")


def test_structlog_gets_the_lines_where_the_application_has_configured_it() -> None:
    out, err = run("import structlog; structlog.configure(processors=[structlog.processors.JSONRenderer()])")
    assert err == ""
    assert out.splitlines()[0] == '{"session": "5f3a", "sessions": 3, "event": "store_purged"}'
    assert "hidden" not in out


def test_importing_and_using_the_package_configures_nothing() -> None:
    out, _ = run(
        "import statemachine, statemachine.client, statemachine.store.sqlite\n"
        "from statemachine.simulation.run import run_seeds\n"
        "run_seeds([1], 30)\n"
        "import structlog, warnings\n"
        "root = logging.getLogger()\n"
        "print(structlog.is_configured(), root.handlers, logging.getLogger('statemachine').handlers, root.level)"
    )
    assert out == "False [] [] 30\n"


def test_the_line_names_its_caller(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "statemachine"):
        Logger().warning("here")
    assert caplog.records[0].filename == Path(__file__).name


async def test_silence_holds_for_the_tasks_of_its_context_only() -> None:
    log, begun = Logger(), asyncio.Event()

    async def speak(event: str) -> None:
        await begun.wait()
        log.warning(event)

    with capture_logs() as logs:
        loud = asyncio.create_task(speak("loud"))
        with silenced():
            silent = asyncio.create_task(speak("silent"))
        begun.set()
        await asyncio.gather(loud, silent)
    assert [one["event"] for one in logs] == ["loud"]


class _Private(ConnectionError):
    pass


class Group(ExceptionGroup[Exception]):
    pass


def fail() -> None:
    raise ValueError("the customer's words")


def fail_in_a_library() -> None:
    int("the customer's words")
    "".encode("no such codec")


def fail_in_a_group() -> None:
    try:
        fail()
    except ValueError as error:
        raise ExceptionGroup("words", [Group("more words", [error])]) from None


@pytest.mark.parametrize("failing", [fail, fail_in_a_library, fail_in_a_group])
def test_an_error_is_described_by_type_and_place_without_its_message(failing: Callable[[], None]) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each function raises another type
        failing()
    values = error_values(caught.value)
    assert values["error"] == "ValueError"
    assert values["file"] == __file__
    assert values["function"] == ("fail" if failing is fail_in_a_group else failing.__name__)
    assert "words" not in repr(values)


class _OddType(type):
    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError("no attribute of the type can be read")


class _Odd(Exception, metaclass=_OddType):
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("no attribute can be read")


class _Endless(ExceptionGroup[Exception]):
    @property
    def exceptions(self) -> Any:
        return (self,)


def test_an_error_that_cannot_be_read_is_named_by_its_type() -> None:
    assert error_values(_Odd()) == {"error": "Exception"}
    assert error_values(_Endless("", [ValueError()])) == {"error": "ExceptionGroup"}


def test_a_filter_of_the_application_that_fails_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(record: logging.LogRecord) -> bool:
        raise ValueError("the filter")

    logger = logging.getLogger("statemachine")
    logger.addFilter(fail)
    try:
        Logger(session="5f3a").warning("call_failed", reason="no such host")
    finally:
        logger.removeFilter(fail)
    assert capsys.readouterr().err == "call_failed session=5f3a reason='no such host'\n"


async def test_a_timeout_is_described_by_the_place_that_took_too_long() -> None:
    async def slow() -> None:
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0):
            await slow()
    values = error_values(caught.value)
    assert (values["error"], values["function"]) == ("TimeoutError", "slow")


def test_private_types_are_named_by_their_public_base() -> None:
    assert error_name(_Private()) == "ConnectionError"
    assert error_name(ValueError()) == "ValueError"
    assert error_values(_Private()) == {"error": "ConnectionError"}

"""Failures of the application's code: of a handler, of metrics, middleware and observers. No other chat is affected."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from statemachine import Received
from statemachine.adapters.protocols import HandledEvent
from statemachine.client import BadSetting, ChatClient, ChatSession, Middleware, Update
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from tests.client.two_parties import LIMIT_S, QUICK, client, text, until

SOON = timedelta(milliseconds=1)


class Failure(Exception):
    """An exception of the application."""


class Abort(BaseException):
    """An exception that `except Exception` does not catch."""


class OddType(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__mro__"):
            raise RuntimeError("this type does not say its name")
        return super().__getattribute__(name)


class Odd(Exception, metaclass=OddType):
    pass


async def await_a_cancelled_task() -> None:
    task = asyncio.create_task(asyncio.sleep(60))
    task.cancel()
    await task


async def cancel_itself() -> None:
    task = asyncio.current_task()
    assert task
    task.cancel()
    await asyncio.sleep(60)


async def time_out() -> None:
    async with asyncio.timeout(0):
        await asyncio.sleep(60)


async def fail_in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(fail_with(Failure("the customer's words")))


async def fail_with(error: BaseException) -> None:
    raise error


FAILURES: dict[str, tuple[str, Callable[[], Awaitable[None]]]] = {
    "cancelled task": ("CancelledError", await_a_cancelled_task),
    "cancels itself": ("CancelledError", cancel_itself),
    "raises CancelledError": ("CancelledError", lambda: fail_with(asyncio.CancelledError("the customer's words"))),
    "odd type": ("Odd", lambda: fail_with(Odd("the customer's words"))),
    "timeout": ("TimeoutError", time_out),
    "exception": ("Failure", lambda: fail_with(Failure("the customer's words"))),
    "group": ("Failure", fail_in_a_group),
    "BaseException": ("Abort", lambda: fail_with(Abort("the customer's words"))),
    "GeneratorExit": ("GeneratorExit", lambda: fail_with(GeneratorExit())),
    "SystemExit": ("SystemExit", lambda: fail_with(SystemExit(2))),
    "StopAsyncIteration": ("StopAsyncIteration", lambda: fail_with(StopAsyncIteration())),
}


@pytest.fixture
async def silent() -> AsyncIterator[Emulator]:
    async with Emulator("silent", QUICK) as emulator:
        yield emulator


async def two_chats(chats: ChatClient) -> tuple[ChatSession, ChatSession]:
    ann, bob = await chats.session("ann"), await chats.session("bob")
    await until(lambda: ann.phase == bob.phase == "ivr", "both chats are there")
    return ann, bob


async def say(emulator: Emulator, session: ChatSession, *words: str) -> None:
    await emulator.act(session.session.chat.chat_id, *map(do.Say, words))


@contextlib.asynccontextmanager
async def handling(chats: ChatClient, handler: Any, **how: Any) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(chats.handle(handler, **{"pause": SOON, "tries": 3, **how}))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize(("name", "fail"), FAILURES.values(), ids=FAILURES)
async def test_no_failure_of_a_handler_ends_the_calls_for_others(
    silent: Emulator, name: str, fail: Callable[[], Awaitable[None]], concurrency: int
) -> None:
    heard = list[str]()
    caught = list[tuple[str, str, str]]()

    async def handler(session: ChatSession, update: Update) -> None:
        if text(update) == "poison":
            await fail()
        elif said := text(update):
            heard.append(f"{session.client_id}: {said}")

    def on_error(session: ChatSession, update: Any, error: BaseException) -> None:
        caught.append((session.client_id, text(update), str(error)))
        raise Failure("the hook fails too")

    with capture_logs() as logs:
        async with client(silent) as chats:
            ann, bob = await two_chats(chats)
            async with handling(chats, handler, concurrency=concurrency, on_error=on_error) as task:
                await say(silent, ann, "poison")
                await until(lambda: chats.stats().parked == 1, "ann is parked")
                await say(silent, bob, "hello")
                await until(lambda: heard == ["bob: hello"], "bob is heard")
                assert not task.done()
                await ann.ack(1)
                ann.resume()
                await say(silent, ann, "cured")
                await until(lambda: "ann: cured" in heard, "ann is heard again")
    failures = [log for log in logs if log["event"] == "handler_failed"]
    assert [log["tries"] for log in failures] == [1, 2, 3]
    assert {log["error"] for log in failures} == {name}
    assert {log["session"] for log in failures} == {ann.label}
    assert {log["file"] for log in failures} == {__file__}
    assert all(isinstance(log["line"], int) and log["function"] for log in failures)
    assert {log["seq"] for log in failures} == {1}
    assert len([log for log in logs if log["event"] == "on_error_failed"]) == len(caught) == 3
    assert {(who, said) for who, said, _ in caught} == {("ann", "poison")}
    assert "words" not in str(logs)
    assert "ann" not in str(logs)


async def test_handlers_that_suppress_their_cancellation_end_with_the_runner(silent: Emulator) -> None:
    entered = asyncio.Event()

    async def handler(session: ChatSession, update: object) -> None:
        if isinstance(update, Received):
            entered.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    async with client(silent) as chats:
        ann, _ = await two_chats(chats)
        await say(silent, ann, "hello")
        task = asyncio.create_task(chats.handle(handler))
        async with asyncio.timeout(LIMIT_S):
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


def returns_nothing(session: ChatSession, update: Update) -> None:
    """No coroutine."""


async def yields(session: ChatSession, update: Update) -> AsyncIterator[None]:
    """An async generator: there is nothing to await."""
    yield


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (returns_nothing, "async function.*returned NoneType"),
        (lambda session, update: 5, "async function.*returned int"),
        (yields, "async function.*returned async_generator"),
        (lambda session: None, r"two arguments, \(session, update\)"),
        (lambda: None, r"two arguments, \(session, update\)"),
        ("handler", "async function, not str"),
        (None, "async function, not NoneType"),
    ],
)
async def test_a_handler_that_cannot_be_awaited_is_refused_and_no_update_is_lost(
    silent: Emulator, handler: Any, words: str
) -> None:
    heard = list[str]()

    async def right(session: ChatSession, update: Update) -> None:
        heard.append(text(update))

    async with client(silent) as chats:
        ann, _ = await two_chats(chats)
        await say(silent, ann, "hello")
        await until(lambda: ann.unread, "the message is in the journal")
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(BadSetting, match=words):
                await chats.handle(handler)
        assert ann.unread
        async with handling(chats, right):
            await until(lambda: "hello" in heard, "another handler gets it")


async def test_a_later_call_that_returns_nothing_to_await_is_a_failure(silent: Emulator) -> None:
    heard = list[str]()

    def handler(session: ChatSession, update: Update) -> Awaitable[None] | None:
        if text(update) == "poison":
            return None
        heard.append(text(update))
        return asyncio.sleep(0)

    async with client(silent) as chats:
        ann, bob = await two_chats(chats)
        async with handling(chats, handler) as task:
            await until(lambda: heard, "a status update is handled")
            await say(silent, ann, "poison")
            await until(lambda: chats.stats().parked == 1, "ann is parked")
            await say(silent, bob, "hello")
            await until(lambda: "hello" in heard, "bob is heard")
            assert not task.done()


class BrokenMetrics:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def count(self, name: str, labels: Mapping[str, str]) -> None:
        raise self.error

    def observe(self, name: str, seconds: float, labels: Mapping[str, str]) -> None:
        raise self.error


class BrokenObserver:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def event_handled(self, step: HandledEvent) -> None:
        raise self.error

    def checkpoint(self, session_id: str, checkpoint: str, number: int) -> None:
        raise self.error


ERRORS = [ValueError("label"), asyncio.CancelledError(), Abort(), SystemExit(1), GeneratorExit()]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
async def test_metrics_and_observers_that_raise_stop_nothing(silent: Emulator, error: BaseException) -> None:
    heard = list[str]()
    once = [Failure()]

    async def handler(session: ChatSession, update: Update) -> None:
        if once and isinstance(update, Received):
            raise once.pop()
        heard.append(text(update))

    broken = {"metrics": BrokenMetrics(error), "observers": [BrokenObserver(error)]}
    with capture_logs() as logs:
        async with client(silent, **broken) as chats:
            ann, _ = await two_chats(chats)
            async with handling(chats, handler) as task:
                await (await ann.send("hello")).sent(timedelta(seconds=LIMIT_S))
                await say(silent, ann, "how are you?")
                await until(lambda: "how are you?" in heard, "the second try is handled")
                assert not task.done()
    assert {"metrics_failed", "observer_failed", "handler_failed"} <= {log["event"] for log in logs}


class BrokenMiddleware(Middleware):
    """Fails for messages with the text "poison"."""

    def __init__(self, fail: Callable[[], Any]) -> None:
        self.fail = fail
        self.times = 0

    def delivering(self, session: ChatSession, update: Update) -> Update | None:
        if text(update) == "poison" and self.times < 2:
            self.times += 1
            result: Update | None = self.fail()
            return result
        return update


def raising(error: BaseException) -> Callable[[], Any]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize("fail", [*map(raising, ERRORS), lambda: 5, object], ids=[*map(repr, ERRORS), "int", "object"])
async def test_a_middleware_that_fails_is_tried_again_as_a_handler_is(
    silent: Emulator, fail: Callable[[], Any]
) -> None:
    heard, caught = list[str](), list[BaseException]()

    async def handler(session: ChatSession, update: Update) -> None:
        heard.append(text(update))

    with capture_logs() as logs:
        async with client(silent, middleware=[BrokenMiddleware(fail)]) as chats:
            ann, bob = await two_chats(chats)
            async with handling(chats, handler, on_error=lambda session, update, error: caught.append(error)) as task:
                await say(silent, ann, "poison")
                await say(silent, bob, "hello")
                await until(lambda: {"poison", "hello"} <= set(heard), "both are heard")
                assert not task.done()
    failures = [log for log in logs if log["event"] == "handler_failed"]
    assert [log["session"] for log in failures] == [ann.label] * 2
    assert len(caught) == 2

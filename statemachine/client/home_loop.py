"""A client and its chats belong to one event loop: in another loop or thread, their waits would never end."""

from __future__ import annotations

import asyncio

from .errors import WrongLoop


def running_loop() -> asyncio.AbstractEventLoop:
    """The running event loop. Raises WrongLoop where there is none of asyncio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise WrongLoop(
            "ChatClient needs an event loop of asyncio, and none runs here. With trio or threads, drive the engine "
            "itself: statemachine/DRIVER.md, and statemachine.examples.trio_httpx2 or threads_requests"
        ) from None


def check_loop(home: asyncio.AbstractEventLoop) -> None:
    """Raise WrongLoop where the caller does not run in the event loop `home`."""
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is home:
        return
    if home.is_closed():
        raise WrongLoop(
            "the event loop in which this client was opened is closed: open the client and use it within one "
            "asyncio.run (in tests: in one loop scope)"
        )
    raise WrongLoop(
        "this client was opened in another event loop or thread: call it there, with "
        "asyncio.run_coroutine_threadsafe(coroutine, loop), or loop.call_soon_threadsafe for plain functions; "
        "or open a client in each loop"
    )

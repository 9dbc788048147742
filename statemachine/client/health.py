"""Whether a client can serve."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

from attrs import frozen

from statemachine.adapters.aio import settle
from statemachine.adapters.protocols import Archive


@frozen
class Health:
    """`faults`: why it cannot serve, in words without ids or texts; empty where it can."""

    faults: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is no fault."""
        return not self.faults


async def store_fault(store: Archive, within: timedelta) -> str | None:
    """Why this store takes no writes now; None where it does.

    Cookies of a session that is not stored are not kept: a write that goes all the way, and changes nothing.
    """
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    store.keep_cookies("", "", partial(settle, done))
    try:
        async with asyncio.timeout(within.total_seconds()):
            await done
    except TimeoutError:
        return f"the store does not answer within {within.total_seconds():g} seconds"
    except Exception as error:
        return f"the store takes no writes: {type(error).__name__}"
    return None

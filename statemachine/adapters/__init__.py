"""Adapters: they pass events to a session and execute its commands; they decide nothing.

`driver` is the loop, against the protocols of `protocols`; `aio` and `http` connect it to asyncio and aiohttp. Nothing
is imported here, so that the loop can be used without either.
"""

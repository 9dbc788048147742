"""Adapters: they feed a session what happened and do what it says; they decide nothing.

`driver` is the one loop, against the protocols of `protocols`. `aio` and `http` bind it to asyncio and aiohttp.
Nothing is imported here, so that the loop can be had without either.
"""

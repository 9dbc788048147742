"""aiohttp and its parts; without the extra `http`, the error says how to install it."""

from __future__ import annotations

try:
    import aiohttp
    from multidict import CIMultiDict
    from yarl import URL
except ModuleNotFoundError as missing:  # pragma: no cover - tested in a process of its own
    raise ModuleNotFoundError(
        "HTTP needs aiohttp: pip install 'chat-session-statemachine[http]'", name=missing.name
    ) from None

__all__ = ["URL", "CIMultiDict", "aiohttp"]

"""aiohttp and its parts; without the extra `http`, the error says how to install it."""

from __future__ import annotations

from ..extras import needed_by

with needed_by("HTTP"):
    import aiohttp
    from multidict import CIMultiDict
    from yarl import URL

__all__ = ["URL", "CIMultiDict", "aiohttp"]

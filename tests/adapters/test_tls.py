"""What TLS costs a connection."""

from __future__ import annotations

from asyncio import sslproto
from typing import Any

import pytest

from statemachine.adapters.tls import BUFFER, keep_buffers_small

PROTOCOL: Any = sslproto.SSLProtocol


@pytest.mark.parametrize(("before", "after"), [(256 * 1024, BUFFER), (1_024, 1_024)])
def test_it_only_ever_makes_them_smaller(monkeypatch: pytest.MonkeyPatch, before: int, after: int) -> None:
    monkeypatch.setattr(PROTOCOL, "max_size", before)
    keep_buffers_small()
    assert PROTOCOL.max_size == after


def test_there_is_such_a_size() -> None:
    """Should asyncio give it another name, memory grows fivefold and no other test says so."""
    assert isinstance(PROTOCOL.max_size, int)

"""A small dose of `python -m tests.gateway.schema`."""

from __future__ import annotations

import pytest

from tests.gateway.schema import run


@pytest.mark.slow
async def test_no_answer_is_undocumented() -> None:
    assert await run(examples=10, seed=1) == 0

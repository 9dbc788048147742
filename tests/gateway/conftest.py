from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from statemachine.testing import EmulatedCentre
from tests.gateway.harness import Api, gateway


@pytest.fixture
def centre() -> Iterator[EmulatedCentre]:
    with EmulatedCentre(timeout_s=60) as centre:
        yield centre


@pytest_asyncio.fixture
async def api(tmp_path: Path, centre: EmulatedCentre) -> AsyncIterator[Api]:
    async with gateway(tmp_path, centre) as api:
        yield api

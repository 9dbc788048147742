"""The pytest plugin: the fixture ``emulated_centre``, for tests with or without a loop.

    @pytest.mark.emulated_centre(scenario="survey", pace=0)
    def test_the_survey(emulated_centre): ...

The mark takes ``scenario`` and ``speed`` as ``EmulatedCentre`` does, and any knob.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from statemachine.testing.centre import EmulatedCentre


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "emulated_centre(scenario, speed, **knobs): of the fixture of that name")


@pytest.fixture
def emulated_centre(request: pytest.FixtureRequest) -> Iterator[EmulatedCentre]:
    """A contact centre on a free port, in a thread of its own."""
    try:
        from statemachine.testing.centre import EmulatedCentre  # loaded only where a test uses it
    except ModuleNotFoundError as error:
        pytest.fail(f"{error}: pip install 'chat-session-statemachine[http]'", pytrace=False)

    settings: dict[str, Any] = {}
    mark = request.node.get_closest_marker("emulated_centre")
    if mark is not None:
        settings = dict(mark.kwargs)
    scenario, speed = settings.pop("scenario", "silent"), settings.pop("speed", 1.0)
    with EmulatedCentre(scenario, settings, speed=speed) as centre:
        yield centre

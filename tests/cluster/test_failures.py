"""A small dose of the failures; `python -m tests.cluster.failures` gives more."""

from __future__ import annotations

import pytest

from tests.cluster.failures import options, report, run

SMALL = ["--chats", "20", "--every", "3", "--untimed"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "failures",
    [["--kills", "2", "--deployments", "1"], ["--freezes", "3"], ["--partitions", "1", "--crashes", "1"]],
    ids=["kills", "freezes", "outages"],
)
async def test_nothing_is_lost_doubled_or_out_of_order(failures: list[str]) -> None:
    assert report(await run(options([*SMALL, *failures]))) == 0


@pytest.mark.long  # whether a frozen worker holds a text at that moment is chance
async def test_without_the_lease_check_a_text_is_doubled() -> None:
    """Else the freezes would prove nothing."""
    control = ["--control", "--freezes", "3", "--lease", "2", "--settle", "2"]
    assert report(await run(options([*SMALL, *control]))) == 0

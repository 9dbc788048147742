"""The command line in these tests keeps nothing in the home of whoever runs them."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it keeps things."""
    monkeypatch.setenv("STATEMACHINE_STATE_DIR", str(tmp_path / "state"))
    for name in ("URL", "TENANT", "APP_ID", "CLIENT_ID", "API", "PROXY", "CA"):
        monkeypatch.delenv(f"STATEMACHINE_{name}", raising=False)
    return tmp_path / "state"

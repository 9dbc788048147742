"""The benchmark of the store, in a very small dose: it runs, and what it counts is there."""

from __future__ import annotations

import json

import pytest

from tests.bench import store


def test_it_measures_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--sessions", "12", "--seconds", "0.02", "--rounds", "2"]
    assert store.main([*small, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["kind"] for row in found["saves"]] == [store.PLAIN, *(f"store, {n} waiting" for n in store.WAITING)]
    assert all(row["saves a second"] > 0 and row["ms, worst of 100"] >= row["ms, middle"] > 0 for row in found["saves"])
    assert found["saves"][0]["ratio"] == 1
    assert set(found["once"]) == {"bytes", "open", "load all", "forget one", "acknowledge all", "purge"}
    assert store.main(small) == 0
    assert "12 sessions, SQLite" in capsys.readouterr().out

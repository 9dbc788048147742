"""Examples are to be read at a glance, and to be copied."""

from __future__ import annotations

from pathlib import Path

import pytest

import statemachine.examples

FILES = sorted(Path(statemachine.examples.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_an_example_is_one_short_independent_file(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 60
    assert not [line for line in lines if line.startswith("from .")]
    assert f"python -m statemachine.examples.{path.stem}" in "\n".join(lines[:12])


def test_there_are_three() -> None:
    assert [path.stem for path in FILES] == ["aiogram_bot", "telegram_bot", "webhook_bridge"]

"""Annotations as TypeScript, and the fields of records."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.core import session, states
from statemachine.core.events import RequestChat
from statemachine.diagrams.types import constants, fields, mentioned, typescript


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("int", "number"),
        ("str | None", "string | null"),
        ("tuple[Entry, ...]", "Entry[]"),
        ("tuple[int | None, ...]", "(number | null)[]"),
        ("tuple[tuple[str, str, bool], ...]", "[string, string, boolean][]"),
        ('Literal["image", "attachment"]', '"image" | "attachment"'),
    ],
)
def test_python_as_typescript(annotation: str, expected: str) -> None:
    assert typescript(annotation) == expected


@pytest.mark.parametrize("annotation", ["dict[str, int]", "Callable[[], int]", "tuple", "int or str"])
def test_what_has_no_typescript_is_an_error_not_a_guess(annotation: str) -> None:
    if annotation == "tuple":
        assert typescript(annotation) == "tuple"  # a bare name is a name
    else:
        with pytest.raises(TypeError, match="no TypeScript"):
            typescript(annotation)


def test_a_field_has_a_default_only_where_none_must_be_given() -> None:
    by_name = {one["name"]: one for one in fields(RequestChat)}
    assert "default" not in by_name["at"]
    assert by_name["parameters"]["default"] == "{}"
    assert by_name["after"] == {"name": "after", "type": "Carryover | null", "default": None}


def test_what_a_state_never_has_is_a_constant() -> None:
    assert constants(states.Gone) == {"outcome": "gone", "due": None}
    assert constants(states.ConnectionPolling) == {"kind": "poll"}


def test_everything_that_a_session_is_made_of_is_found() -> None:
    found: dict[str, Any] = mentioned([session.Session])
    assert {"Session", "Opening", "Typist", "ItemInDoubt", "Entry", "Malformed"} <= set(found)

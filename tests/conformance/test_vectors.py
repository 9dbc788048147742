"""The vectors: in the form that the schemas give, as the engine answers today, and nothing left uncovered."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.resources import files
from random import Random
from typing import Any

import jsonschema
import pytest

from statemachine.conformance.traces import trace_of
from statemachine.conformance.vectors import (
    VECTOR_FEATURES,
    BadVector,
    codec_vectors,
    engine_vectors,
    read_vector,
    vector_data,
    vector_of,
)
from statemachine.engine.session import JsonSession
from tests.conformance.making import stale
from tests.conformance.targets import targets
from tests.mutants.equivalent import reason

ENGINE, CODEC = engine_vectors(), codec_vectors()
KIT = files("statemachine.conformance")


def schema(name: str) -> Any:
    return json.loads((KIT / "schema" / f"{name}.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("name", ["engine", "codec"])
def test_they_have_the_form_of_their_schema(name: str) -> None:
    vectors = [vector_data(one) for one in ENGINE] if name == "engine" else list(CODEC)
    jsonschema.Draft202012Validator.check_schema(schema(name))
    jsonschema.Draft202012Validator(schema(name)).validate(vectors)


def test_names_are_unique() -> None:
    names = Counter([one.id for one in ENGINE] + [one["id"] for one in CODEC])
    assert [name for name, count in names.items() if count > 1] == []


def test_every_expectation_is_what_the_engine_shows() -> None:
    """After a change of behaviour that is meant: `python -m tests.conformance.making`, and look at the difference."""
    assert stale(ENGINE) == []


def test_every_fault_of_clients_in_the_field_has_a_vector() -> None:
    """F4 and F35 (sessions share nothing) are L10: whatever was played before, the same answers."""
    covered = {code for one in ENGINE for code in one.covers} | {
        code for one in CODEC for code in one.get("covers", ())
    }
    wanted = {f"F{number}" for number in range(1, 39)} - {"F4", "F35"}
    elsewhere = {
        "F5": "a loop that dies: the laws feed whatever comes, and an answer must be given",
        "F29": "client ids are the host's; an empty one is refused by tests/engine and tests/codec",
        "F36": "HTML is shown by the host: tests/codec/test_text.py",
    }
    assert wanted - covered - elsewhere.keys() == set()


def test_every_cell_and_every_reaction_is_covered() -> None:
    """But for those without which an engine shows the same, for the reason that `tests/mutants` gives."""
    covered = {name for one in ENGINE for name in one.covers}
    left = {one.name for one in targets() if one.shows and one.name not in covered}
    assert [name for name in left if reason(f"{name}: drop") is None] == []


def test_names_of_targets_are_unique() -> None:
    names = Counter(target.name for target in targets())
    assert [name for name, count in names.items() if count > 1] == []


def test_nothing_is_padded() -> None:
    """Each vector covers something that no other does, but for those that show a fault by its name."""
    counts = Counter(name for one in ENGINE for name in one.covers)
    padded = [one.id for one in ENGINE if not any(counts[name] == 1 or re.match("F[0-9]", name) for name in one.covers)]
    assert padded == []


def test_what_a_vector_requires_is_known_to_the_messages() -> None:
    text = (KIT / "MESSAGES.md").read_text("utf-8")
    assert {name for one in ENGINE for name in one.requires} <= VECTOR_FEATURES
    assert JsonSession.features >= VECTOR_FEATURES
    assert all(f"`{name}`" in text for name in JsonSession.features)


def test_a_random_life_becomes_a_vector_and_back() -> None:
    random = Random(5)
    vector = vector_of(trace_of([random.randbytes(10) for _ in range(60)]))
    again = read_vector(json.loads(json.dumps(vector_data(vector))))
    assert again == vector
    assert stale([vector]) == []
    assert {"reload", "follow", "event"} >= {key for step in vector.steps for key in step.do}


@pytest.mark.parametrize("said", [None, {}, {"id": "a", "at": 1, "steps": [{"expect": {}}]}, {"id": "a", "steps": 5}])
def test_what_is_no_vector_is_refused(said: Any) -> None:
    with pytest.raises(BadVector):
        read_vector(said)

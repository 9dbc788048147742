"""Entries, events, commands, news, errors: complete lists, discreet reprs, comparable values."""

from __future__ import annotations

import pickle
from typing import Any, get_args

import pytest
from attrs import fields, has

from statemachine import AnswerForm, ContactCenterEvent, Direction, IllegalIntent, RequestChat, wire
from statemachine.core import commands, events, updates
from statemachine.core.commands import COMMANDS, READS
from statemachine.core.wire import WIRE_NAMES, redacted
from tests.core.examples import ENTRIES, INTENTS


def test_the_seeds_fifteen_events() -> None:
    assert len(ContactCenterEvent) == 15
    assert {event.direction for event in ContactCenterEvent} == set(Direction)
    for event in ContactCenterEvent:
        assert WIRE_NAMES[event.value].wire.direction is event.direction
    assert ContactCenterEvent("chat_session_end").direction is Direction.TO_SERVER


def test_every_entry_has_a_wire_name_and_an_example() -> None:
    entries = set(get_args(wire.Entry))
    assert set(WIRE_NAMES.values()) == entries - {wire.Unknown, wire.Malformed}
    assert {type(entry) for entry in ENTRIES} == entries


def test_the_lists_are_complete() -> None:
    assert set(events.INTENTS) == set(get_args(events.Intent))
    assert set(events.EVENTS) == set(get_args(events.Event))
    assert set(COMMANDS) == set(get_args(commands.Command))
    assert set(updates.TRANSCRIPT) == set(get_args(updates.TranscriptUpdate))
    assert set(READS) < set(COMMANDS)
    assert {type(make(0)) for make in INTENTS} == set(events.INTENTS)


@pytest.mark.parametrize("event", events.EVENTS, ids=lambda event: event.__name__)
def test_at_comes_first(event: Any) -> None:
    assert fields(event)[0].name == "at"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_command_has_an_id_and_a_timeout(command: Any) -> None:
    assert [one.name for one in fields(command)][:2] == ["id", "timeout"]


@pytest.mark.parametrize("module", [wire, events, commands, updates], ids=lambda module: module.__name__)
def test_values_are_frozen_slotted_and_named(module: Any) -> None:
    for one in vars(module).values():
        if isinstance(one, type) and has(one) and one.__module__ == module.__name__:
            assert "__dict__" not in dir(object.__new__(one))
            assert one.__doc__
            assert one.__hash__ is not None


def test_what_people_wrote_is_shown_as_its_length() -> None:
    assert redacted("hello") == "<5 chars>"
    assert redacted(None) == "None"
    message = wire.Message("id", "party", msg="private", msg_text="private")
    assert "private" not in repr(message)
    assert "'id'" in repr(message)


def test_json_is_canonical_when_it_comes_in() -> None:
    assert RequestChat(0, "o", {"b": 1, "a": "ü"}).parameters == '{"a":"ü","b":1}'
    assert AnswerForm(0, "f", '{"b": 1, "a": [2]}').data == '{"a":[2],"b":1}'


@pytest.mark.parametrize("bad", [[1], "[1]", {"x": float("nan")}, {"x": object()}, "{", None])
def test_what_json_cannot_say_is_refused_when_it_is_built(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        RequestChat(0, "o", bad)


def test_a_refusal_reads_well_and_travels() -> None:
    refusal = IllegalIntent("idle", "SendText", "request a chat first")
    assert str(refusal) == "SendText is not possible while idle: request a chat first"
    again = pickle.loads(pickle.dumps(refusal))
    assert (again.phase, again.intent, again.reason) == ("idle", "SendText", "request a chat first")

"""Traces as JSON lines: written without anybody's words, read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.codec import trace
from statemachine.codec.errors import BadRecord
from statemachine.codec.records import AnyUpdate
from statemachine.codec.trace import FORMAT, UPGRADES, RecordedStep, Trace, header_line, read_trace, step_line
from statemachine.codec.upgrades import from_format_1
from statemachine.core.commands import Command, Poll, Post
from statemachine.core.events import Event, SendText, Tick
from statemachine.core.session import new_session
from statemachine.core.updates import DeliveryUpdate, PhaseChanged
from statemachine.core.wire import Message
from statemachine.replay import play, read_capture
from tests.codec.sessions import SESSIONS
from tests.codec.strategies import TEXTS, records

STEP = RecordedStep(
    SendText(5, "my card is 4111"),
    "queued",
    (Post(1, 2, "c", "o:1", Message("o:1", msg_text="my card is 4111")),),
    (PhaseChanged("queued", 5), DeliveryUpdate(1, 5, "o:1", "sent")),
)


def test_the_form_of_a_trace() -> None:
    assert json.loads(header_line("p 1.0")) == {"trace": FORMAT, "product": "p 1.0", "session": None}
    assert json.loads(step_line(STEP)) == {
        "event": {"type": "send_text", "at": 5, "text": "<15 chars>"},
        "phase": "queued",
        "commands": [
            {
                "type": "post",
                "id": 1,
                "timeout": 2,
                "chat_id": "c",
                "item": "o:1",
                "entry": {"type": "message", "msg_id": "o:1", "msg_text": "<15 chars>"},
            }
        ],
        "updates": [
            {"type": "phase_changed", "phase": "queued", "ewt": 5},
            {"type": "delivery_update", "seq": 1, "at": 5, "item": "o:1", "state": "sent"},
        ],
    }


_STEPS = st.builds(
    RecordedStep,
    records(Event),
    TEXTS,
    st.lists(records(Command), max_size=2).map(tuple),
    st.lists(records(AnyUpdate), max_size=2).map(tuple),
)


@given(TEXTS, st.sampled_from([None, *SESSIONS.values()]), st.lists(_STEPS, max_size=2))
def test_a_trace_comes_back(product: str, session: object, steps: list[RecordedStep]) -> None:
    trace = Trace(product, session, tuple(steps))  # type: ignore[arg-type]
    lines = [header_line(product, trace.session, redacted=False), *[step_line(step, redacted=False) for step in steps]]
    assert read_trace(lines) == trace
    assert read_trace(f"{line}\r\n" for line in lines) == trace
    assert all(line.isascii() and "\n" not in line for line in lines)


def test_by_default_nobodys_words_are_in_it() -> None:
    lines = [header_line("p", SESSIONS["full"]), step_line(STEP)]
    for private in ("4111", "How are you", "50.45", "+380"):
        assert private not in "".join(lines)
    assert read_trace(lines).steps[0].phase == "queued"


HEADER = header_line("p", new_session(5))
GOOD = step_line(RecordedStep(Tick(5), "idle", (Poll(1, 2, "c"),)))


def test_every_format_ever_released_is_read_and_replays() -> None:
    """Each file was written by the version that had its format, and stays as it is once that is released."""
    golden = Path(__file__).parent / "golden"
    assert set(UPGRADES) == set(range(1, FORMAT))
    for form in range(1, FORMAT + 1):
        file = golden / f"trace_{form}.jsonl"
        replay = play(read_capture([(file.name, file.read_bytes())]))
        assert (replay.session.phase, len(replay.rows)) == ("ending", 9)
        assert [note for row in replay.rows for note in row.notes] == []


def test_an_older_format_is_lifted_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "FORMAT", 3)
    monkeypatch.setattr(trace, "UPGRADES", {1: _named("first"), 2: _named("second")})
    old = GOOD.replace('"phase":"idle"', '"phase":""')
    assert read_trace([HEADER.replace(f'"trace":{FORMAT}', '"trace":1'), old]).steps[0].phase == "first second "
    assert read_trace([HEADER.replace(f'"trace":{FORMAT}', '"trace":2'), old]).steps[0].phase == "second "
    assert read_trace([HEADER.replace(f'"trace":{FORMAT}', '"trace":3'), old]).steps[0].phase == ""


def _named(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda step: {**step, "phase": f"{step['phase']}{name} "}


def test_empty_lines_do_not_count() -> None:
    assert len(read_trace(["", HEADER, "", GOOD, "\n"]).steps) == 1


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([], "line 1: expected a JSON object"),
        (["{"], "line 1: expected a JSON object"),
        (["[" * 100_000], "line 1: expected a JSON object"),
        ([GOOD], f"line 1: expected the header of a trace, with trace {FORMAT} and a product"),
        (
            [HEADER.replace(f'"trace":{FORMAT}', f'"trace":{FORMAT + 1}')],
            f"line 1: trace {FORMAT + 1} was written by a newer version",
        ),
        ([HEADER.replace(f'"trace":{FORMAT}', '"trace":0')], "line 1: expected the header"),
        (['{"trace":1,"product":5}'], "line 1: expected the header"),
        ([HEADER.replace('"schema":2', '"schema":99')], "line 1: session: $.schema: 99 was written by a newer version"),
        ([HEADER, "", "5"], "line 3: expected a JSON object"),
        ([HEADER, "{}"], "line 2: expected a step: event, phase, commands, updates and nothing else"),
        ([HEADER, GOOD, GOOD.replace("idle", "x").replace('"phase":"x"', '"phase":7')], "line 3: expected a step"),
        ([HEADER, GOOD[:-1] + ',"more":1}'], "line 2: expected a step"),
        ([HEADER, GOOD.replace('"at":5', '"at":"5"')], "line 2: $.at: expected a whole number"),
        ([HEADER, GOOD.replace('"id":1', '"id":null')], "line 2: $.id: expected a whole number"),
    ],
)
def test_a_bad_line_is_named(lines: list[str], fault: str) -> None:
    with pytest.raises(BadRecord) as refused:
        read_trace(lines)
    assert fault in str(refused.value)


def test_the_kind_of_a_party_is_no_type_tag_of_an_old_format() -> None:
    """A field called `type` has always been written `kind`, so that no value of it is renamed with the tags."""
    old = {"type": "log", "entries": [{"type": "party_joined", "party_id": "a", "kind": "log"}]}
    assert from_format_1(old) == {**old, "type": "history_log"}

"""Values of secure forms are recognised by the decoded event, however its name is written."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from statemachine.emulator.http import Emulator
from statemachine.emulator.redaction import without_secrets_in_body
from tests.emulator.control.api import opened, wire

NAME = "chat_session_secure_form_data"
SECRET = "hunter2-secret"
EVENT = {"event": NAME, "form_request_id": "1", "data": {"card": SECRET}}
ESCAPED = "".join(f"\\u{ord(letter):04x}" for letter in NAME)


def shapes() -> dict[str, bytes]:
    one = json.dumps(EVENT)
    texts = {
        "plain": one,
        "in events": json.dumps({"events": [EVENT]}),
        "data before the name": json.dumps(dict(reversed(EVENT.items()))),
        "deep": json.dumps({"a": [{"b": [[EVENT]]}]}),
        "in the first message": json.dumps({"initial_message": EVENT}),
        "all escaped": one.replace(NAME, ESCAPED),
        "one letter escaped": one.replace("secure", "s\\u0065cure"),
        "escaped in upper case": one.replace("form_data", "f\\u006Frm_data"),
        "as a key": json.dumps({NAME: {"card": SECRET}}),
        "in a list": json.dumps([NAME, {"card": SECRET}]),
        "in another field": json.dumps({"type": NAME, "values": [SECRET]}),
        "beside the data": json.dumps({**EVENT, "note": SECRET, "more": {"x": [SECRET]}}),
        "JSON in a string": json.dumps({"events": one}),
        "JSON in a string, escaped": json.dumps({"events": one.replace(NAME, ESCAPED)}),
        "JSON in a string, twice": json.dumps([json.dumps({"x": one.replace(NAME, ESCAPED)})]),
        "name twice": f'{{"event":"{NAME}","data":"{SECRET}","event":"chat_session_message"}}',
        "name twice, ours last": f'{{"event":"chat_session_message","data":"{SECRET}","event":"{NAME}"}}',
        "data twice": f'{{"event":"{NAME}","data":"{SECRET}","data":"x"}}',
        "event in a list": json.dumps({**EVENT, "event": [NAME]}),
        "event in an object": json.dumps({**EVENT, "event": {"name": [NAME]}}),
        "in capitals": one.replace(NAME, NAME.upper()),
        "between blanks": json.dumps({**EVENT, "event": f" {NAME}\n"}),
        "with a NUL": json.dumps({**EVENT, "event": f"{NAME}\0"}),
        "with a character of no width": json.dumps({**EVENT, "event": NAME.replace("_", "\u200b_")}),
        "in hexadecimal": one.replace("secure", "s\\x65cure"),
        "in a list between blanks": json.dumps([f" {NAME} ", {"card": SECRET}]),
        "cut": one[:-2],
        "cut and escaped": one.replace(NAME, ESCAPED)[:-1],
        "trailing comma": one[:-1] + ",}",
        "too deep": "[" * 100_000 + one,
        "long before": json.dumps({"x": "y" * 100_000, "events": [EVENT]}),
        "long between": json.dumps({"data": SECRET, "pad": "y" * 100_000, "event": NAME}),
    }
    bodies = {name: text.encode() for name, text in texts.items()}
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"):
        for name in ("plain", "all escaped", "cut"):
            bodies[f"{name}, {encoding}"] = texts[name].encode(encoding)
    return bodies


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in shapes().items()])
def test_no_value_is_left(body: bytes) -> None:
    assert SECRET.encode() in body.replace(b"\0", b"")
    kept = without_secrets_in_body(body)
    assert SECRET.encode() not in kept.replace(b"\0", b"")


@pytest.mark.parametrize(
    "value",
    [{"event": "chat_session_form_data", "data": {"card": "x"}}, {"event": "chat_session_message"}, [1], "text"],
)
def test_any_other_body_stays_as_it_is(value: Any) -> None:
    body = json.dumps(value, indent=3).encode("utf-16")
    assert without_secrets_in_body(body) is body
    assert without_secrets_in_body(b"\xff\x00 no JSON") == b"\xff\x00 no JSON"


def test_the_event_itself_is_kept_without_its_values() -> None:
    kept = json.loads(without_secrets_in_body(json.dumps({"events": [EVENT, {"event": "x", "data": 1}]}).encode()))
    assert kept == {"events": [{**EVENT, "data": "(not kept)"}, {"event": "x", "data": 1}]}


async def test_nothing_that_the_emulator_keeps_or_shows_has_a_value() -> None:
    async with Emulator("silent") as emulator, aiohttp.ClientSession() as session:
        chat_id = await opened(emulator)
        for body in shapes().values():
            for path in (f"chats/{chat_id}/events", "chats", "nowhere"):
                await wire(emulator, "POST", path, data=body)
        feed, ring = emulator.feed, []
        place = None
        while items := feed.since(place)[1]:
            place = feed.since(place)[0] + len(items) - 1
            ring += items
        assert len(ring) > 3 * len(shapes())
        async with session.get(f"{emulator.url}/_control/chats") as reply:
            shown = await reply.text()
        held = str([ring, emulator.traffic, emulator.centre.chats, shown, emulator.centre.violations])
        assert SECRET not in held.replace("\\x00", "")

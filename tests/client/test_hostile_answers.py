"""Hostile answers of up to 2 KB disturb no other chat, fill neither memory nor log, and cost no honest entry."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc

import pytest
from structlog.testing import capture_logs

from statemachine import ChatClient, Received
from statemachine.client import Options
from statemachine.wire import Message
from tests.adapters.wire_server import Heard, WireServer
from tests.client.two_parties import LIMIT_S, until

WIRE = 2_000
HONEST = '{"event":"chat_session_message","msg":"honest","msg_id":"%s","party_id":"p"}'
UNITS = (
    "0", "[]", "{}", '""', "null", "true", "1e999", "-0", "NaN", '"\\ud800"', '[[]]', '{"a":{}}', '{"event":0}',
    '{"event":""}', '{"event":"x"}', '{"event":null}', '{"event":"chat_session_message"}',
    '{"event":"chat_session_status","state":"x"}', '{"event":"chat_session_status","state":"queued","ewt":"x"}',
    '{"event":"chat_session_party_joined","party_id":"%d"}', '{"event":"chat_session_party_left","party_id":"%d"}',
    '{"event":"chat_session_form_show","form_request_id":"%d"}', '{"event":"chat_session_case_set","case_id":"%d"}',
    '{"event":"chat_session_file","file_id":"%d"}', '{"event":"chat_session_signaling","data":{"type":"X"}}',
    '{"event":"chat_session_message","msg":"\\q%d"}', '{"event":"chat_session_message","msg":"%d"}',
    '{"event":"chat_session_location"}', '{"event":"chat_session_info"}', '{"event":"chat_session_timeout_warning"}',
    '{"event":"chat_session_message","msg":"<b>","extra":[[]]}',
)  # fmt: skip
WHOLE = {
    "deep arrays": "[" * 100_000 + "]" * 100_000,
    "deep objects": '{"a":' * 50_000 + "0" + "}" * 50_000,
    "a long number": '{"events":[' + "9" * 200_000 + "]}",
    "a long text": '{"events":[{"event":"chat_session_message","msg":"' + "x" * 1_000_000 + '"}]}',
    "many keys": '{"events":[{' + ",".join(f'"{n}":0' for n in range(20_000)) + "}]}",
    "spaces": '{"events":[]' + " " * 1_000_000 + "}",
    "no JSON": "<html>" * 100_000,
    "an open text": '{"events":[{"event":"' * 20_000,
    "wrong escapes": '{"events":["' + "\\q" * 200_000 + '"]}',
    "braces": '{"events":[' + "{" * 300_000,
}


def shapes() -> dict[str, bytes]:
    """Bodies by name, with honest entries around the hostile ones where that is possible."""
    found = {name: body.encode() for name, body in WHOLE.items()}
    for unit in UNITS:
        for count in (40, 60_000):
            units = ",".join([unit.replace("%d", str(n)) for n in range(count)])
            found[f"{count} of {unit}"] = f'{{"events":[{HONEST % "first"},{units},{HONEST % "last"}]}}'.encode()
    return found


def packed(body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """At most 2 KB: plain where it fits, else by gzip, cut where that is longer."""
    if len(body) <= WIRE:
        return body, ()
    small = gzip.compress(body)
    return (small[:WIRE], ("Content-Encoding: gzip",))


async def suffer(kind: str, body: bytes) -> tuple[float, float, int, list[str], int]:
    """Give this answer to one kind of call; returns the longest pause of the loop, memory, log lines and texts."""
    content, headers = packed(body)
    served: set[str] = set()
    polls = 0

    def behave(heard: Heard) -> None:
        call = (
            "history" if "/history" in heard.line
            else "create" if "POST /clientweb/api/v2/chats?" in heard.line
            else "poll" if heard.line.startswith("GET") and "/events" in heard.line
            else "post"
        )  # fmt: skip
        nonlocal polls
        polls += call == "poll"
        if call == kind and call not in served:
            served.add(call)
            heard.reply(200, content, *headers)
        elif call == "create":
            new = "false" if kind == "history" else "true"
            heard.reply(200, b'{"chat_id":"c","state":"queued","is_new_chat":"%s"}' % new.encode())
        elif call == "poll":
            asyncio.get_running_loop().call_later(1.5, heard.reply, 200, b'{"events":[]}')
        else:
            heard.reply(200, b'{"events":[]}')

    late = 0.0

    async def heartbeat() -> None:
        nonlocal late
        while True:
            begin = time.monotonic()
            await asyncio.sleep(0.01)
            late = max(late, time.monotonic() - begin - 0.01)

    texts: list[str] = []
    with capture_logs() as lines:
        async with WireServer(behave) as server, ChatClient(server.url, app_id="a", options=Options()) as chats:
            beat = asyncio.create_task(heartbeat())
            chat = await chats.session("ann")
            await chat.send("hello")
            tracemalloc.start()
            async with asyncio.timeout(LIMIT_S):
                await until(lambda: kind in served, "the answer is asked for")
                await until(lambda: polls > (kind == "poll"), "the answer was handled, and the next poll is there")
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            for update in chats.transcript("ann", limit=100_000):
                if isinstance(update, Received) and isinstance(update.entry, Message) and update.entry.msg == "honest":
                    texts.append(update.entry.msg_id)
            beat.cancel()
            counted = chat.session.window.anomalies
    return late, peak / 1e6, len(lines), texts, counted


@pytest.mark.long
@pytest.mark.parametrize("kind", ["poll", "history", "post", "create"])
async def test_hostile_answers_disturb_nobody(kind: str) -> None:
    bodies = shapes()
    assert len(bodies) >= 40
    for name, body in bodies.items():
        late, megabytes, lines, texts, counted = await suffer(kind, body)
        assert late < 1, name
        assert megabytes < 50, name
        assert lines <= 20, name
        if kind in ("poll", "history") and " of " in name:
            assert texts == ["first", "last"] or counted, name

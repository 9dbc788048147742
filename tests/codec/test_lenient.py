"""Bodies that a strict reader refuses: one wrong byte costs one entry at most, and never the chat (design 2.14)."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine import EventBatch, Failure, HistoryLog, Poll, ReadHistory
from statemachine.codec.body import Problem, parse_body
from statemachine.codec.http import read_reply
from statemachine.codec.lenient import read_body
from statemachine.core import ChatOpened, Command, CreateChat
from statemachine.wire import Malformed, Message
from tests.growth import grows_linearly

read = partial(read_reply, redirected=False)
POLL, HISTORY = Poll(1, 30_000, "C"), ReadHistory(2, 10_000, "C")
BODY = json.dumps(
    {
        "events": [
            {"event": "chat_session_message", "msg_id": "1", "msg": "before"},
            {"event": "chat_session_message", "msg_id": "2", "msg": "x EMOJI y"},
            {"event": "chat_session_message", "msg_id": "3", "msg": "after"},
        ]
    }
).encode()


def messages(body: bytes, headers: dict[str, str] | None = None, command: Any = POLL) -> list[str | None]:
    """The texts of the messages in an answer; None for an entry that could not be read."""
    reply = read(command, 200, headers or {}, body)
    assert isinstance(reply, EventBatch | HistoryLog)
    return [entry.text if isinstance(entry, Message) else None for entry in reply.entries]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        pytest.param(b"\xf0\x9f\x98", "x \ufffd y", id="cut emoji"),
        pytest.param(b"\xe9", "x \ufffd y", id="Latin-1 without a charset"),
        pytest.param("\ud83d\ude00".encode("utf-8", "surrogatepass"), "x \U0001f600 y", id="CESU-8"),
        pytest.param(b"\xc0\xaf", "x \ufffd\ufffd y", id="overlong"),
        pytest.param(b"\xed\xa0\xbd", "x \ufffd\ufffd\ufffd y", id="half of a surrogate pair"),
        pytest.param(b"a\nb", "x a\nb y", id="raw line break"),
        pytest.param(b"a\tb", "x a\tb y", id="raw tab"),
        pytest.param(b"\x1b[31m", "x \x1b[31m y", id="raw escape"),
        pytest.param(b"\x00", "x \x00 y", id="NUL"),
        pytest.param(b"\\'", "x ' y", id="escaped apostrophe"),
        pytest.param(b"\\x41", "x A y", id="hexadecimal escape"),
        pytest.param(b"\\u12", "x u12 y", id="short unicode escape"),
        pytest.param(b"\\", "x  y", id="lone backslash"),
        pytest.param(b"\\ud83d", "x \ufffd y", id="escaped lone surrogate"),
    ],
)
@pytest.mark.parametrize("command", [POLL, HISTORY])
def test_a_character_that_is_refused_costs_itself(raw: bytes, text: str, command: Any) -> None:
    assert messages(BODY.replace(b"EMOJI", raw), command=command) == ["before", text, "after"]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'he said "hi" ok', id="quotes"),
        pytest.param(b'a 5" pipe', id="one quote"),
        pytest.param(b'x", "', id="a member without a value"),
    ],
)
def test_an_entry_that_cannot_be_read_costs_itself(raw: bytes) -> None:
    assert messages(BODY.replace(b"EMOJI", raw)) == ["before", None, "after"]


@pytest.mark.parametrize("end", [b"\\", b"C:\\new\\", b"\xe9\\", b"\\\\\\"])
@pytest.mark.parametrize("quoted", [b"", b' \\"hi\\", so', b' {\\"a\\": 1}'])
@pytest.mark.parametrize("command", [POLL, HISTORY])
def test_a_backslash_that_ends_a_string_costs_no_entry(end: bytes, quoted: bytes, command: Any) -> None:
    path = b', "folder": "%s"}' % end
    body = BODY.replace(b"EMOJI", b"z").replace(b"}, ", path + b", ").replace(b"before", b"before" + quoted)
    assert path in body
    assert messages(body, command=command) == [f"before{quoted.decode()}".replace("\\", ""), "x z y", "after"]


def test_an_unreadable_entry_keeps_its_text_and_is_the_same_each_time() -> None:
    body = BODY.replace(b"EMOJI", b'"quoted"')
    one, other = (read(command, 200, {}, body) for command in (POLL, HISTORY))
    assert isinstance(one, EventBatch)
    assert isinstance(other, HistoryLog)
    assert one.entries == other.entries
    assert isinstance(one.entries[1], Malformed)
    assert "quoted" in one.entries[1].raw


def test_a_body_that_is_cut_off_gives_its_whole_entries() -> None:
    assert messages(BODY[:-50]) == ["before", "x EMOJI y", None]
    assert messages(BODY[: BODY.index(b"EMOJI")]) == ["before", None]


@pytest.mark.parametrize("command", [POLL, HISTORY])
@pytest.mark.parametrize("start", [b"[", b'{"events": ['])
@pytest.mark.parametrize(
    ("rest", "incomplete"),
    [
        (b"%s, %s]", False),
        (b"%s %s]", False),
        (b"%s, %s", True),
        (b"%s, %s,", True),
        (b'%s, %s, {"event": "chat_session_mess', True),
        (b'%s, %s, {"event": "chat_session_status", "more": {}', True),
        (b'%s, {"event": "chat_session_status", "state": }, %s]', False),
        (b'%s, {"event": "chat_session_status", "state": "queued, %s]', False),
    ],
)
def test_a_list_without_its_end_is_incomplete(command: Command, start: bytes, rest: bytes, incomplete: bool) -> None:
    entry = b'{"event": "chat_session_message", "msg": "whole"}'
    reply = read(command, 200, {}, start + rest % (entry, entry) + b"}" * (start != b"[" and not incomplete))
    assert isinstance(reply, EventBatch | HistoryLog)
    assert reply.incomplete is incomplete
    assert sum(isinstance(one, Message) for one in reply.entries) == 2


def test_commas_that_are_missing_or_too_many_cost_nothing() -> None:
    assert messages(BODY.replace(b"}, {", b"} {")) == ["before", "x EMOJI y", "after"]
    assert messages(BODY.replace(b"}]", b"},]")) == ["before", "x EMOJI y", "after"]


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-8-sig"])
def test_unicode_in_any_form(charset: str) -> None:
    body = BODY.decode().replace("EMOJI", "ü\U0001f600").encode(charset)
    assert messages(body) == ["before", "x ü\U0001f600 y", "after"]


@pytest.mark.parametrize(
    ("charset", "text"),
    [("ISO-8859-1", "é"), ("windows-1252", "€"), ("windows-1251", "привет"), ("Shift_JIS", "日本"), ("GBK", "中文")],
)
def test_the_charset_of_the_answer_counts_for_bytes_that_are_not_utf_8(charset: str, text: str) -> None:
    body = BODY.decode().replace("EMOJI", text).encode(charset)
    assert messages(body, {"Content-Type": f'application/json; charset="{charset}"'}) == [
        "before",
        f"x {text} y",
        "after",
    ]


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "base64", "nonsense", "utf-7", "\x00", "é"])
def test_a_charset_that_no_server_means_is_passed_over(charset: str) -> None:
    body = BODY.replace(b"EMOJI", b"\xe9")
    assert messages(body, {"content-type": f"application/json; charset={charset}"}) == ["before", "x \ufffd y", "after"]


def test_utf_8_wins_over_a_charset_that_the_server_states_wrongly() -> None:
    body = BODY.decode().replace("EMOJI", "ü").encode()
    assert messages(body, {"Content-Type": "application/json; charset=ISO-8859-1"}) == ["before", "x ü y", "after"]


def test_the_reply_says_that_it_was_read_leniently_and_quotes_nothing() -> None:
    fine, broken = read(POLL, 200, {}, BODY), read(POLL, 200, {}, BODY.replace(b"EMOJI", b"secret \xe9"))
    assert isinstance(fine, EventBatch)
    assert isinstance(broken, EventBatch)
    assert (fine.repaired, broken.repaired) == ("", "not UTF-8")
    again = read(POLL, 200, {}, BODY.replace(b"EMOJI", b"secret \n"))
    assert isinstance(again, EventBatch)
    assert again.repaired.startswith("not JSON (character ")


def test_an_answer_to_create_is_read_leniently_but_its_id_must_be_whole() -> None:
    create = CreateChat(1, 10_000)
    body = b'{"chat_id": "C-1", "state": "queued", "phone_number": "\xe9"}'
    assert read(create, 200, {}, body) == ChatOpened("C-1", "queued", phone_number="\ufffd", repaired="not UTF-8")
    assert read(create, 200, {}, b'{"chat_id": "C\xe9", "state": "queued"}') == Failure("unreadable", 200)


@pytest.mark.parametrize(
    "body", [b"<html>502</html>", b"hello", b"{", b'{"a": [', b"\xff\xff", b"\0", b'"events"', b"[" * 200_000]
)
def test_what_is_no_list_of_events_stays_unreadable(body: bytes) -> None:
    assert read(POLL, 200, {}, body) in (Failure("unreadable", 200), EventBatch((), "nested too deep", True))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_exception(body: bytes) -> None:
    read_body(body, {})
    read(POLL, 200, {}, body)


@given(st.data())
def test_any_damage_in_one_text_leaves_the_other_entries(data: st.DataObject) -> None:
    """Whatever stands between two quotes, if it holds no quote and no brace itself."""
    raw = data.draw(st.binary(max_size=20).filter(lambda raw: not set(raw) & set(b'"\\{}[]')))
    found = messages(BODY.replace(b"EMOJI", raw))
    assert (found[0], found[-1], len(found)) == ("before", "after", 3)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_the_strict_reader_takes_is_read_as_it_is(value: object) -> None:
    body = json.dumps(value).encode()
    assert read_body(body, {}).value == parse_body(body)
    assert read_body(body, {}).repaired == ""
    assert isinstance(read_body(b"", {}).value, Problem)


@pytest.mark.parametrize(
    "shape",
    [
        (b'{"events":[', b'{"event":'),
        (b'{"events":[{"a":"', b'\\"'),
        (b'{"events":[', b'{"event":"x\n"},'),
        (b'{"events":[', b"{"),
        (b"[", b'"'),
    ],
    ids=lambda shape: shape[1].decode(),
)
def test_time_grows_with_the_length_only(shape: tuple[bytes, bytes]) -> None:
    start, part = shape
    assert grows_linearly(lambda size: start + part * size, lambda body: read_body(body, {}), 8_000)

"""Values of wrong types from the application are refused when they are given, and nothing happens."""

from __future__ import annotations

import asyncio
import io
from asyncio import sleep
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from inspect import isawaitable, signature
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine import ChatClient, DeliveryUpdate, IllegalIntent, RequestChat, SendText, new_session, reduce
from statemachine.client import BadSetting, ChatError, ChatSession, ContactCentre, Options, WrongType
from statemachine.client.arguments import degrees, made
from statemachine.codec.side_calls import ApnsToken
from statemachine.codec.snapshot import restore, snapshot
from statemachine.emulator.http import Emulator
from statemachine.wire import Navigation
from tests.client.two_parties import QUICK, client, until

Call = Callable[[ChatClient, ChatSession, Any], Coroutine[Any, Any, Any]]

NO_TEXT: list[Any] = [5, 5.0, True, b"x", {"a": 1}, ["x"], object(), bytearray(b"x")]
REQUIRED = [*NO_TEXT, None]

TEXTS: dict[str, tuple[str, Call, list[Any]]] = {
    "send text": ("send: text", lambda c, s, v: s.send(v), REQUIRED),
    "send key": ("send: key", lambda c, s, v: s.send("x", key=v), NO_TEXT),
    "send note": ("send: note", lambda c, s, v: s.send("x", note=v), REQUIRED),
    "send new_chat text": ("send: text", lambda c, s, v: s.send(v, new_chat=True), REQUIRED),
    "location key": ("send_location: key", lambda c, s, v: s.send_location(1, 2, key=v), NO_TEXT),
    "location url": ("send_location: url", lambda c, s, v: s.send_location(1, 2, url=v), REQUIRED),
    "entry": ("send_entry: entry", lambda c, s, v: s.send_entry(v), REQUIRED),
    "entry key": ("send_entry: key", lambda c, s, v: s.send_entry(Navigation("x"), key=v), NO_TEXT),
    "entry text": ("send_entry: page", lambda c, s, v: s.send_entry(Navigation(v)), REQUIRED),
    "file name": ("send_file: name", lambda c, s, v: s.send_file(b"x", name=v), NO_TEXT),
    "file key": ("send_file: key", lambda c, s, v: s.send_file(b"x", key=v), NO_TEXT),
    "file note": ("send_file: note", lambda c, s, v: s.send_file(b"x", note=v), REQUIRED),
    "form id": ("answer_form: form_request_id", lambda c, s, v: s.answer_form(v, {}), REQUIRED),
    "form key": ("answer_form: key", lambda c, s, v: s.answer_form("f", {}, key=v), NO_TEXT),
    "cancel form": ("cancel_form: form_request_id", lambda c, s, v: s.cancel_form(v), REQUIRED),
    "typing": ("typing: draft", lambda c, s, v: s.typing(v), REQUIRED),
    "mark_read": ("mark_read: msg_id", lambda c, s, v: s.mark_read(v), REQUIRED),
    "pushed": ("pushed: chat_id", lambda c, s, v: s.pushed(v), REQUIRED),
    "reattach": ("reattach: chat_id", lambda c, s, v: s.reattach(v), NO_TEXT),
    "start phone": ("start: phone_number", lambda c, s, v: s.start(phone_number=v), NO_TEXT),
    "start from": ("start: from_", lambda c, s, v: s.start(from_=v), NO_TEXT),
    "session id": ("session: client_id", lambda c, s, v: c.session(v), REQUIRED),
    "session phone": ("session: phone_number", lambda c, s, v: c.session("ann", phone_number=v), NO_TEXT),
    "session from": ("session: from_", lambda c, s, v: c.session("ann", from_=v), NO_TEXT),
    "forget": ("forget: client_id", lambda c, s, v: c.forget(v), REQUIRED),
    "history": ("history: chat_id", lambda c, s, v: s.centre.history(v), REQUIRED),
    "file": ("download: file_id", lambda c, s, v: s.centre.file("chat", v), REQUIRED),
    "photo": ("agent_photo: party_id", lambda c, s, v: s.centre.photo("chat", v), REQUIRED),
    "case": ("case_history: chat_id", lambda c, s, v: s.centre.case_history(v), REQUIRED),
    "sms": ("request_sms: phone_number", lambda c, s, v: s.centre.request_sms(v), REQUIRED),
    "sms from": ("request_sms: from_", lambda c, s, v: s.centre.request_sms("1", from_=v), NO_TEXT),
}

OTHERS: dict[str, tuple[str, Call, list[Any]]] = {
    "parameters": ("session: parameters", lambda c, s, v: c.session("ann", parameters=v), [5, [1], b"{}", {1: 2}]),
    "start parameters": ("start: parameters", lambda c, s, v: s.start(parameters=v), [{"a": b"x"}, {"a": object()}]),
    "form data": ("answer_form: data", lambda c, s, v: s.answer_form("f", v), [5, [1], {"a": {1}}, {2: "x"}, None]),
    "latitude": ("send_location: latitude", lambda c, s, v: s.send_location(v, 2), [None, True, b"1", [1], 1j]),
    "longitude": ("send_location: longitude", lambda c, s, v: s.send_location(1, v), [None, False, {}, object()]),
    "source": (
        "send_file: source",
        lambda c, s, v: s.send_file(v),
        [5, None, io.BytesIO(b""), bytearray(), ["x"]],
    ),
    "image": ("send_file: image", lambda c, s, v: s.send_file(b"x", image=v), ["yes", 1, b"x", [True]]),
    "uploaded": ("send_file: uploaded", lambda c, s, v: s.send_file(b"x", uploaded=v), ["x", 5, {}, True]),
    "ack": ("ack: seq", lambda c, s, v: s.ack(v), ["1", 1.0, None, True, b"1"]),
}


class OddPath:
    """A path of the application that is no text."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def __fspath__(self) -> Any:
        return self.found


@pytest.mark.parametrize("found", [b"a.png", 5, None, Path("a.png"), ["a.png"]])
async def test_a_path_that_is_no_text_is_refused(silent: Emulator, found: Any) -> None:
    words = f"__fspath__ of OddPath must return text, not {type(found).__name__}"
    async with client(silent) as chats:
        ann = await chats.session("ann")
        with pytest.raises(WrongType, match=f"send_file: source must be a path .*{words}"):
            await ann.send_file(OddPath(found))
        assert ann.session.items == ()
    for name in ("store", "trace"):
        settings: dict[str, Any] = {"app_id": "a", name: OddPath(found)}
        with pytest.raises(WrongType, match=f"{name} must be .*{words}"):
            ChatClient("http://127.0.0.1", **settings)


@pytest.fixture
async def silent() -> AsyncIterator[Emulator]:
    async with Emulator("silent", QUICK) as emulator:
        yield emulator
        assert emulator.centre.violations == []


async def test_wrong_types_are_refused_with_the_argument_and_the_type_and_nothing_happens(
    silent: Emulator, tmp_path: Path
) -> None:
    async with client(silent, store=tmp_path / "chats.sqlite") as chats:
        ann = await chats.session("ann")
        await until(lambda: ann.phase == "ivr", "the chat is there")
        before = ann.session
        for words, call, values in (*TEXTS.values(), *OTHERS.values()):
            for value in values:
                with pytest.raises(WrongType) as caught:
                    await call(chats, ann, value)
                assert isinstance(caught.value, TypeError)
                assert isinstance(caught.value, ChatError)
                assert str(caught.value).startswith(f"{words} must "), (words, value, str(caught.value))
                if words in {name for name, _, _ in TEXTS.values()}:
                    assert str(caught.value).endswith(f"not {type(value).__name__}")
        assert ann.session.items == before.items == ()
        assert ann.session.ids == before.ids
        sending = await ann.send("hello")
        await sending.sent()
        for wait in (sending.sent, sending.delivered, sending.read):
            with pytest.raises(WrongType, match="timeout must be a timedelta, not int"):
                await wait(5)  # type: ignore[arg-type]
    async with client(silent, store=tmp_path / "chats.sqlite") as chats:
        assert (await chats.session("ann")).phase == "ivr"


NEITHER: list[Any] = [5, 1.5, b"x", "", "x\0\ud800", ["x"], {1: 2}, object(), None, len, timedelta(-1), ApnsToken(5, 5)]  # type: ignore[arg-type]
GIVEN: dict[str, Any] = {"data": {}, "latitude": 1, "longitude": 2, "source": b"x", "seq": 1, "handler": print}


async def called(method: Callable[..., Any], values: dict[str, Any]) -> None:
    """Call this method; of a stream, read one value. What it waits for does not come here."""
    with suppress(TimeoutError, StopAsyncIteration):
        async with asyncio.timeout(0.02):
            result = method(**values)
            await (anext(result) if isinstance(result, AsyncIterator) else result if isawaitable(result) else sleep(0))


@pytest.mark.parametrize("kind", [ChatSession, ChatClient, ContactCentre])
async def test_any_value_for_any_argument_is_taken_or_refused_with_words(silent: Emulator, kind: type[Any]) -> None:
    """All public methods but those that close, by their signatures."""
    async with (
        client(silent) as chats,
        ContactCentre(silent.url, app_id="app", client_id="joe", options=Options()) as centre,
    ):
        ann = await chats.session("ann")
        target: Any = {ChatSession: ann, ChatClient: chats, ContactCentre: centre}[kind]
        names = [one for one in dir(kind) if callable(getattr(target, one))]
        for name in [one for one in names if not one.startswith(("_", "close", "stop"))]:
            parameters = signature(getattr(target, name)).parameters
            needed = {one.name: GIVEN.get(one.name, "x") for one in parameters.values() if one.default is one.empty}
            for parameter in parameters:
                for value in NEITHER:
                    try:
                        await called(getattr(target, name), {**needed, parameter: value})
                    except (ChatError, IllegalIntent):  # with words; the tests above know which
                        pass
                    except Exception as error:
                        raise AssertionError(f"{name}({parameter}={value!r}) raises {error!r}") from error


@pytest.mark.parametrize("name", ["url", "app_id", "tenant"])
@pytest.mark.parametrize("value", [5, b"x", {}, object()])
def test_settings_of_wrong_types_are_refused(name: str, value: Any) -> None:
    with pytest.raises(WrongType, match=rf"{name} must be text \(str\), not {type(value).__name__}"):
        ChatClient(**{"url": "http://127.0.0.1", "app_id": "app", name: value})
    with pytest.raises(WrongType, match="client_id must be text"):
        ContactCentre("http://127.0.0.1", app_id="app", client_id=value)


class Color(StrEnum):
    RED = "red"


class Special(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


@pytest.mark.parametrize("value", [Color.RED, Special("red")])
async def test_subclasses_of_text_become_plain_text(silent: Emulator, tmp_path: Path, value: str) -> None:
    async with client(silent, store=tmp_path / "chats.sqlite") as chats:
        ann = await chats.session(value, phone_number=value, from_=value)
        await (await ann.send(value, key=value, note=value)).sent()
        await (await ann.send_file(b"x", name=value, key=value + "2")).sent()
        assert {type(item.key) for item in ann.session.items} <= {str}
    async with client(silent, store=tmp_path / "chats.sqlite") as chats:
        ann = await chats.session("red")
        assert ann.phase == "ivr"
        told = [update for update in chats.transcript("red") if isinstance(update, DeliveryUpdate)]
        assert {update.key for update in told} == {"red", "red2"}
        assert {update.note for update in told if update.key == "red"} == {"red"}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (50.4501, "50.4501"),
        (1e-7, "0.0000001"),
        (-0.1, "-0.1"),
        (7, "7"),
        (Decimal("1.50"), "1.50"),
        ("50.45010", "50.45010"),
        (" +3.5 ", "3.5"),
        (Fraction(1, 4), "0.25"),
        ("1e-999999", "0.00000000000000000000"),
        ("0." + "3" * 100_000, "0.33333333333333333333"),
    ],
)
def test_degrees_are_plain_decimal_text(value: Any, wanted: str) -> None:
    assert degrees("latitude", value, 90) == wanted


@pytest.mark.parametrize(
    "value", ["", "north", "50,4501", "nan", "inf", "sNaN", float("nan"), float("-inf"), 90.01, "-91", 10**400, "1e999"]
)
def test_what_is_no_place_is_refused(value: Any) -> None:
    with pytest.raises(BadSetting, match="latitude must be a number of degrees"):
        degrees("latitude", value, 90)


@given(st.floats(-180, 180) | st.decimals(-180, 180) | st.integers(-180, 180) | st.fractions(-180, 180))
def test_degrees_keep_their_value(value: Any) -> None:
    written = degrees("longitude", value, 180)
    assert written.lstrip("-").replace(".", "").isdigit()
    assert abs(Fraction(written) - Fraction(value)) < Fraction(1, 10**12)
    assert degrees("longitude", written, 180) == written


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.binary(), st.lists(st.text()), st.text()))
def test_an_intent_is_refused_or_its_session_can_be_restored(value: Any) -> None:
    session, _ = reduce(new_session(0), RequestChat(0, "o"))
    try:
        intent = made("send", SendText, 1, value, value, value)
    except WrongType:
        assert not isinstance(value, str)
    else:
        with suppress(IllegalIntent):  # an empty text, or one that is too long
            session, _ = reduce(session, intent)
        assert restore(snapshot(session)) == session


@pytest.mark.parametrize("parameters", [{"a": float("nan")}, {"a": [float("inf")]}, "no JSON", "[1]"])
async def test_parameters_that_are_no_json_are_refused(silent: Emulator, parameters: Any) -> None:
    async with client(silent) as chats:
        with pytest.raises(BadSetting, match="session: parameters must"):
            await chats.session("ann", parameters=parameters)
        assert chats.sessions() == ()


async def test_parameters_are_read_when_they_are_given(silent: Emulator) -> None:
    parameters = {"order": {"number": 17}}
    async with client(silent) as chats:
        ann = await chats.session("ann", parameters=parameters, start=False)
        parameters["order"]["number"] = 18
        await ann.send("hello", new_chat=True)
        await until(lambda: ann.phase == "ivr", "the chat is there")
        assert '"number":17' in ann._parameters.parameters


async def test_within_and_pause_are_durations(silent: Emulator) -> None:
    async def handler(session: ChatSession, update: object) -> None:
        """Never called."""

    async with client(silent) as chats:
        for how in ({"within": 5}, {"pause": 0.5}, {"pause": None}):
            with pytest.raises(WrongType, match=rf"handle: {next(iter(how))} must be a timedelta"):
                await chats.handle(handler, **how)
        with pytest.raises(WrongType, match="purge: older_than must be a timedelta"):
            await chats.purge(5)  # type: ignore[arg-type]
        await chats.purge(timedelta(days=1))

"""What people see who print an object, and how errors name the method that they called."""

import pytest

from statemachine import ChatClient
from statemachine.client import ChatSession, NotPossible
from statemachine.client.errors import refusal
from statemachine.core import INTENTS, IllegalIntent
from statemachine.testing import EmulatedCentre

PHONE = "customer-with-a-phone-number"


async def test_objects_show_their_state_and_no_id_of_a_customer() -> None:
    async with EmulatedCentre() as centre:
        client = ChatClient(centre.url, app_id="app")
        assert repr(client) == f"<ChatClient '{centre.url}', new, 0 chats>"
        async with client:
            chat = await client.session(PHONE)
            sending = await chat.send("hunter2-secret")
            await sending.sent()
            shown = f"{chat!r} {sending!r} {client!r} {centre!r} {centre.agent('Ada')!r} {chat.centre!r}"
        assert repr(client) == f"<ChatClient '{centre.url}', closed, 1 chats>"
    assert f"<ChatSession {chat.label}, phase='" in shown
    assert "state='sent'" in shown
    assert "<Agent 'Ada', chat=None>" in shown
    assert PHONE not in shown
    assert "hunter2-secret" not in shown


async def test_an_error_is_named_after_the_method() -> None:
    async with EmulatedCentre() as centre, ChatClient(centre.url, app_id="app") as client:
        chat = await client.session("ann", start=False)
        with pytest.raises(NotPossible, match=r"^send\(\) is not possible while idle: "):
            await chat.send("hello")
        with pytest.raises(NotPossible, match=r"^disconnect\(\) is not possible while idle: "):
            await chat.disconnect()


def test_every_intent_has_a_method() -> None:
    for intent in INTENTS:
        text = str(refusal(IllegalIntent("idle", intent.__name__, "why"), None))
        method = text.partition("()")[0]
        assert callable(getattr(ChatSession, method)), text

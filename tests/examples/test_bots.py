"""The two Telegram bots between a Telegram of our own and the emulator: restarted, killed, and told things twice."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.emulator import Knobs
from statemachine.emulator import actions as do
from statemachine.emulator.http import Emulator
from tests.examples.telegram import TOKEN, Telegram, odd_updates, update

pytestmark = pytest.mark.asyncio
QUICK = Knobs(pace=0.02, hold_ms=300, inactivity_timeout_ms=None)
BOTS = [
    pytest.param("aiogram_bot", marks=pytest.mark.slow),  # to import aiogram alone takes seconds
    "telegram_bot",
]


def settings(emulator: Emulator, telegram: Telegram, folder: Path) -> dict[str, str]:
    return {
        "CENTRE_URL": emulator.url,
        "APP_ID": "bridge",
        "BOT_TOKEN": TOKEN,
        "TELEGRAM_API": telegram.url,
        "STORE": str(folder / "bot.sqlite"),
    }


@asynccontextmanager
async def running(bot: str) -> AsyncIterator[None]:
    """The bot at work in this process; left, it is broken off."""
    module = importlib.reload(importlib.import_module(f"statemachine.examples.{bot}"))  # settings are read at import
    work = asyncio.create_task(module.main())
    try:
        yield
        assert not work.done()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def received(emulator: Emulator) -> list[str]:
    return [text for chat in emulator.centre.chats.values() for _, text in chat.texts_received]


@pytest.mark.parametrize("bot", BOTS)
async def test_texts_go_in_and_answers_come_out(bot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Emulator("plain", QUICK) as emulator, Telegram([update(1, 7, "one"), update(2, 8, "two")]) as telegram:
        for name, value in settings(emulator, telegram, tmp_path).items():
            monkeypatch.setenv(name, value)
        async with running(bot):
            await telegram.hears("You said: one", "You said: two")
        assert (7, "You said: one") in telegram.said
        assert (8, "You said: two") in telegram.said

        # Telegram tells an update again that was not confirmed; an agent answers while nobody is there.
        telegram.updates = [update(1, 7, "one"), *odd_updates(), update(3, 7, "three")]
        async with running(bot):
            await telegram.hears("You said: three")
        assert sorted(received(emulator)) == ["one", "three", "two"]
        assert len(emulator.centre.chats) == 2
        assert emulator.centre.violations == []


def html(msg_id: str, fragment: str) -> do.Raw:
    return do.Raw({"event": "chat_session_message", "party_id": "p", "msg_id": msg_id, "msg": fragment})


LONG = "Welcome. " + "terms and conditions " * 300 + "YOUR CODE IS 4711"


@pytest.mark.parametrize("bot", BOTS)
async def test_blank_and_long_answers_stop_nothing(bot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Emulator("plain", QUICK) as emulator, Telegram([update(1, 7, "one"), update(2, 8, "two")]) as telegram:
        telegram.refused = 8
        for name, value in settings(emulator, telegram, tmp_path).items():
            monkeypatch.setenv(name, value)
        async with running(bot):
            await telegram.hears("You said: one")
            telegram.said.clear()
            chat_id = next(chat.chat_id for chat in emulator.centre.chats.values() if chat.key.client_id == "7")
            for action in (
                html("m2", '<img src="https://x.example/plan.png">'),
                html("m3", "<p> &nbsp;</p>"),
                html("m1", 'Pay <a href="https://pay.example/i/9">here</a>'),
                do.ShareFile("plan.pdf", b"%PDF"),
                do.Say(LONG),
                do.Say("😀" * 5_000),
                do.Say("The door code is 12"),
            ):
                await emulator.act(chat_id, action)
            await telegram.hears("The door code is 12")
    texts = [text for user, text in telegram.said if user == 7]
    assert texts[:4] == [
        *["(The agent sent something that cannot be shown here.)"] * 2,
        "Pay here (https://pay.example/i/9)",
        "(The agent sent a file: plan.pdf)",
    ]
    joined = "".join(texts[4:-1])
    assert joined.replace(" ", "") == LONG.replace(" ", "") + "😀" * 5_000
    assert max(map(len, texts)) <= 4096


@pytest.mark.parametrize("bot", BOTS)
async def test_pictures_of_users_are_answered(bot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, captioned = update(1, 7, ""), update(2, 7, "")
    for one in (picture["message"], captioned["message"]):
        del one["text"]
        one["photo"] = [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]
    captioned["message"]["caption"] = "my parcel"
    async with Emulator("plain", QUICK) as emulator, Telegram([picture, captioned]) as telegram:
        for name, value in settings(emulator, telegram, tmp_path).items():
            monkeypatch.setenv(name, value)
        async with running(bot):
            await telegram.hears("You said: my parcel")
    assert telegram.said[0] == (7, "Not delivered: only text can be sent to the contact centre.")
    assert received(emulator) == ["my parcel"]


@pytest.mark.parametrize("bot", BOTS)
@given(text=st.text(st.sampled_from("a \n😀é\u200d"), max_size=60))
async def test_parts_of_a_text(bot: str, text: str) -> None:
    module = importlib.import_module(f"statemachine.examples.{bot}")
    long = "".join(f"{char * 300}" for char in text)
    found = list(module.parts(long))
    assert all(part.strip() and len(part.encode("utf-16-le")) <= 2 * 4096 for part in found)
    assert "".join("".join(found).split()) == "".join(long.split())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("bot", BOTS)
async def test_killed_at_any_moment_nothing_is_lost_and_no_text_doubled(bot: str, tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(8)]
    command = [sys.executable, "-m", f"statemachine.examples.{bot}"]
    async with Emulator("plain", QUICK) as emulator, Telegram([]) as telegram:
        environment = {**os.environ, **settings(emulator, telegram, tmp_path)}
        for number, text in enumerate(texts):
            telegram.updates.append(update(number, 7 + number % 2, text))
            if number % 4 == 3:
                process = subprocess.Popen(command, env=environment)  # noqa: ASYNC220
                await telegram.hears(f"You said: {text}")
                process.send_signal(signal.SIGKILL)
                process.wait()  # at once: it was killed
        process = subprocess.Popen(command, env=environment)  # noqa: ASYNC220
        await telegram.hears(*(f"You said: {text}" for text in texts))
        process.kill()
        process.wait()
    assert sorted(received(emulator)) == sorted(texts)


def _shape(value: Any) -> Any:
    return {key: _shape(one) for key, one in value.items()} if isinstance(value, dict) else type(value).__name__


async def test_the_fake_telegram_sends_updates_in_the_recorded_shape() -> None:
    recorded = Path(__file__).with_name("recorded_update.json").read_text(encoding="utf-8")
    assert _shape(update(1, 7, "x")) == _shape(json.loads(recorded))

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

from statemachine.emulator import Knobs
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

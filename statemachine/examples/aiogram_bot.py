"""A Telegram bot whose users chat with a contact centre (aiogram 3).

BOT_TOKEN=… CENTRE_URL=… APP_ID=… python -m statemachine.examples.aiogram_bot
"""

import asyncio
import os
import sys
from collections.abc import Iterator

from aiogram import Bot, Dispatcher, types
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError
from aiogram.utils.token import TokenValidationError

from statemachine import ChatClient, DeliveryUpdate, Received
from statemachine.client import BadSetting, ChatError, ChatSession, NotPossible
from statemachine.wire import File, Message

TELEGRAM = os.environ.get("TELEGRAM_API", "https://api.telegram.org")


def setting(name: str) -> str:
    """A variable of the environment; without it the program ends, and says so."""
    value = os.environ.get(name, "").strip()
    return value or sys.exit(f"{name} is not set; the first lines of this file name all settings")


async def to_centre(message: types.Message, event_update: types.Update, client: ChatClient) -> None:
    """A user wrote. Telegram's update id is the key: an update that is delivered twice is one message."""
    text = message.text or message.caption
    if not text:
        await message.answer("Not delivered: only text can be sent to the contact centre.")
        return
    try:
        session = await client.session(str(message.chat.id), start=False)
        await session.send(text, key=str(event_update.update_id), new_chat=True)
    except NotPossible as refusal:
        await message.answer(f"Not delivered: {refusal}")
    except ChatError as error:  # aiogram would confirm the update all the same; so it comes again, after a restart
        raise SystemExit(str(error)) from error


def parts(text: str) -> Iterator[str]:
    """The text in parts of at most 4,096 UTF-16 units, Telegram's limit, split at white space where there is some."""
    while text:
        part = text.encode("utf-16-le", "replace")[:8192].decode("utf-16-le", "ignore")
        if len(part) < len(text):
            part = part[: max(part.rfind("\n"), part.rfind(" ")) + 1] or part
        if part.strip():  # Telegram refuses blank texts
            yield part
        text = text[len(part) :]


def words(update: object) -> str:
    """What to tell the user of an update; "" for nothing."""
    match update:
        case Received(entry=Message(text=text), own=False):
            return text.strip() or "(The agent sent something that cannot be shown here.)"
        case Received(entry=File(file_name=name), own=False):
            return f"(The agent sent a file: {name})"
        case DeliveryUpdate(state="failed"):
            return "Your last message could not be delivered."
        case _:
            return ""


async def main() -> None:
    """Run until it is stopped."""
    url, app_id, store = setting("CENTRE_URL"), setting("APP_ID"), os.environ.get("STORE", "bot.sqlite")
    api = AiohttpSession(api=TelegramAPIServer.from_base(TELEGRAM))
    dispatcher = Dispatcher()
    dispatcher.message.register(to_centre)

    async with Bot(setting("BOT_TOKEN"), session=api) as bot, ChatClient(url, app_id=app_id, store=store) as client:

        async def to_user(session: ChatSession, update: object) -> None:
            try:
                for part in parts(words(update)):
                    await bot.send_message(int(session.client_id), part)
            except (TelegramBadRequest, TelegramForbiddenError) as refusal:  # for good: a repetition would not help
                print(f"Telegram refused a message to {session.client_id}: {refusal}", file=sys.stderr)

        delivering = asyncio.create_task(client.handle(to_user))
        try:
            # One after the other: an update is only confirmed to Telegram when the one before it is saved.
            polling = dispatcher.start_polling  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            await polling(bot, client=client, handle_as_tasks=False, close_bot_session=False)
        finally:
            delivering.cancel()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (BadSetting, TokenValidationError) as error:
        sys.exit(str(error))

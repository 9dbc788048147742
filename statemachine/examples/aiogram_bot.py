"""A Telegram bot whose users chat with a contact centre (aiogram 3).

BOT_TOKEN=… CENTRE_URL=… APP_ID=… python -m statemachine.examples.aiogram_bot
"""

import asyncio
import os

from aiogram import Bot, Dispatcher, F, types
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from statemachine import ChatClient, DeliveryUpdate, Received
from statemachine.client import ChatError, ChatSession, NotPossible
from statemachine.wire import Message

TELEGRAM = os.environ.get("TELEGRAM_API", "https://api.telegram.org")


async def to_centre(message: types.Message, event_update: types.Update, client: ChatClient) -> None:
    """A user wrote. Telegram's update id is the key: an update that is delivered twice is one message."""
    try:
        session = await client.session(str(message.chat.id), start=False)
        await session.send(message.text or "", key=str(event_update.update_id), new_chat=True)
    except NotPossible as refusal:
        await message.answer(f"Not delivered: {refusal}")
    except ChatError as error:  # aiogram would confirm the update all the same; so it comes again, after a restart
        raise SystemExit(str(error)) from error


async def main() -> None:
    """Run until it is stopped."""
    url, app_id, store = os.environ["CENTRE_URL"], os.environ["APP_ID"], os.environ.get("STORE", "bot.sqlite")
    api = AiohttpSession(api=TelegramAPIServer.from_base(TELEGRAM))
    dispatcher = Dispatcher()
    dispatcher.message.register(to_centre, F.text)

    async with Bot(os.environ["BOT_TOKEN"], session=api) as bot, ChatClient(url, app_id=app_id, store=store) as client:

        async def to_user(session: ChatSession, update: object) -> None:
            if isinstance(update, Received) and isinstance(update.entry, Message) and not update.own:
                await bot.send_message(int(session.client_id), update.entry.text[:4096])
            elif isinstance(update, DeliveryUpdate) and update.state == "failed":
                await bot.send_message(int(session.client_id), "Your last message could not be delivered.")

        delivering = asyncio.create_task(client.handle(to_user))
        try:
            # One after the other: an update is only confirmed to Telegram when the one before it is saved.
            polling = dispatcher.start_polling  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            await polling(bot, client=client, handle_as_tasks=False, close_bot_session=False)
        finally:
            delivering.cancel()


if __name__ == "__main__":
    asyncio.run(main())

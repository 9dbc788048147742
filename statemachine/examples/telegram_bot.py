"""A Telegram bot whose users chat with a contact centre (python-telegram-bot).

    BOT_TOKEN=… CENTRE_URL=… APP_ID=… python -m statemachine.examples.telegram_bot

The library's `Application` confirms updates before they are handled; a bot that may be killed must fetch them itself.
"""

import asyncio
import os

from telegram import Bot, Update
from telegram.error import NetworkError

from statemachine import ChatClient, DeliveryUpdate, Received
from statemachine.client import ChatSession, NotPossible
from statemachine.wire import Message

TELEGRAM = os.environ.get("TELEGRAM_API", "https://api.telegram.org")


async def to_centre(update: Update, client: ChatClient) -> None:
    """A user wrote. Telegram's update id is the key: an update delivered twice is one message."""
    message = update.message
    if message is None or not message.text:
        return
    try:
        session = await client.session(str(message.chat.id), start=False)
        await session.send(message.text, key=str(update.update_id), new_chat=True)
    except NotPossible as refusal:
        await message.reply_text(f"Not delivered: {refusal}")


async def main() -> None:
    """Run until stopped."""
    url, app_id, store = os.environ["CENTRE_URL"], os.environ["APP_ID"], os.environ.get("STORE", "bot.sqlite")
    telegram = Bot(os.environ["BOT_TOKEN"], base_url=f"{TELEGRAM}/bot")
    async with telegram as bot, ChatClient(url, app_id=app_id, store=store) as client:

        async def to_user(session: ChatSession, update: object) -> None:
            if isinstance(update, Received) and isinstance(update.entry, Message) and not update.own:
                await bot.send_message(int(session.client_id), update.entry.text[:4096])
            elif isinstance(update, DeliveryUpdate) and update.state == "failed":
                await bot.send_message(int(session.client_id), "Your last message could not be delivered.")

        delivering = asyncio.create_task(client.handle(to_user))
        offset = None
        while not delivering.done():
            try:
                for update in await bot.get_updates(offset, timeout=30):
                    await to_centre(update, client)
                    offset = update.update_id + 1  # confirmed by the next call, after the save
            except NetworkError:
                await asyncio.sleep(3)
        await delivering


if __name__ == "__main__":
    asyncio.run(main())

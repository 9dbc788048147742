"""A Telegram bot whose users chat with a contact centre (python-telegram-bot).

    BOT_TOKEN=… CENTRE_URL=… APP_ID=… python -m statemachine.examples.telegram_bot

The library's `Application` confirms updates before they are handled; a bot that may be killed must fetch them itself.
"""

import asyncio
import os
import sys
from collections.abc import Iterator

from telegram import Bot, Update
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError

from statemachine import ChatClient, DeliveryUpdate, Received
from statemachine.client import BadSetting, ChatSession, NotPossible
from statemachine.wire import File, Message

TELEGRAM = os.environ.get("TELEGRAM_API", "https://api.telegram.org")


def setting(name: str) -> str:
    """A variable of the environment; without it the program ends, and says so."""
    value = os.environ.get(name, "").strip()
    return value or sys.exit(f"{name} is not set; the first lines of this file name all settings")


async def to_centre(update: Update, client: ChatClient) -> None:
    """A user wrote. Telegram's update id is the key: an update delivered twice is one message."""
    message = update.message
    if message is None:
        return
    text = message.text or message.caption
    if not text:
        await message.reply_text("Not delivered: only text can be sent to the contact centre.")
        return
    try:
        session = await client.session(str(message.chat.id), start=False)
        await session.send(text, key=str(update.update_id), new_chat=True)
    except NotPossible as refusal:
        await message.reply_text(f"Not delivered: {refusal}")


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
    """Run until stopped."""
    url, app_id, store = setting("CENTRE_URL"), setting("APP_ID"), os.environ.get("STORE", "bot.sqlite")
    telegram = Bot(setting("BOT_TOKEN"), base_url=f"{TELEGRAM}/bot")
    async with telegram as bot, ChatClient(url, app_id=app_id, store=store) as client:

        async def to_user(session: ChatSession, update: object) -> None:
            try:
                for part in parts(words(update)):
                    await bot.send_message(int(session.client_id), part)
            except (BadRequest, Forbidden) as refusal:  # for good: a repetition would not help
                print(f"Telegram refused a message to {session.client_id}: {refusal}", file=sys.stderr)

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
    try:
        asyncio.run(main())
    except (BadSetting, InvalidToken) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)

"""The package's own client, told what to do line by line. What it keeps stands in its working directory."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from statemachine import ChatClient, IllegalIntent
from statemachine.client import ChatError, ChatSession


async def obey(chat: ChatSession, order: dict[str, Any]) -> None:
    match order["do"]:
        case "start":
            if chat.phase == "idle" or chat.outcome is not None:
                await chat.start()
        case "say":
            await chat.send(order["text"])
        case "end":
            await chat.end()
        case "typing":
            await chat.typing()
        case "answer_form":
            await chat.answer_form(order["form"], order["data"])
        case "background":
            await chat.background()
        case "foreground":
            await chat.foreground()


async def main() -> None:
    client = ChatClient(
        os.environ["STATEMACHINE_URL"],
        tenant=os.environ["STATEMACHINE_TENANT"],
        app_id=os.environ["STATEMACHINE_APP_ID"],
        store="chats.sqlite",
    )
    loop = asyncio.get_running_loop()
    async with client:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            chat = await client.session(os.environ["STATEMACHINE_CLIENT_ID"])
            try:
                await obey(chat, json.loads(line))
            except (ChatError, IllegalIntent) as refusal:
                print(refusal, file=sys.stderr)


asyncio.run(main())

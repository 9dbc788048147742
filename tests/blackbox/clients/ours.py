"""The package's own client, told what to do line by line. What it keeps stands in its working directory."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from statemachine import ChatClient, DeliveryUpdate, Finished, IllegalIntent, Received
from statemachine.client import ChatError, ChatSession
from statemachine.wire import Message


def tell(**report: Any) -> None:
    """What the user sees, as a line on standard output."""
    print(json.dumps(report), flush=True)


async def show(client: ChatClient) -> None:
    async for _, update in client:
        match update:
            case Received(entry=Message() as message, own=own):
                tell(shown=message.text, by="me" if own else "agent")
            case DeliveryUpdate(state="failed", note=text):
                tell(failed=text)
            case Finished(outcome=outcome):
                tell(over=outcome)


async def obey(chat: ChatSession, order: dict[str, Any]) -> None:
    match order["do"]:
        case "start":
            if chat.phase == "idle" or chat.outcome is not None:
                await chat.start()
        case "say":
            await chat.send(order["text"], note=order["text"])
        case "send_file":
            await chat.send_file(Path(order["path"]))
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
    tell(reports=["shown", "failed", "over"])
    async with client, asyncio.TaskGroup() as group:
        group.create_task(show(client))
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            order = json.loads(line)
            chat = await client.session(os.environ["STATEMACHINE_CLIENT_ID"])
            try:
                await obey(chat, order)
            except (ChatError, IllegalIntent) as refusal:
                print(refusal, file=sys.stderr)
                if order["do"] == "say":
                    tell(failed=order["text"])


asyncio.run(main())

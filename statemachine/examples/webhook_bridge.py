"""A bridge from any messenger that calls webhooks to a contact centre (aiohttp).

    CENTRE_URL=… APP_ID=… MESSENGER_URL=… WEBHOOK_SECRET=… python -m statemachine.examples.webhook_bridge

It posts {"id": …, "user": …, "text": …} to /webhook, the secret in X-Webhook-Secret; answers are posted in this shape.
"""

import asyncio
import hmac
import json
import os
import sys
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

from statemachine import ChatClient, Received
from statemachine.client import BadSetting, ChatError, ChatSession, NotPossible
from statemachine.store.errors import StoreError
from statemachine.wire import File, Message

CLIENT = web.AppKey("client", ChatClient)
SECRET = web.AppKey("secret", str)
LIMIT = 4096
"""Characters of one message; longer texts are split, in both directions."""


def setting(name: str) -> str:
    """A variable of the environment; without it the program ends, and says so."""
    value = os.environ.get(name, "").strip()
    return value or sys.exit(f"{name} is not set; the first lines of this file name all settings")


def parts(text: str) -> list[str]:
    """The text in parts that a messenger takes; most refuse blank ones."""
    return [part for at in range(0, len(text), LIMIT) if (part := text[at : at + LIMIT]).strip()]


async def webhook(request: web.Request) -> web.Response:
    """A user wrote. Answered after the save: the messenger repeats unanswered calls, and may repeat answered ones."""
    secret = request.headers.get("X-Webhook-Secret", "")
    if not hmac.compare_digest(secret.encode(errors="surrogateescape"), os.fsencode(request.app[SECRET])):
        raise web.HTTPForbidden(text="X-Webhook-Secret is missing or wrong")
    try:
        user, key, text = message(await request.read())
        session = await request.app[CLIENT].session(user, start=False)
        for number, part in enumerate(parts(text)):
            await session.send(part, key=f"{key}:{number}" if number else key, new_chat=True)
    except (ValueError, web.RequestPayloadError) as error:  # an invalid user id is a ValueError too
        raise web.HTTPBadRequest(text=str(error)) from error
    except NotPossible as refusal:
        raise web.HTTPConflict(text=str(refusal)) from refusal
    except (ChatError, StoreError) as error:  # not saved: the messenger must repeat it
        raise web.HTTPServiceUnavailable(text=str(error)) from error
    return web.Response()


def message(body: bytes) -> tuple[str, str, str]:
    """User, id and text of a call. Raises ValueError."""
    try:
        call = json.loads(body)
    except (ValueError, RecursionError):
        call = None
    match call:
        case {"id": key, "user": user, "text": str() as text} if {type(key), type(user)} <= {str, int}:
            if text.strip() and 0 < len(str(user)) <= 200 and 0 < len(str(key)) <= 200:
                return str(user), str(key), text
            raise ValueError("id and user have 1 to 200 characters, and the text must not be empty")
        case _:
            raise ValueError('expected JSON: {"id": "…", "user": "…", "text": "…"}; a text is a string')


async def bridge(app: web.Application) -> AsyncIterator[None]:
    """While the server runs: the client, and its updates, which go to the messenger."""
    url, app_id, store = setting("CENTRE_URL"), setting("APP_ID"), os.environ.get("STORE", "bridge.sqlite")
    messenger, app[SECRET] = setting("MESSENGER_URL"), setting("WEBHOOK_SECRET")
    async with ClientSession() as http, ChatClient(url, app_id=app_id, store=store) as app[CLIENT]:

        async def deliver(session: ChatSession, update: object) -> None:
            match update:
                case Received(entry=Message(text=text), own=False):
                    text = text if text.strip() else "(The agent sent something that cannot be shown here.)"
                case Received(entry=File(file_name=name), own=False):
                    text = f"(The agent sent a file: {name})"
                case _:
                    return
            for number, part in enumerate(parts(text)):
                answer_id = f"{session.client_id}:{update.seq}" + (f":{number}" if number else "")
                answer = {"id": answer_id, "user": session.client_id, "text": part}
                async with http.post(messenger, json=answer) as reply:
                    if reply.status in (400, 403, 404, 410, 413, 422):  # for good: a repetition would not help
                        print(f"the messenger refused {answer_id}: {reply.status}", file=sys.stderr)
                        return
                    reply.raise_for_status()  # after an error the handler is called again

        delivering = asyncio.create_task(app[CLIENT].handle(deliver))
        yield
        delivering.cancel()


app = web.Application()
app.router.add_post("/webhook", webhook)
app.cleanup_ctx.append(bridge)

if __name__ == "__main__":
    try:
        web.run_app(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8090")))
    except (BadSetting, ValueError) as error:
        sys.exit(str(error))

"""A bridge from any messenger that calls webhooks to a contact centre (aiohttp).

    CENTRE_URL=… APP_ID=… MESSENGER_URL=… WEBHOOK_SECRET=… python -m statemachine.examples.webhook_bridge

It posts {"id": …, "user": …, "text": …} to /webhook, the secret in X-Webhook-Secret; answers are posted in this shape.
"""

import asyncio
import hmac
import os
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

from statemachine import ChatClient, Received
from statemachine.client import ChatSession
from statemachine.wire import Message

CLIENT = web.AppKey("client", ChatClient)


async def webhook(request: web.Request) -> web.Response:
    """A user wrote. Answered after the save: the messenger repeats unanswered calls, and may repeat answered ones."""
    secret = request.headers.get("X-Webhook-Secret", "")
    if not hmac.compare_digest(secret.encode(), os.environ["WEBHOOK_SECRET"].encode()):
        raise web.HTTPForbidden
    try:
        update = await request.json()
        session = await request.app[CLIENT].session(str(update["user"]), start=False)
        await session.send(str(update["text"]), key=str(update["id"]), new_chat=True)
    except (KeyError, TypeError, ValueError) as error:  # an invalid user id is a ValueError too
        raise web.HTTPBadRequest(text=f"expected id, user and text: {error!r}") from error
    return web.Response()


async def bridge(app: web.Application) -> AsyncIterator[None]:
    """While the server runs: the client, and its updates, which go to the messenger."""
    url, app_id, store = os.environ["CENTRE_URL"], os.environ["APP_ID"], os.environ.get("STORE", "bridge.sqlite")
    async with ClientSession() as http, ChatClient(url, app_id=app_id, store=store) as app[CLIENT]:

        async def deliver(session: ChatSession, update: object) -> None:
            if isinstance(update, Received) and isinstance(update.entry, Message) and not update.own:
                number = f"{session.client_id}:{update.seq}"
                answer = {"id": number, "user": session.client_id, "text": update.entry.text}
                async with http.post(os.environ["MESSENGER_URL"], json=answer) as reply:
                    reply.raise_for_status()  # after an error the handler is called again

        delivering = asyncio.create_task(app[CLIENT].handle(deliver))
        yield
        delivering.cancel()


app = web.Application()
app.router.add_post("/webhook", webhook)
app.cleanup_ctx.append(bridge)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8090")))

"""A chat from asyncio with the public driver and aiohttp: what `ChatClient` does, for one chat and to change.

    python -m statemachine.examples.asyncio_driver URL TENANT APP_ID CLIENT_ID STORE

Reads {"key": …, "text": …} from stdin, one a line, or {"end": true}; writes updates to stdout. It may be killed at any
time: a key that is repeated is one text, and an update that is repeated has the same "seq".
"""

import asyncio
import json
import secrets
import sys
from collections.abc import Iterable
from contextlib import suppress
from threading import Thread

import aiohttp
from yarl import URL

from statemachine import Command, End, Failure, IllegalIntent, RequestChat, SendText, TranscriptUpdate, encode_update
from statemachine.driver import Answer, Driver, LoopClock, SavedStep, SqliteStore
from statemachine.http import Cookies, Endpoint, read_reply, to_http


class Chat:
    """The driver's transport and listener."""

    def __init__(self, endpoint: Endpoint, path: str, http: aiohttp.ClientSession) -> None:
        self.endpoint, self.id, self.http = endpoint, endpoint.client_id, http
        self.loop, self.clock = asyncio.get_running_loop(), LoopClock()
        self.store = SqliteStore(path, call_soon=self.loop.call_soon_threadsafe)
        self.cookies, self.calls = Cookies(self.store.cookies(self.id)), dict[int, asyncio.Task[None]]()
        self.deliver(self.store.journal(self.id, 0, 10_000))
        self.over = asyncio.Event()
        self.driver = Driver.open(self.id, clock=self.clock, transport=self, store=self.store, listener=self)
        self.driver.start()

    def read(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.loop.call_soon_threadsafe(lambda said: self.say(**said), json.loads(line))

    def say(self, text: str = "", key: str = "", end: bool = False) -> None:
        now = self.clock.now()
        opening = RequestChat(now, secrets.token_hex(8), text=text, key=key)
        later = End(now) if end else SendText(now, text, key)
        with suppress(IllegalIntent):  # the chat is over
            self.driver.feed(opening if self.driver.session.phase == "idle" else later)

    def deliver(self, updates: Iterable[TranscriptUpdate]) -> None:
        for update in updates:
            print(json.dumps(encode_update(update)), flush=True)
            self.store.ack(self.id, update.seq, lambda error: None)

    def saved(self, step: SavedStep) -> None:
        self.deliver(step.transcript)

    def finished(self) -> None:
        self.over.set()

    def stopped(self, error: BaseException | None) -> None:
        sys.exit(str(error))  # what was not saved was not done: a supervisor starts this program again

    def execute(self, command: Command, answer: Answer) -> None:
        self.calls[command.id] = self.loop.create_task(self.call(command, answer))

    def abort(self, command_id: int) -> None:
        self.calls.pop(command_id).cancel()

    async def call(self, command: Command, answer: Answer) -> None:
        request = to_http(command, self.endpoint, nonce=secrets.token_hex(8))
        headers = dict(request.headers) | self.cookies.headers(request.url)
        try:
            async with asyncio.timeout(request.timeout / 1_000):
                url = URL(request.url, encoded=True)
                sent = self.http.request(request.method, url, headers=headers, data=request.body, allow_redirects=False)
                async with sent as got:
                    reply = read_reply(command, got.status, got.headers, await got.read(), redirected=False)
                    if self.cookies.update(request.url, got.headers.getall("Set-Cookie", ())):
                        self.store.keep_cookies(self.id, self.cookies.text, lambda error: None)
        except (TimeoutError, aiohttp.ClientError) as error:
            reply = Failure("timeout" if isinstance(error, TimeoutError) else "cut")
        self.calls.pop(command.id, None)
        answer(reply)


async def once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp repeats a GET by itself, but the lost answer of a poll had events, so the session must know (rule 9)."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientError from error


async def main() -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), middlewares=(once,)) as http:
        url, tenant, app_id, client_id, path = sys.argv[1:]
        chat = Chat(Endpoint(url, tenant, app_id, client_id), path, http)
        Thread(target=chat.read, args=(sys.stdin,), daemon=True).start()
        await chat.over.wait()
    chat.store.close()


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    asyncio.run(main())

"""A chat from trio with httpx2.

    python -m statemachine.examples.trio_httpx2 URL TENANT APP_ID CLIENT_ID STORE

Reads {"key": …, "text": …} from stdin, one a line, or {"end": true}; writes updates to stdout. It may be killed at any
time: a key that is repeated is one text, and an update that is repeated has the same "seq".
"""

import json
import random
import secrets
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import httpx2
import trio

from statemachine import Command, End, Failure, IllegalIntent, RequestChat, SendText, TranscriptUpdate, encode_update
from statemachine.driver import Answer, Driver, SavedStep, SqliteStore
from statemachine.http import Cookies, Endpoint, read_reply, to_http


class Chat:
    """The driver's clock, transport and listener."""

    def __init__(self, endpoint: Endpoint, path: str, nursery: trio.Nursery, http: httpx2.AsyncClient) -> None:
        self.endpoint, self.id, self.nursery, self.http = endpoint, endpoint.client_id, nursery, http
        self.store = SqliteStore(path, call_soon=trio.lowlevel.current_trio_token().run_sync_soon)
        self.cookies = Cookies(self.store.cookies(self.id))
        self.deliver(self.store.journal(self.id, 0, 10_000))
        self.driver = Driver.open(self.id, clock=self, transport=self, store=self.store, listener=self)
        self.driver.start()

    def say(self, text: str = "", key: str = "", end: bool = False) -> None:
        opening = RequestChat(self.now(), secrets.token_hex(8), text=text, key=key)
        later = End(self.now()) if end else SendText(self.now(), text, key)
        with suppress(IllegalIntent):  # the chat is over
            self.driver.feed(opening if self.driver.session.phase == "idle" else later)

    def deliver(self, updates: Iterable[TranscriptUpdate]) -> None:
        for update in updates:
            print(json.dumps(encode_update(update)), flush=True)
            self.store.ack(self.id, update.seq, lambda error: None)

    def saved(self, step: SavedStep) -> None:
        self.deliver(step.transcript)

    def finished(self) -> None:
        self.nursery.cancel_scope.cancel()

    def stopped(self, error: BaseException | None) -> None:
        sys.exit(str(error))  # what was not saved was not done: a supervisor starts this program again

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def jitter(self, earliest: int, latest: int) -> int:
        return random.randint(earliest, latest)

    def call_at(self, at: int, callback: Callable[[], None]) -> trio.CancelScope:
        self.nursery.start_soon(self.ring, at, callback, scope := trio.CancelScope())
        return scope

    async def ring(self, at: int, callback: Callable[[], None], scope: trio.CancelScope) -> None:
        with scope:
            await trio.sleep(max(0, at - self.now()) / 1_000)
            callback()

    def execute(self, command: Command, answer: Answer) -> None:
        self.nursery.start_soon(self.call, command, answer)

    def abort(self, command_id: int) -> None: ...  # its answer is fed, and does no harm

    async def call(self, command: Command, answer: Answer) -> None:
        request = to_http(command, self.endpoint, nonce=secrets.token_hex(8))
        headers = dict(request.headers) | self.cookies.headers(request.url)
        try:
            with trio.fail_after(request.timeout / 1_000):
                got = await self.http.request(request.method, request.url, headers=headers, content=request.body)
            if self.cookies.update(request.url, got.headers.get_list("Set-Cookie")):
                self.store.keep_cookies(self.id, self.cookies.text, lambda error: None)
            answer(read_reply(command, got.status_code, got.headers, got.content, redirected=False))
        except trio.TooSlowError:
            answer(Failure("timeout"))
        except httpx2.HTTPError:
            answer(Failure("cut"))


async def main() -> None:
    async with httpx2.AsyncClient(timeout=None, limits=httpx2.Limits()) as http, trio.open_nursery() as nursery:
        url, tenant, app_id, client_id, path = sys.argv[1:]
        chat = Chat(Endpoint(url, tenant, app_id, client_id), path, nursery, http)
        while line := await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
            chat.say(**json.loads(line))
    chat.store.close()


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    trio.run(main)

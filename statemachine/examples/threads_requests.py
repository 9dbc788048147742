"""A chat from threads with requests: one thread drives the session, each call has a thread of its own.

    python -m statemachine.examples.threads_requests URL TENANT APP_ID CLIENT_ID STORE

Reads {"key": …, "text": …} from stdin, one a line, or {"end": true}; writes updates to stdout. It may be killed at any
time: a key that is repeated is one text, and an update that is repeated has the same "seq".
"""

import json
import secrets
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from threading import Thread

import requests

from statemachine import Command, End, Failure, IllegalIntent, RequestChat, SendText, TranscriptUpdate, encode_update
from statemachine.driver import Answer, Driver, SavedStep, SqliteStore, ThreadClock
from statemachine.http import Cookies, Endpoint, HttpRequest, read_reply, to_http


class Chat:
    """The driver's transport and listener. All methods run in the clock's thread, except `read` and `call`."""

    def __init__(self, endpoint: Endpoint, path: str) -> None:
        self.endpoint, self.id, self.clock, self.is_over = endpoint, endpoint.client_id, ThreadClock(), False
        self.store = SqliteStore(path, call_soon=self.clock.call_soon)
        self.cookies = Cookies(self.store.cookies(self.id))
        self.deliver(self.store.journal(self.id, 0, 10_000))
        self.driver = Driver.open(self.id, clock=self.clock, transport=self, store=self.store, listener=self)
        self.driver.start()

    def read(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.clock.call_soon(partial(self.say, **json.loads(line)))

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
        self.is_over = True

    def stopped(self, error: BaseException | None) -> None:
        sys.exit(str(error))  # what was not saved was not done: a supervisor starts this program again

    def execute(self, command: Command, answer: Answer) -> None:
        request = to_http(command, self.endpoint, nonce=secrets.token_hex(8))
        headers = dict(request.headers) | self.cookies.headers(request.url)
        Thread(target=self.call, args=(command, answer, request, headers), daemon=True).start()

    def abort(self, command_id: int) -> None: ...  # requests cannot; the answer is fed, and does no harm

    def call(self, command: Command, answer: Answer, request: HttpRequest, headers: dict[str, str]) -> None:
        send, limit = partial(requests.request, allow_redirects=False), request.timeout / 1_000
        try:
            got = send(request.method, request.url, headers=headers, data=request.body, timeout=limit)
            reply = read_reply(command, got.status_code, got.headers, got.content, redirected=False)
            if self.cookies.update(request.url, got.raw.headers.getlist("Set-Cookie")):
                self.store.keep_cookies(self.id, self.cookies.text, lambda error: None)
        except requests.RequestException as error:
            reply = Failure("timeout" if isinstance(error, requests.Timeout) else "cut")
        self.clock.call_soon(lambda: answer(reply))


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    url, tenant, app_id, client_id, path = sys.argv[1:]
    chat = Chat(Endpoint(url, tenant, app_id, client_id), path)
    Thread(target=chat.read, args=(sys.stdin,), daemon=True).start()
    chat.clock.run(lambda: chat.is_over)
    chat.store.close()

"""A client on one event loop, written from the protocol's page alone; nothing here imports the package.

Habits are given as words: `python eventloop.py pause=2 backoff=1,2,4,8 own_id create_each`. Faulty clients override
single methods (`eventloop_faulty.py`).
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import os
import sys
import time
import urllib.parse
import uuid
from pathlib import Path

OVER = ("chat_session_ended", "chat_session_inactivity_timeout", "chat_session_inactvity_timeout")
CONFIGURATION = ("1000", "2000", "2001", "2002", "2003", "2004", "3000", "5006")
SCHEME = "MOBILE-API-140-327-PLAIN"
STATE = Path("chat.json")
BROKEN = (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError, IndexError)


class Habits:
    """How a right client differs from the next one."""

    def __init__(self, words=()):
        given = dict(word.partition("=")[::2] for word in words)
        self.pause = float(given.get("pause", 0))
        self.backoff = [float(one) for one in given.get("backoff", "1,2,4,8,16,30").split(",")]
        self.reaction = float(given.get("reaction", 0))
        self.poll_timeout = float(given.get("timeout", 30))
        self.own_id = "own_id" in given
        self.create_each = "create_each" in given
        self.stateless = "stateless" in given
        self.receipts = given.get("receipts", "delivered,read").split(",")
        self.nonce = given.get("nonce", "timestamp")
        self.no_cache = "cached" not in given
        self.quoted = "unquoted" not in given
        self.numbered = "numbered" in given
        self.pauses_in_background = "pauses" in given
        self.cookies = "cookies" in given
        self.history = "no_history" not in given
        self.resends = "no_resend" not in given
        self.silent = "silent" in given
        self.version = given.get("api", "v2")
        self.availability = "availability" in given


class Client:
    def __init__(self, habits):
        self.habits = habits
        self.base = urllib.parse.urlsplit(os.environ["STATEMACHINE_URL"])
        self.state = json.loads(STATE.read_text()) if STATE.exists() and not habits.stateless else {}
        self.client_id = self.identity()
        self.chat = None
        self.over = True
        self.opening = None
        self.polling = None
        self.foreground = asyncio.Event()
        self.foreground.set()
        self.opened = asyncio.Event()
        self.queue = asyncio.Queue()
        self.prompt = None
        self.forms = {}
        self.known = set(self.state.get("known", ()))
        self.number = self.state.get("number", 1)
        self.typing = None
        self.cookie = self.state.get("cookie", "")
        self.tasks = set()

    # --- what it keeps

    def identity(self):
        if self.habits.cookies:
            return "WebChat"
        if not self.habits.own_id:
            return os.environ["STATEMACHINE_CLIENT_ID"]
        return self.state.setdefault("client_id", str(uuid.uuid4()))

    def keep(self):
        if not self.habits.stateless:
            self.state.update(
                known=sorted(self.known), number=self.number, client_id=self.client_id, cookie=self.cookie
            )
            written = STATE.with_suffix(".new")  # a kill leaves the old state or the new one, never a half
            written.write_text(json.dumps(self.state))
            written.replace(STATE)

    def tell(self, **report):
        if not self.habits.silent:
            print(json.dumps(report), flush=True)

    # --- HTTP

    def headers(self):
        app = os.environ["STATEMACHINE_APP_ID"]
        quote = '"' if self.habits.quoted else ""
        found = {
            "Host": self.base.netloc,
            "Authorization": f"{SCHEME} appId={quote}{app}{quote}, clientId={quote}{self.client_id}{quote}",
            "User-Agent": "MobileClient",
            "Connection": "close",
        }
        if self.habits.no_cache:
            found["Cache-Control"] = "no-cache"
        if self.cookie:
            found["Cookie"] = self.cookie
        return found

    def query(self):
        found = {"tenantUrl": os.environ["STATEMACHINE_TENANT"]}
        if self.habits.nonce != "no":
            found[self.habits.nonce] = str(time.time_ns() // 1_000)
        return urllib.parse.urlencode(found)

    async def call(self, method, path, body=None, *, content_type="application/json; charset=utf-8", within=20):
        """(status, headers, bytes). Raises one of BROKEN."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = self.headers()
        if method == "POST":
            headers |= {"Content-Length": str(len(data))} | ({"Content-Type": content_type} if data else {})
        target = f"/clientweb/api/{self.habits.version}/{path}?{self.query()}"
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(self.base.hostname, self.base.port)
            try:
                writer.write(head.encode() + data)
                await writer.drain()
                status = int((await reader.readuntil(b"\r\n")).split()[1])
                lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n") if status else []
                found = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
                content = await reader.readexactly(int(found.get("content-length", 0)))
            finally:
                writer.close()
        if self.habits.cookies and "set-cookie" in found:
            self.cookie = found["set-cookie"].partition(";")[0]
            self.keep()
        return status, found, content

    async def ask(self, method, path, body=None, within=20):
        """(status, code, parsed body, wait in seconds that the server asks for); status 0 for a broken connection."""
        try:
            status, headers, content = await self.call(method, path, body, within=within)
        except BROKEN:
            return 0, "", {}, 0.0
        reply = self.parse(content)
        wait = headers.get("retry-after", "")
        return status, str(reply.get("error_code", "")), reply, float(wait) if wait.isdecimal() else 0.0

    def parse(self, content):
        try:
            reply = json.loads(content) if content else {}
        except ValueError:
            return {}
        return reply if isinstance(reply, dict) else {}

    # --- the chat

    def spawn(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def start(self):
        if self.over and (self.opening is None or self.opening.done()):
            self.opened.clear()
            self.opening = self.spawn(self.open())

    async def open(self):
        if self.habits.availability:
            await self.ask("GET", "availability")
        reply = await self.create()
        if reply is None:
            self.fail_all("no chat could be opened")
            return
        self.chat, self.over = str(reply["chat_id"]), False
        self.forms, self.prompt = {}, None
        if str(reply.get("is_new_chat")).lower() == "false" and self.habits.history:
            await self.resume()
        self.opened.set()
        if not self.over:
            self.polling = self.spawn(self.poll_forever(self.chat))

    async def create(self):
        for wait in [*self.habits.backoff, None]:
            status, code, reply, asked = await self.ask("POST", "chats", {"parameters": {}})
            if status == 200 and reply.get("chat_id"):
                return reply
            if code in CONFIGURATION or (400 <= status < 500 and status not in (408, 429)) or wait is None:
                return None
            await asyncio.sleep(max(wait, asked))
        return None

    async def resume(self):
        """Show what was said, without receipts."""
        status, _, reply, _ = await self.ask("GET", f"chats/{self.chat}/history")
        for event in self.events(reply) if status == 200 else []:
            if event.get("event") == "chat_session_message":
                self.show(event)
            elif self.is_end(event):
                self.end_of_chat("ended while away")

    def events(self, reply):
        events = reply.get("events")
        return [one for one in events if isinstance(one, dict)] if isinstance(events, list) else []

    def is_current(self, chat):
        return self.chat == chat and not self.over

    async def poll_forever(self, chat):
        failures, instant = 0, 0
        while self.is_current(chat):
            await self.foreground.wait()
            began = time.monotonic()
            status, code, reply, asked = await self.poll(chat)
            if not self.is_current(chat):
                return
            if (status == 404 and code not in ("5006", "5502")) or code == "5005":
                self.end_of_chat("the chat is gone")
            elif code == "5511" or (status == 200 and not code):
                failures = 0
                new = await self.take(chat, reply)
                instant = 0 if new or time.monotonic() - began > 0.5 else instant + 1
                await asyncio.sleep(max(self.habits.pause, 1 if instant > 2 else 0))
            elif status in (401, 403) or code in CONFIGURATION:
                self.end_of_chat("the configuration is refused")
            else:
                await self.after_failure(chat)
                await asyncio.sleep(max(self.habits.backoff[min(failures, len(self.habits.backoff) - 1)], asked))
                failures += 1

    async def poll(self, chat):
        return await self.ask("GET", f"chats/{chat}/events", within=self.habits.poll_timeout)

    async def after_failure(self, chat):
        """A lost answer may have held events: they are in the history."""

    async def take(self, chat, reply):
        """All entries of a batch, in order; whether there was one."""
        events, end = self.events(reply), ""
        for event in events:
            if self.is_end(event):
                end = end or str(event.get("event"))
            else:
                await self.handle(chat, event)
        if end:
            self.end_of_chat(end)
        return bool(events)

    def is_end(self, event):
        if event.get("event") == "chat_session_status":
            return event.get("state") in ("failed", "completed")
        return event.get("event") in OVER

    def end_of_chat(self, why):
        if not self.over:
            self.over = True
            self.opened.clear()
            self.tell(over=why)
            self.fail_all(None)
            self.keep()

    def fail_all(self, why):
        if why:
            self.tell(over=why)
        while not self.queue.empty():
            kind, value, _ = self.queue.get_nowait()
            if kind == "text":
                self.tell(failed=value)

    async def handle(self, chat, event):
        name = event.get("event")
        if name == "chat_session_message":
            if self.show(event):
                self.spawn(self.receipt(chat, str(event["msg_id"])))
        elif name == "chat_session_form_show":
            request, form = str(event.get("form_request_id")), str(event.get("form_name") or "")
            self.forms[request] = form
            self.prompt = request if not form else self.prompt

    def is_own(self, event):
        return str(event.get("party_id", "")).lower() == str(self.chat).lower()

    def show(self, event):
        """Whether the message is another's, new, and can be receipted."""
        text = event.get("msg_text", event.get("msg"))
        if not isinstance(text, str):
            return False
        msg_id = str(event.get("msg_id") or "")
        is_new = msg_id not in self.known
        if msg_id:
            self.known.add(msg_id)
        if is_new or not msg_id:
            self.tell(shown=text, by="me" if self.is_own(event) else "agent")
            self.keep()
        return bool(msg_id) and is_new and not self.is_own(event)

    async def receipt(self, chat, msg_id):
        if self.habits.version != "v2":
            return
        for kind in self.habits.receipts:
            await asyncio.sleep(self.habits.reaction)
            if kind and self.is_current(chat):
                event = {"event": f"chat_session_message_{kind}", "ref_msg_id": msg_id}
                await self.ask("POST", f"chats/{chat}/events", {"events": [event]})

    # --- sending

    def new_id(self):
        self.number += 2
        self.keep()
        return f"{self.number}" if self.habits.numbered else f"{uuid.uuid4()}"

    async def send_forever(self):
        while True:
            item = await self.queue.get()
            if not self.opened.is_set():
                self.queue.put_nowait(item)  # it waits for the chat, and fails with it
                await asyncio.sleep(0.05)
                continue
            kind, value, msg_id = item
            await asyncio.sleep(self.habits.reaction)
            await (self.deliver_text(value, msg_id) if kind == "text" else self.deliver_file(value, msg_id))

    async def deliver_text(self, text, msg_id):
        if self.habits.create_each:
            await self.ask("POST", "chats", {"parameters": {}})
        prompt, self.prompt = self.prompt, None
        if prompt is not None:
            await self.post(self.answer(prompt, {"text": text}))
        else:
            await self.deliver({"event": "chat_session_message", "msg": text, "msg_id": msg_id}, text)

    def answer(self, request, data):
        form = self.forms.pop(request, "")
        return {"event": "chat_session_form_data", "form_request_id": request, "form_name": form, "data": data}

    async def deliver(self, event, text):
        chat = self.chat
        for wait in [*self.habits.backoff[:4], None]:
            if not self.is_current(chat):
                break
            status, _, _, asked = await self.post(event)
            if status == 200:
                return
            if wait is None or (400 <= status < 500 and status not in (408, 429)) or not self.habits.resends:
                break
            await asyncio.sleep(max(wait, asked))
            status, _, reply, _ = await self.ask("GET", f"chats/{chat}/history")
            if status != 200:
                break  # it may have arrived: to send it again would double it
            if any(str(one.get("msg_id")) == event["msg_id"] for one in self.events(reply)):
                return
        self.tell(failed=text)

    async def post(self, *events):
        return await self.ask("POST", f"chats/{self.chat}/events", {"events": list(events)})

    async def deliver_file(self, path, msg_id):
        content = await asyncio.to_thread(Path(path).read_bytes)
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        mark = uuid.uuid4().hex
        name = self.file_name(path)
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        head += f"Content-Type: {kind}\r\n\r\n"
        body = head.encode() + self.file_bytes(content) + f"\r\n--{mark}--\r\n".encode()
        status, _, reply = await self.call("POST", "files", body, content_type=f"multipart/form-data; boundary={mark}")
        if status == 200:
            await self.post(self.file_event(str(self.parse(reply)["file_id"]), kind, Path(path).name, msg_id))

    def file_name(self, path):
        return Path(path).name.replace("\\", "_").replace('"', "%22")

    def file_bytes(self, content):
        return content

    def file_event(self, file_id, kind, name, msg_id):
        shape = "image" if kind.startswith("image/") else "attachment"
        event = {"event": "chat_session_file", "file_id": file_id, "file_type": shape, "file_name": name}
        return {**event, "msg_id": msg_id}

    # --- orders

    async def say(self, text):
        if self.over and self.chat is not None and (self.opening is None or self.opening.done()):
            self.tell(failed=text)  # nothing is sent after the end
        else:
            self.queue.put_nowait(("text", text, self.new_id()))

    async def send_file(self, path):
        self.queue.put_nowait(("file", path, self.new_id()))

    async def end(self):
        if not self.over:
            await self.post({"event": "chat_session_end"})

    async def disconnect(self):
        if not self.over:
            await self.post({"event": "chat_session_disconnect"})

    async def type(self):
        if not self.over:
            await self.post({"event": "chat_session_typing"})
            self.spawn(self.stop_typing_later())

    async def stop_typing_later(self):
        await asyncio.sleep(4)
        if not self.over:
            await self.post({"event": "chat_session_not_typing"})

    async def answer_form(self, request, data):
        if request in self.forms and not self.over:
            await self.post(self.answer(request, data))

    async def background(self):
        if self.habits.pauses_in_background:
            self.foreground.clear()

    async def to_foreground(self):
        self.foreground.set()

    async def obey(self, order):
        match order.get("do"):
            case "start":
                await self.start()
            case "say":
                await self.say(order["text"])
            case "send_file":
                await self.send_file(order["path"])
            case "end":
                await self.end()
            case "disconnect":
                await self.disconnect()
            case "typing":
                await self.type()
            case "answer_form":
                await self.answer_form(order["form"], order["data"])
            case "background":
                await self.background()
            case "foreground":
                await self.to_foreground()

    async def run(self):
        self.tell(reports=["shown", "failed", "over"])
        self.keep()
        self.spawn(self.send_forever())
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            await self.obey(json.loads(line))


def main(kind, words):
    async def run():
        await kind(Habits(words)).run()

    asyncio.run(run())


if __name__ == "__main__":
    main(Client, sys.argv[1:])

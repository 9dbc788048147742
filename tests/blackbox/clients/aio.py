"""A client of asyncio and aiohttp."""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import random
import secrets
import sys
import time

import aiohttp

ap = argparse.ArgumentParser()
ap.add_argument("--pause", type=float, default=0)
ap.add_argument("--create-each", action="store_true")  # asks for the chat before each text
ap.add_argument("--no-store", action="store_true")  # keeps its client id only
ap.add_argument("--webchat", action="store_true")  # literal WebChat and cookies, as a browser
ap.add_argument("--v1", action="store_true")
ap.add_argument("--unquoted", action="store_true")
ap.add_argument("--silent", action="store_true")  # no reports
ap.add_argument("--ids", choices=["uuid", "odd", "number", "chat"], default="chat")
ap.add_argument("--fault", default="")
A = ap.parse_args()
F = A.fault

ROOT = os.environ["STATEMACHINE_URL"].rstrip("/") + ("/clientweb/api/v1/" if A.v1 else "/clientweb/api/v2/")
FILE = pathlib.Path("aio-state.json")
CONFIGURATION = {"1000", "2000", "2001", "2002", "2003", "2004", "3000", "5006"}
ENDS = {"chat_session_ended", "chat_session_inactivity_timeout", "chat_session_inactvity_timeout"}


def out(**line):
    if not A.silent:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class Problem(Exception):
    def __init__(self, kind, status=0, code=""):
        super().__init__(kind, status, code)
        self.kind, self.status, self.code = kind, status, code

    @property
    def gone(self):
        return self.code == "5005" or (self.status == 404 and not self.code)

    @property
    def fatal(self):
        return self.status in (401, 403) or self.code in CONFIGURATION

    @property
    def temporary(self):
        return self.kind != "http" or self.status >= 500 or self.status in (408, 429) or self.code == "5509"


def read(path):
    return pathlib.Path(path).read_bytes()


def answer(form, name, data):
    return {"event": "chat_session_form_data", "form_request_id": form, "form_name": name, "data": data}


class Client:
    def __init__(self):
        self.memory = {"client": "WebChat" if A.webchat else os.environ["STATEMACHINE_CLIENT_ID"]}
        if FILE.exists():
            self.memory.update(json.loads(FILE.read_text()))
        self.memory.setdefault("known", [])
        self.memory.setdefault("texts", [])  # each: id, text, tried
        self.memory.setdefault("number", 1)
        if F == "F11":
            self.memory["number"] = 1
        self.known = set(self.memory["known"])
        self.chat = self.memory.get("chat")
        self.poll_task = None
        self.visible = asyncio.Event()
        self.visible.set()
        self.ready = asyncio.Event()
        self.wake = asyncio.Event()
        self.jobs = []
        self.prompt = None
        self.forms = {}
        self.over = False
        self.tasks = set()

    def keep(self):
        if A.no_store:
            data = {"client": self.memory["client"]}
        else:
            data = dict(self.memory, chat=self.chat, known=sorted(self.known))
        temporary = FILE.with_suffix(".tmp")
        temporary.write_text(json.dumps(data))
        temporary.replace(FILE)

    def spawn(self, coroutine):
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def run(self):
        jar = aiohttp.CookieJar(unsafe=True)
        cookies = pathlib.Path("cookies")
        with contextlib.suppress(OSError):
            jar.load(cookies)
        agent = "Mozilla/5.0" if A.webchat else "MobileClient"
        async with aiohttp.ClientSession(
            cookie_jar=jar, headers={"User-Agent": agent, "Cache-Control": "no-cache"}
        ) as self.http:
            self.cookies = (jar, cookies)
            out(reports=["shown", "failed", "over"])
            self.spawn(self.deliver())
            self.keep()
            reader = asyncio.StreamReader()
            await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            while line := await reader.readline():
                self.spawn(self.obey(json.loads(line))) if b"file" in line else await self.obey(json.loads(line))

    async def ask(self, method, path, payload=None, seconds=20, form=None):
        quote = "" if A.unquoted else '"'
        headers = {
            "Authorization": f"MOBILE-API-140-327-PLAIN appId={quote}{os.environ['STATEMACHINE_APP_ID']}{quote}, "
            f"clientId={quote}{self.memory['client']}{quote}"
        }
        params = {"tenantUrl": os.environ["STATEMACHINE_TENANT"], "timestamp": str(time.time_ns() // 1000)}
        more = {"json": payload} if payload is not None else {}
        if form is not None:
            more["data"] = form
        try:
            async with self.http.request(
                method,
                ROOT + path,
                params=params,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,
                **more,
            ) as reply:
                body = await reply.text(errors="replace")
                status = reply.status
        except aiohttp.ClientConnectorError as e:
            raise Problem("unsent") from e
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            raise Problem("lost") from e
        if A.webchat:
            self.cookies[0].save(self.cookies[1].with_suffix(".new"))
            self.cookies[1].with_suffix(".new").replace(self.cookies[1])
        try:
            data = json.loads(body) if body.strip() else {}
        except ValueError:
            data = None
        code = str(data.get("error_code", "")) if isinstance(data, dict) else ""
        if code == "5511":
            return {}
        if status >= 300 or code:
            raise Problem("http", status, code)
        if not isinstance(data, dict):
            raise Problem("lost")
        return data

    # --- chat

    async def create(self):
        """Opens or finds the chat; raises the last problem after a few tries."""
        delay = 1.0
        for attempt in range(6):
            try:
                reply = await self.ask("POST", "chats", {"parameters": {}, "phone_number": ""})
                if reply.get("chat_id"):
                    break
                raise Problem("lost")
            except Problem as p:
                if p.fatal or not p.temporary or attempt == 5:
                    raise
                if F != "F3":
                    await asyncio.sleep(delay + random.random() * 0.3)
                delay = min(delay * 2, 30)
        if str(reply["chat_id"]) != self.chat:
            self.chat = str(reply["chat_id"])
            self.known.clear()
            self.keep()
            if str(reply.get("is_new_chat")).lower() == "false":
                await self.read_history(quiet=True)
        return reply

    async def start(self):
        if self.poll_task and not self.poll_task.done():
            return
        self.poll_task = self.spawn(self.attend())

    async def attend(self):
        self.over = False
        self.ready.clear()
        try:
            if self.chat and not A.no_store:
                try:
                    await self.read_history()
                except Problem as p:
                    if p.gone:
                        self.chat = None
            if not self.over and (not self.chat or A.no_store):
                await self.create()
        except Problem as p:
            self.finish(f"could not open: {p}")
            return
        if self.over:
            return
        self.ready.set()
        self.wake.set()
        await self.poll_loop()

    async def poll_loop(self):
        failures, stale = 0, False
        while not self.over:
            if not self.visible.is_set():
                await self.visible.wait()
                stale = True
            started = time.monotonic()
            try:
                if stale and F != "F3":
                    await self.read_history()
                    if self.over:
                        return
                stale = False
                reply = await self.ask("GET", f"chats/{self.chat}/events", seconds=13 if F == "F21" else 30)
            except Problem as p:
                if p.gone:
                    self.finish("the chat is gone")
                    return
                if p.fatal:
                    self.finish("refused")
                    return
                stale = p.kind != "http" or p.status >= 500
                failures += 1
                if F == "F3":
                    continue
                if F == "F21" and p.kind == "lost":
                    continue
                await asyncio.sleep(min(30, 2 ** (failures - 1)) + random.random() * 0.2)
                continue
            failures = 0
            self.take(reply, True)
            if self.over:
                return
            fast = time.monotonic() - started < 0.3
            await asyncio.sleep(A.pause or (0.6 if fast else 0))

    async def read_history(self, quiet=False):
        try:
            self.take(await self.ask("GET", f"chats/{self.chat}/history"), False)
        except Problem:
            if not quiet:
                raise

    def take(self, reply, live):
        entries = reply.get("events")
        if not isinstance(entries, list):
            entries = []
        if F == "F9":
            try:
                entries = [dict(e, event=e["event"].lower()) for e in entries]
            except (TypeError, KeyError, AttributeError, ValueError):
                entries = []
        if F == "F38":
            entries = [e for e in entries if isinstance(e, dict)]
            entries.sort(key=lambda e: str(e.get("event")))
        for entry in entries:
            if isinstance(entry, dict) and isinstance(entry.get("event"), str):
                try:
                    self.entry(entry, live)
                except (TypeError, ValueError, KeyError, AttributeError) as e:
                    sys.stderr.write(f"entry skipped: {type(e)}\n")
        self.keep()

    def entry(self, e, live):
        name = e["event"]
        if name in ENDS:
            self.finish(name)
            return
        if name == "chat_session_status":
            if e.get("state") in ("failed", "completed"):
                self.finish(e["state"])
            return
        party = str(e.get("party_id") or "").lower()
        mark = f"{name}/{party}/{e['msg_id']}" if e.get("msg_id") not in (None, "") else json.dumps(e, sort_keys=True)
        if mark in self.known and not (F == "F16" and not live):
            return
        self.known.add(mark)
        if name == "chat_session_message":
            mine = party == str(self.chat).lower()
            if mine and e.get("msg_id") in {t["id"] for t in self.memory.get("sent", [])}:
                return
            out(shown=e.get("msg_text") or e.get("msg") or "", by="me" if mine else "agent")
            if live and not mine and party and e.get("msg_id") and not A.v1:
                self.spawn(self.best_effort({"event": "chat_session_message_delivered", "ref_msg_id": e["msg_id"]}))
        elif name == "chat_session_form_show" and live:
            form = str(e.get("form_request_id", ""))
            if e.get("form_name", "") == "":
                self.prompt = form
            else:
                self.forms[form] = e.get("form_name")

    def finish(self, why):
        if self.over:
            return
        self.over = True
        self.chat = None
        self.ready.clear()
        lost = self.memory["texts"]
        self.memory["texts"] = []
        self.keep()
        for t in lost:
            out(failed=t["text"])
        out(over=why)

    # --- sending

    async def post(self, *events):
        if self.chat is None:
            raise Problem("over")
        reply = await self.ask("POST", f"chats/{self.chat}/events", {"events": list(events)})
        if A.v1:
            self.take(reply, True)

    async def best_effort(self, event):
        if not self.over:
            with contextlib.suppress(Problem):
                await self.post(event)

    async def deliver(self):
        while True:
            await self.wake.wait()
            self.wake.clear()
            await self.ready.wait()
            while self.ready.is_set() and (self.memory["texts"] or self.jobs):
                if self.memory["texts"]:
                    text = self.memory["texts"][0]
                    good = await self.deliver_text(text)
                    if text in self.memory["texts"]:
                        self.memory["texts"].remove(text)
                        self.memory.setdefault("sent", []).append(text)
                        self.keep()
                        if not good:
                            out(failed=text["text"])
                else:
                    await self.deliver_job(self.jobs.pop(0))

    async def deliver_text(self, text):
        event = {"event": "chat_session_message", "msg": text["text"], "msg_id": text["id"]}
        for n in range(6):
            if self.over:
                return False
            try:
                if text["tried"]:
                    await asyncio.sleep(4)
                    if self.over:
                        return False
                    reply = await self.ask("GET", f"chats/{self.chat}/history")
                    self.take(reply, False)
                    if any(isinstance(e, dict) and e.get("msg_id") == text["id"] for e in reply.get("events") or []):
                        return True
                if A.create_each:
                    await self.create()
                text["tried"] = True
                self.keep()
                await self.post(event)
                return True
            except Problem as p:
                text["tried"] = p.kind == "lost" or p.status >= 500
                if p.kind == "over":
                    return False
                if p.gone:
                    await asyncio.sleep(5)
                elif not p.temporary:
                    return False
                await asyncio.sleep(2**n)
        return False

    async def deliver_job(self, event):
        for n in range(4):
            if self.over:
                return
            try:
                await self.post(event)
                return
            except Problem as p:
                if not p.temporary:
                    return
                await asyncio.sleep(2**n)

    def new_id(self):
        n = self.memory["number"]
        self.memory["number"] += 2
        self.keep()
        if F == "F11":
            return str(n)
        origin = self.memory.setdefault("origin", secrets.token_hex(4))
        return {"odd": str(n), "number": n, "chat": f"{origin}:{n}", "uuid": secrets.token_hex(16)}[A.ids]

    async def obey(self, order):
        match order.get("do"):
            case "start":
                await self.start()
            case "say":
                if self.prompt is not None:
                    form, self.prompt = self.prompt, None
                    self.jobs.append(answer(form, "", {"text": order["text"]}))
                else:
                    self.memory["texts"].append({"id": self.new_id(), "text": order["text"], "tried": False})
                    self.keep()
                    out(shown=order["text"], by="me")
                    await self.start()
                self.wake.set()
            case "end":
                await self.end()
            case "typing":
                self.spawn(self.typing())
            case "answer_form":
                form = str(order["form"])
                if form in self.forms:
                    self.jobs.append(answer(form, self.forms.pop(form), order["data"]))
                    if F == "F31":
                        text = json.dumps(order["data"])
                        self.jobs.append({"event": "chat_session_message", "msg": text, "msg_id": str(self.new_id())})
                    self.wake.set()
            case "send_file":
                await self.send_file(order["path"])
            case "background":
                self.visible.clear()
            case "foreground":
                self.visible.set()

    async def end(self):
        self.jobs.append({"event": "chat_session_end"})
        self.wake.set()

    async def typing(self):
        await self.best_effort({"event": "chat_session_typing", "msg": "…"})
        await asyncio.sleep(4)
        await self.best_effort({"event": "chat_session_not_typing"})

    async def send_file(self, path):
        try:
            form = aiohttp.FormData()
            form.add_field("file-upload-input", read(path), filename=os.path.basename(path))
            reply = await self.ask("POST", "files", form=form, seconds=60)
        except (Problem, OSError):
            out(failed=path)
            return
        event = {"event": "chat_session_file", "file_id": reply["file_id"], "file_name": os.path.basename(path)}
        self.jobs.append({**event, "file_type": "attachment", "msg_id": str(self.new_id())})
        self.wake.set()


asyncio.run(Client().run())

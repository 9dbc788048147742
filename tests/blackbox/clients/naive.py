"""A client as people write it: two threads, the standard library, no state but what it needs. Right in what it does.

It does not resend and does not read the history; but it harms nobody. The faulty clients beside it each do one thing as
somebody in the field did it. Nothing here imports the package. Habits are numbers: `python naive.py rest=5 pause=2`.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import sys
import threading
import time
import urllib.parse
import uuid
from pathlib import Path

TERMINAL = ("failed", "completed")


class Client:
    poll_timeout = 30
    pause = 1.0
    """The first wait after a failure, in seconds; each further one is twice as long."""
    longest = 8.0
    rest = 0.0
    """How long it waits after an answered poll."""
    reaction = 0.0
    """How long it thinks before it answers."""
    receipts = 1

    def __init__(self):
        self.base = urllib.parse.urlsplit(os.environ["STATEMACHINE_URL"])
        self.tenant = os.environ["STATEMACHINE_TENANT"]
        self.client_id = self.identity()
        self.chat = None
        self.over = False
        self.foreground = True
        self.texts = queue.Queue()
        self.answered = set()
        self.receipted = set()
        self.typing = None
        threading.Thread(target=self.send_forever, daemon=True).start()

    def identity(self):
        return os.environ["STATEMACHINE_CLIENT_ID"]

    # --- calls

    def headers(self):
        app = os.environ["STATEMACHINE_APP_ID"]
        return {
            "Authorization": f'MOBILE-API-140-327-PLAIN appId="{app}", clientId="{self.client_id}"',
            "User-Agent": "MobileClient",
            "Content-Type": "application/json; charset=utf-8",
            "Cache-Control": "no-cache",
        }

    def call(self, method, path, body=None, timeout=10):
        """(status, parsed body). Raises OSError and HTTPException for a broken connection."""
        line = http.client.HTTPConnection(self.base.hostname, self.base.port, timeout=timeout)
        try:
            query = urllib.parse.urlencode({"tenantUrl": self.tenant, "timestamp": time.time_ns()})
            data = None if body is None else json.dumps(body)
            line.request(method, f"/clientweb/api/v2/{path}?{query}", data, self.headers())
            reply = line.getresponse()
            return reply.status, self.parse(reply.read())
        finally:
            line.close()

    def parse(self, raw):
        try:
            found = json.loads(raw) if raw else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    # --- the chat

    def start(self):
        if self.chat is None or self.over:
            self.chat, self.over = None, False  # what is said from now on waits for the new chat
            threading.Thread(target=self.open, daemon=True).start()

    def open(self):
        wait = self.pause
        while True:
            try:
                status, reply = self.call("POST", "chats", {"parameters": {}})
            except (OSError, http.client.HTTPException):
                status, reply = 0, {}
            if status == 200 and reply.get("chat_id"):
                break
            if str(reply.get("error_code")) in ("1000", "2000", "2001", "2002", "2003", "2004", "3000", "5006"):
                self.not_opened()
                return
            time.sleep(wait)
            wait = min(wait * 2, self.longest)
        self.receipted = set()
        self.chat = reply["chat_id"]
        if str(reply.get("is_new_chat")).lower() == "false":
            self.resumed()
        self.poll_forever(self.chat)

    def not_opened(self):
        self.tell(over="no chat could be opened")

    def tell(self, **report):
        """What the user sees, as a line on standard output."""
        print(json.dumps(report), flush=True)

    def resumed(self):
        """What was said before is known, and gets no receipt."""

    def poll_forever(self, chat):
        wait, instant = self.pause, 0
        while self.chat == chat and not self.over and self.foreground:
            began = time.monotonic()
            status, reply, broken = 0, {}, False
            try:
                status, reply = self.call("GET", f"chats/{chat}/events", timeout=self.poll_timeout)
            except (OSError, http.client.HTTPException):
                broken = True
            code = str(reply.get("error_code", ""))
            if status == 404 and code not in ("5006", "5502"):
                self.ended("gone")
            elif code == "5511" or (status == 200 and not code):
                wait = self.pause
                self.take(reply)
                instant = instant + 1 if time.monotonic() - began < 0.5 and not reply.get("events") else 0
                time.sleep(self.rest if instant <= 3 else max(1, self.rest))
            elif broken or status >= 400:
                time.sleep(wait)
                wait = min(wait * 2, self.longest)

    def take(self, reply):
        events = reply.get("events")
        for event in events if isinstance(events, list) else []:
            if isinstance(event, dict):
                self.handle(event)

    def handle(self, event):
        name = event.get("event")
        if name == "chat_session_message":
            self.message(event)
        elif name == "chat_session_form_show":
            self.form(event)
        elif self.is_end(event):
            self.ended(event.get("event"))

    def ended(self, why):
        self.over = True
        self.tell(over=why)

    def is_end(self, event):
        name = event.get("event")
        if name == "chat_session_status":
            return event.get("state") in TERMINAL
        return name in ("chat_session_ended", "chat_session_inactivity_timeout", "chat_session_inactvity_timeout")

    def message(self, event):
        msg_id, text = event.get("msg_id"), event.get("msg_text", event.get("msg"))
        is_own = str(event.get("party_id", "")).lower() == str(self.chat).lower()
        if isinstance(text, str):
            self.show(text, is_own)
            if msg_id and not is_own and self.receipts:
                self.receipt(str(msg_id))

    def show(self, text, is_own):
        self.tell(shown=text, by="me" if is_own else "agent")

    def receipt(self, msg_id):
        if msg_id not in self.receipted:
            self.receipted.add(msg_id)
            time.sleep(self.reaction)
            self.post({"event": "chat_session_message_delivered", "ref_msg_id": msg_id})

    def form(self, event):
        """A question without a name is answered by the next text."""
        if not event.get("form_name"):
            self.prompt = event.get("form_request_id")

    prompt = None

    # --- sending

    def new_id(self):
        return str(uuid.uuid4())

    def post(self, event):
        chat = self.chat
        if chat and not self.over:
            try:
                return self.call("POST", f"chats/{chat}/events", {"events": [event]})[0]
            except (OSError, http.client.HTTPException):
                return 0
        return 0

    def send_forever(self):
        while True:
            text = self.texts.get()
            while self.chat is None:
                time.sleep(0.05)
            time.sleep(self.reaction)
            self.deliver(text)

    def deliver(self, text):
        if self.prompt is not None:
            prompt, self.prompt = self.prompt, None
            data = {
                "event": "chat_session_form_data",
                "form_request_id": prompt,
                "form_name": "",
                "data": {"text": text},
            }
            self.post(data)
        else:
            status = self.post({"event": "chat_session_message", "msg": text, "msg_id": self.new_id()})
            if status != 200:
                self.not_sent(text)

    def not_sent(self, text):
        self.tell(failed=text)

    def send_file(self, path):
        content, name = self.content(Path(path)), Path(path).name.replace('"', "%22")
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        line = http.client.HTTPConnection(self.base.hostname, self.base.port, timeout=30)
        headers = self.headers() | {"Content-Type": f"multipart/form-data; boundary={mark}"}
        query = urllib.parse.urlencode({"tenantUrl": self.tenant})
        line.request(
            "POST", f"/clientweb/api/v2/files?{query}", head.encode() + content + f"\r\n--{mark}--".encode(), headers
        )
        self.announce(json.loads(line.getresponse().read())["file_id"], Path(path).name)

    def content(self, path):
        return path.read_bytes()

    def announce(self, file_id, name):
        event = {"event": "chat_session_file", "file_id": file_id, "file_type": "attachment", "file_name": name}
        self.post({**event, "msg_id": self.new_id()})

    # --- orders

    def say(self, text):
        self.texts.put(text)

    def end(self):
        self.post({"event": "chat_session_end"})

    def disconnect(self):
        self.post({"event": "chat_session_disconnect"})

    def type(self):
        self.post({"event": "chat_session_typing"})
        threading.Timer(2, self.stop_typing).start()

    def stop_typing(self):
        self.post({"event": "chat_session_not_typing"})

    def answer_form(self, form, data):
        if form not in self.answered:
            self.answered.add(form)
            name = {
                "event": "chat_session_form_data",
                "form_request_id": form,
                "form_name": "survey_form",
                "data": data,
            }
            self.post(name)

    def background(self):
        """Polls on: the poll in flight would be lost."""

    def to_foreground(self):
        """Still polling."""

    def order(self, order):
        match order.get("do"):
            case "start":
                self.start()
            case "say":
                self.say(order["text"])
            case "send_file":
                self.send_file(order["path"])
            case "end":
                self.end()
            case "disconnect":
                self.disconnect()
            case "typing":
                self.type()
            case "stop_typing":
                self.stop_typing()
            case "answer_form":
                self.answer_form(order["form"], order["data"])
            case "background":
                self.background()
            case "foreground":
                self.to_foreground()


STATE = Path("state.json")
"""Where a client may keep what it must remember: its working directory is its own."""


def main(make):
    client = make()
    for name, _, value in (word.partition("=") for word in sys.argv[1:] if "=" in word):
        setattr(client, name, float(value))
    client.tell(reports=["shown", "failed", "over"])
    for line in sys.stdin:
        client.order(json.loads(line))


if __name__ == "__main__":
    main(Client)

"""A client of one loop that looks every 100 ms at what is due: requests, futures, deadlines."""

import concurrent.futures
import json
import os
import queue
import sys
import threading
import time

import requests

ARGS = dict(a.split("=", 1) for a in sys.argv[1:])
PAUSE = float(ARGS.get("pause", 0))
FAULT = ARGS.get("fault", "")
FIRST, CAP = (float(x) for x in ARGS.get("backoff", "1-15").split("-"))
HOLD = float(ARGS.get("timeout", 40))
CONFIGURATION = ("1000", "2000", "2001", "2002", "2003", "2004", "3000", "5006")
REREAD = ARGS.get("reread") == "yes"  # history at each reconnect: also after an empty poll that took long

env = os.environ
folder = "ticks"
os.makedirs(folder, exist_ok=True)


def read(name, default):
    try:
        with open(f"{folder}/{name}") as f:
            return json.load(f)
    except (OSError, ValueError):
        return default


def write(name, value):
    with open(f"{folder}/{name}~", "w") as f:
        json.dump(value, f)
    os.replace(f"{folder}/{name}~", f"{folder}/{name}")


client_id = read("client", None) or (ARGS.get("id") or env["STATEMACHINE_CLIENT_ID"])
write("client", client_id)
lines = queue.Queue()
pool = concurrent.futures.ThreadPoolExecutor(6)
BASE = env["STATEMACHINE_URL"].rstrip("/") + "/clientweb/api/v2/"
http = requests.Session()
http.headers = {
    "Authorization": f'MOBILE-API-140-327-PLAIN appId="{env["STATEMACHINE_APP_ID"]}", clientId="{client_id}"',
    "User-Agent": "MobileClient",
    "Cache-Control": "no-cache",
}


class Answer:
    def __init__(self, status=0, data=None, code=""):
        self.status, self.data, self.code = status, data, code
        self.ok = data is not None
        self.gone = code == "5005" or (status == 404 and code == "")
        self.refused = status in (401, 403) or code in CONFIGURATION
        self.unclear = not self.ok and (status == 0 or status >= 500 or status == 200)
        self.busy = status in (408, 429) or code == "5509"


def fetch(method, path, timeout=12.0, **more):
    params = {"tenantUrl": env["STATEMACHINE_TENANT"], "nonce": str(time.time_ns())}
    try:
        r = http.request(method, BASE + path, params=params, timeout=timeout, allow_redirects=False, **more)
    except requests.RequestException:
        return Answer()  # it may have arrived
    try:
        data = r.json() if r.content.strip() else {}
    except ValueError:
        return Answer(r.status_code)
    code = str(data.get("error_code", "")) if isinstance(data, dict) else ""
    if code == "5511":
        return Answer(200, {})
    if r.status_code >= 300 or code or not isinstance(data, dict):
        return Answer(r.status_code, None, code)
    return Answer(200, data)


def tell(**line):
    print(json.dumps(line), flush=True)


def answer(form, name, data):
    return {"event": "chat_session_form_data", "form_request_id": form, "form_name": name, "data": data}


class Chat:
    """All state; each field is a future in flight, or the time at which the next one is due."""

    def __init__(self):
        self.wanted = False
        self.id = read("chat", None)
        self.known = set(read("known", []))
        self.items = read("items", [])
        self.creating = self.reading = self.polling = self.posting = None
        self.create_at = self.poll_at = self.post_at = 0.0
        self.create_tries = self.errors = self.total = 0
        self.need_history = self.id is not None
        self.pause = False
        self.forms, self.prompt = {}, None
        self.typing_until = None

    def store(self):
        write("chat", self.id)
        write("known", sorted(self.known))
        write("items", self.items)

    # every 100 ms

    def tick(self, now):
        self.look(now)
        if self.typing_until and now >= self.typing_until:
            self.typing_until = None
            if FAULT != "F32":
                self.aside({"event": "chat_session_not_typing"})
        if not self.wanted:
            return
        if self.id is None:
            if self.creating is None and now >= self.create_at:
                self.creating = pool.submit(fetch, "POST", "chats", json={"parameters": {}})
            return
        idle = self.polling is None and self.reading is None
        if idle and now >= self.poll_at and not self.pause:
            if self.need_history:
                self.reading = pool.submit(fetch, "GET", f"chats/{self.id}/history")
            else:
                self.began = now
                self.polling = pool.submit(fetch, "GET", f"chats/{self.id}/events", timeout=HOLD)
        if self.posting is None and self.items and now >= self.post_at and not (self.need_history or self.reading):
            item = self.items[0]
            if item["state"] == "doubt":
                self.posting = ("look", pool.submit(fetch, "GET", f"chats/{self.id}/history"))
            else:
                item["state"] = "doubt" if item["kind"] == "text" else "sent"
                self.store()
                body = {"events": item["events"]}
                self.posting = ("post", pool.submit(fetch, "POST", f"chats/{self.id}/events", json=body))

    def look(self, now):
        for name, react in (("creating", self.created), ("reading", self.was_read), ("polling", self.polled)):
            future = getattr(self, name)
            if future is not None and future.done():
                setattr(self, name, None)
                react(future.result(), now)
        if self.posting is not None and self.posting[1].done():
            kind, future = self.posting
            self.posting = None
            self.posted(kind, future.result(), now)

    def created(self, a, now):
        if a.ok and a.data.get("chat_id"):
            self.id = a.data["chat_id"]
            self.create_tries = 0
            self.need_history = str(a.data.get("is_new_chat")).lower() == "false"
            if not self.need_history:
                self.known.clear()
            self.store()
            return
        self.create_tries += 1
        if a.refused or (400 <= a.status < 500 and not a.busy) or self.create_tries > 4:
            self.finish("no chat: " + (a.code or str(a.status)))
        else:
            self.create_at = now + min(CAP, FIRST * 2 ** (self.create_tries - 1))

    def was_read(self, a, now):
        if self.id is None:
            return
        if a.ok:
            self.need_history = False
            self.fold(a.data, live=False)
        elif a.gone and not self.items_sent():
            self.need_history = False
            self.id = None
            self.store()  # ended while this program was away: a new chat
        elif a.gone or a.refused:
            self.finish("the chat is gone")
        else:
            self.failed(now)

    def items_sent(self):
        return self.total > 0

    def failed(self, now):
        self.errors += 1
        self.total += 1
        if FAULT == "F20" and self.total > 4:
            self.finish("too many errors")
            return
        self.poll_at = now + min(CAP, FIRST * 2 ** (self.errors - 1))

    def polled(self, a, now):
        if self.id is None:
            return
        self.total += 1 if FAULT != "F20" else 0
        if a.ok:
            self.errors = 0
            fast = now - self.began < 0.4
            self.fold(a.data, live=True)
            self.poll_at = now + (PAUSE or (0.7 if fast else 0))
            if REREAD and not fast and not a.data.get("events"):
                self.need_history = self.id is not None
        elif a.gone:
            self.finish("the chat is gone")
        elif a.refused:
            self.finish("refused")
        else:
            self.need_history = not a.busy
            self.failed(now)

    def fold(self, data, live):
        events = data.get("events")
        events = events if isinstance(events, list) else []
        if FAULT == "F38" and live:
            messages = [e for e in events if isinstance(e, dict) and e.get("event") == "chat_session_message"]
            events = [e for e in events if e not in messages] + messages[-1:]
        for e in events:
            if isinstance(e, dict) and self.id is not None:
                self.one(e, live)
        if self.id is not None:
            self.store()

    def one(self, e, live):
        name = str(e.get("event"))
        if name in ("chat_session_ended", "chat_session_inactivity_timeout", "chat_session_inactvity_timeout"):
            self.finish(name)
        elif name == "chat_session_status":
            if e.get("state") in ("failed", "completed"):
                self.finish(e["state"])
        elif name == "chat_session_form_show":
            if live and e.get("form_name", "") == "":
                self.prompt = str(e.get("form_request_id"))
            elif live:
                self.forms[str(e.get("form_request_id"))] = e["form_name"]
        elif name == "chat_session_message":
            own = str(e.get("party_id") or "").lower() == str(self.id).lower()
            key = json.dumps([own, e["msg_id"]]) if e.get("msg_id") else json.dumps(e, sort_keys=True)
            if key in self.known and not (FAULT == "F16" and not live):
                return
            self.known.add(key)
            if not own:
                tell(shown=e.get("msg_text") or e.get("msg") or "", by="agent")
            if live and not own and e.get("party_id") and e.get("msg_id"):
                self.aside({"event": "chat_session_message_delivered", "ref_msg_id": e["msg_id"]})

    def aside(self, event):
        if self.id is not None:
            pool.submit(fetch, "POST", f"chats/{self.id}/events", json={"events": [event]})

    def posted(self, kind, a, now):
        if not self.items:
            return
        item = self.items[0]
        if kind == "look":
            if a.ok:
                self.fold(a.data, live=False)
                ids = [e.get("msg_id") for e in a.data.get("events") or [] if isinstance(e, dict)]
                if self.items and item is self.items[0]:
                    if item["events"][0].get("msg_id") in ids:
                        self.items.pop(0)
                    else:
                        item["state"] = "new"
                    self.store()
            else:
                self.post_at = now + 5
            return
        if a.ok:
            self.items.pop(0)
        elif item["kind"] != "text":
            if a.unclear and item["tries"] < 3:
                item["tries"] += 1
                item["state"] = "new"
                self.post_at = now + 4
            else:
                self.items.pop(0)
        elif FAULT == "F12" and a.unclear:
            item["state"] = "new"
            item["events"][0]["msg_id"] = os.urandom(8).hex()
            self.post_at = now + 4
        else:
            item["tries"] += 1
            if a.busy or (a.gone and item["tries"] < 4):
                item["state"] = "new"
                self.post_at = now + 3 * item["tries"]
            elif a.unclear and item["tries"] < 8:
                self.post_at = now + 8
            else:
                self.items.pop(0)
                tell(failed=item["text"])
        self.store()

    def finish(self, why):
        items, self.items = self.items, []
        self.id, self.wanted = None, False
        self.create_tries = self.errors = 0
        self.need_history = False
        self.prompt = None
        self.store()
        for i in items:
            if i["kind"] == "text" and FAULT != "F14":
                tell(failed=i["text"])
        tell(over=why)

    # orders

    def add(self, kind, *events, text=""):
        self.items.append({"kind": kind, "text": text, "state": "new", "tries": 0, "events": list(events)})
        self.store()

    def order(self, o, now):
        do = o.get("do")
        if do == "start":
            self.wanted = True
        elif do == "say":
            self.wanted = True
            if self.prompt:
                form, self.prompt = self.prompt, None
                self.add("form", answer(form, "", {"text": o["text"]}))
                return
            tell(shown=o["text"], by="me")
            event = {"event": "chat_session_message", "msg": o["text"], "msg_id": os.urandom(8).hex()}
            self.add("text", event, text=o["text"])
        elif do == "end" and self.id:
            self.add("end", {"event": "chat_session_end"})
        elif do == "typing":
            self.aside({"event": "chat_session_typing"})
            self.typing_until = now + 6
        elif do == "answer_form" and str(o["form"]) in self.forms:
            self.add("form", answer(str(o["form"]), self.forms.pop(str(o["form"])), o["data"]))
        elif do == "background":
            self.pause = True
        elif do == "foreground" and self.pause:
            self.pause = False
            self.need_history = self.id is not None


threading.Thread(target=lambda: [lines.put(line) for line in sys.stdin] + [lines.put(None)], daemon=True).start()
tell(reports=["shown", "failed", "over"])
chat = Chat()
while True:
    now = time.monotonic()
    while True:
        try:
            line = lines.get_nowait()
        except queue.Empty:
            break
        if line is None:
            os._exit(0)
        chat.order(json.loads(line), now)
    chat.tick(now)
    time.sleep(0.1)

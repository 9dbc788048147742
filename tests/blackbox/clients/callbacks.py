"""A client of callbacks: one loop with timers, each request calls back with (error, data), as in a web page."""

import argparse
import concurrent.futures
import heapq
import html
import itertools
import json
import os
import queue
import re
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

a = argparse.ArgumentParser()
a.add_argument("--pause", type=float, default=0)
a.add_argument("--own-id", action="store_true")
a.add_argument("--active-first", action="store_true")  # looks for an active chat before it creates one
a.add_argument("--initial", action="store_true")  # the first text goes with the creation
a.add_argument("--long", action="store_true")  # poll timeout of 60 s
a.add_argument("--reports", default="shown,failed,over")
a.add_argument("--steps", default="1,2,4,8")
a.add_argument("--fault", default="")
opt = a.parse_args()
fault = opt.fault
steps = [float(s) for s in opt.steps.split(",")]
wanted = [r for r in opt.reports.split(",") if r]

happenings = queue.Queue()
timers = []
counter = itertools.count()
pool = concurrent.futures.ThreadPoolExecutor(8)


def later(seconds, fn):
    heapq.heappush(timers, (time.monotonic() + seconds, next(counter), fn))


def tell(kind, **line):
    if kind in wanted:
        print(json.dumps({kind: line.pop("text"), **line}), flush=True)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None


opener = urllib.request.build_opener(NoRedirect)
s = {"client": None, "chat": None, "keys": [], "queue": []}


def persist():
    with open("cb.tmp", "w") as f:
        json.dump(s, f)
    os.replace("cb.tmp", "cb.json")


def blocking(method, path, body, timeout):
    query = urllib.parse.urlencode({"tenantUrl": os.environ["STATEMACHINE_TENANT"], "nonce": uuid.uuid4().hex})
    url = f"{os.environ['STATEMACHINE_URL'].rstrip('/')}/clientweb/api/v2/{path}?{query}"
    data = None if body is None else json.dumps(body).encode()
    r = urllib.request.Request(url, data=data, method=method)
    app = os.environ["STATEMACHINE_APP_ID"]
    r.add_header("Authorization", f'MOBILE-API-140-327-PLAIN appId="{app}", clientId="{s["client"]}"')
    r.add_header("User-Agent", "MobileClient")
    r.add_header("Cache-Control", "no-cache")
    if data is not None:
        r.add_header("Content-Type", "application/json; charset=utf-8")
    try:
        with opener.open(r, timeout=timeout) as reply:
            status, text = reply.status, reply.read()
    except urllib.error.HTTPError as e:
        status = e.code
        try:
            text = e.read()
        except Exception:
            text = b""
    except urllib.error.URLError as e:
        kind = "unsent" if isinstance(e.reason, ConnectionRefusedError) else "lost"
        return {"kind": kind, "status": 0, "code": ""}, None
    except Exception:
        return {"kind": "lost", "status": 0, "code": ""}, None
    try:
        value = json.loads(text) if text.strip() else {}
        code = str(value.get("error_code", ""))
    except (ValueError, AttributeError):
        if status == 200:
            if fault == "F24":
                raise SystemExit from None  # nothing catches it, and no callback follows
            return {"kind": "lost", "status": 200, "code": ""}, None
        value, code = {}, ""
    if fault == "F10" and status == 200 and method == "GET" and not text.strip():
        return {"kind": "http", "status": 500, "code": "empty"}, None
    if code == "5511" and fault != "F10":
        return None, {}
    if status >= 300 or code:
        return {"kind": "http", "status": status, "code": code}, None
    return None, value


def request(method, path, body, timeout, back):
    def work():
        try:
            result = blocking(method, path, body, timeout)
        except SystemExit:
            return  # nobody hears of it
        happenings.put(lambda: back(*result))

    pool.submit(work)


def is_gone(e):
    return e["code"] == "5005" or (e["status"] == 404 and e["code"] == "")


def is_fatal(e):
    return e["status"] in (401, 403) or e["code"] in ("1000", "2000", "2001", "2002", "2003", "2004", "3000", "5006")


class Page:
    def __init__(self):
        self.phase = "idle"
        self.failures = 0
        self.hidden = False
        self.resync = False
        self.busy = False
        self.waiting = False
        self.sent_end = False
        self.tried = 0
        self.began = 0.0
        self.end_wanted = False

    # opening

    def start(self):
        if self.phase in ("opening", "open"):
            return
        self.phase = "opening"
        self.tried = 0
        self.sent_end = self.end_wanted = False
        self.began = time.monotonic()
        if s["chat"]:
            self.history(self.after_stored_history)
        elif opt.active_first:
            request("GET", "chats/active", None, 15, self.active)
        else:
            self.create()

    def active(self, error, data):
        if error is None and data.get("chat_id"):
            self.opened(data, False)
        else:
            self.create()

    def after_stored_history(self, error):
        if self.phase == "over":
            return
        if error and is_gone(error):
            s["chat"] = None
            self.create()
        else:
            self.phase = "open"
            self.poll()
            self.pump()

    def create(self):
        body = {"parameters": {"first_name": "Ann"}}
        initial = None
        if opt.initial and s["queue"] and not s["queue"][0].get("initial"):
            initial = s["queue"][0]
            message = {"event": "chat_session_message", "msg": initial["text"], "msg_id": initial["id"]}
            body["initial_message"] = message
        request("POST", "chats", body, 15, lambda e, d: self.created(e, d, initial))

    def created(self, error, data, initial):
        if error is None and data.get("chat_id"):
            new = str(data.get("is_new_chat")).lower() == "true"
            if initial and new:
                s["queue"].remove(initial)
            self.opened(data, new)
            return
        error = error or {"kind": "lost", "status": 200, "code": ""}
        temporary = error["kind"] != "http" or error["status"] >= 500 or error["status"] in (408, 429)
        if not temporary or is_fatal(error) or time.monotonic() - self.began > 25:
            self.over("the chat could not be opened")
            return
        later(steps[min(self.tried, len(steps) - 1)], self.create)
        self.tried += 1

    def opened(self, data, new):
        s["chat"] = data["chat_id"]
        if new:
            s["keys"] = []
        persist()
        if new:
            self.phase = "open"
            self.poll()
            self.pump()
        else:
            self.history(self.after_stored_history)

    # reading

    def history(self, back):
        def got(error, data):
            if error is None:
                self.fold(data, False)
            back(error)

        request("GET", f"chats/{s['chat']}/history", None, 15, got)

    def poll(self):
        if self.phase != "open":
            return
        if self.hidden:
            self.resync = True
            self.waiting = True
            return
        self.waiting = False
        if self.resync:
            self.resync = False
            self.history(lambda e: self.poll_now() if self.phase == "open" else None)
        else:
            self.poll_now()

    def poll_now(self):
        began = time.monotonic()
        timeout = 60 if opt.long else 25
        request("GET", f"chats/{s['chat']}/events", None, timeout, lambda e, d: self.polled(e, d, began))

    def polled(self, error, data, began):
        if self.phase != "open":
            return
        if error is None:
            self.failures = 0
            self.fold(data, True)
            if self.phase != "open":  # else this timer would poll beside the next chat's
                return
            quick = 0.5 if time.monotonic() - began < 0.2 else 0
            later(opt.pause or quick, self.poll)
        elif is_gone(error):
            self.over("gone")
        elif is_fatal(error):
            self.over("refused")
        else:
            if fault == "F10" and error["code"] in ("empty", "5511"):
                self.over("the server sent no data")
                return
            self.resync = error["code"] != "5509"
            later(steps[min(self.failures, len(steps) - 1)], self.poll)
            self.failures += 1

    def fold(self, data, live):
        events = data.get("events") if isinstance(data, dict) else None
        for e in events if isinstance(events, list) else ():
            if isinstance(e, dict):
                self.event(e, live)
        persist()

    def event(self, e, live):
        name = e.get("event")
        if name in ("chat_session_ended", "chat_session_inactivity_timeout", "chat_session_inactvity_timeout"):
            self.over(name)
        elif name == "chat_session_status" and e.get("state") in ("failed", "completed"):
            self.over(e["state"])
        elif name == "chat_session_message":
            own = str(e.get("party_id", "")).lower() == str(s["chat"]).lower()
            if fault == "F18":
                t = str(e.get("timestamp", ""))[:10]
                if t.isdigit() and int(t) <= s.get("latest", 0):
                    return
                s["latest"] = int(t) if t.isdigit() else s.get("latest", 0)
            key = f"{own}:{e['msg_id']}" if e.get("msg_id") else json.dumps(e, sort_keys=True)
            if key in s["keys"]:
                return
            s["keys"].append(key)
            if own:
                return
            tell("shown", text=e.get("msg_text") or plain(str(e.get("msg", ""))), by="agent")
            if live and self.phase == "open" and e.get("msg_id") and e.get("party_id"):
                self.post_blindly({"event": "chat_session_message_delivered", "ref_msg_id": e["msg_id"]})

    # sending

    def say(self, text):
        s["queue"].append({"id": str(uuid.uuid4()), "text": text})
        persist()
        if self.phase in ("idle", "over"):
            self.start()
        self.pump()

    def end(self):
        self.end_wanted = True
        self.pump()

    def pump(self):
        if self.phase != "open" or self.busy:
            return
        if s["queue"]:
            if fault == "F19":
                for m in s["queue"][1:]:
                    self.post_blindly({"event": "chat_session_message", "msg": m["text"], "msg_id": m["id"]})
                del s["queue"][1:]
            self.busy = True
            item = s["queue"][0]
            if item.get("doubt"):
                self.check(item)
            else:
                self.post(item)
        elif self.end_wanted and not self.sent_end:
            self.sent_end = True
            events = [{"event": "chat_session_end"}]
            if fault == "F30":
                events.insert(0, {"event": "chat_session_disconnect"})
            request("POST", f"chats/{s['chat']}/events", {"events": events}, 15, self.end_posted)

    def post_blindly(self, event):
        request("POST", f"chats/{s['chat']}/events", {"events": [event]}, 15, lambda *_: None)

    def end_posted(self, error, data):
        if error and self.phase == "open" and error["status"] != 404:
            self.sent_end = False
            later(3, self.pump)

    def post(self, item):
        item["doubt"] = True
        persist()
        body = {"events": [{"event": "chat_session_message", "msg": item["text"], "msg_id": item["id"]}]}
        if fault == "F12":
            request("POST", f"chats/{s['chat']}/events", body, 3, lambda e, d: self.once_more(e, d, item, body))
        else:
            request("POST", f"chats/{s['chat']}/events", body, 15, lambda e, d: self.posted(e, d, item))

    def once_more(self, error, data, item, body):
        if error:
            request("POST", f"chats/{s['chat']}/events", body, 15, lambda e, d: self.posted(e, d, item))
        else:
            self.posted(error, data, item)

    def posted(self, error, data, item):
        if self.phase != "open" or item not in s["queue"]:
            self.busy = False
            return
        if error is None:
            self.done(item, True)
        elif error["kind"] == "unsent":
            item["doubt"] = False
            later(2, self.retry)
        elif error["kind"] == "lost" or error["status"] >= 500:
            later(6, self.retry)
        elif error["status"] in (408, 429) or is_gone(error):
            item["doubt"] = error["status"] == 408
            item["denied"] = item.get("denied", 0) + 1
            if item["denied"] > 4:
                self.done(item, False)
            else:
                later(5, self.retry)
        else:
            self.done(item, False)

    def retry(self):
        self.busy = False
        self.pump()

    def check(self, item):
        def got(error, data):
            if self.phase != "open" or item not in s["queue"]:
                self.busy = False
            elif error:
                later(4, self.retry)
            else:
                self.fold(data, False)
                if any(isinstance(e, dict) and e.get("msg_id") == item["id"] for e in data.get("events") or []):
                    self.done(item, True)
                elif item.get("resent", 0) > 3:
                    self.done(item, False)
                else:
                    item["resent"] = item.get("resent", 0) + 1
                    if self.phase == "open":
                        self.post(item)

        request("GET", f"chats/{s['chat']}/history", None, 15, got)

    def done(self, item, good):
        self.busy = False
        if item in s["queue"]:
            s["queue"].remove(item)
        persist()
        if not good:
            tell("failed", text=item["text"])
        self.pump()

    def over(self, why):
        if self.phase == "over":
            return
        self.phase = "over"
        self.busy = False
        s["chat"] = None
        for item in s["queue"]:
            tell("failed", text=item["text"])
        s["queue"] = []
        persist()
        tell("over", text=why)


def plain(markup):
    return html.unescape(re.sub(r"</?(?:b|i|u|a|p|div|span|ul|ol|li|img|br|strong|em)\b[^>]*>", "", markup))


page = Page()
try:
    with open("cb.json") as f:
        s.update(json.load(f))
except (OSError, ValueError):
    pass
if not s["client"]:
    s["client"] = f"page-{uuid.uuid4()}" if opt.own_id else os.environ["STATEMACHINE_CLIENT_ID"]
persist()
if wanted:
    print(json.dumps({"reports": wanted}), flush=True)


def order(line):
    try:
        o = json.loads(line)
    except ValueError:
        return
    if o.get("do") == "start":
        page.start()
    elif o.get("do") == "say":
        page.say(o["text"])
    elif o.get("do") == "end":
        page.end()
    elif o.get("do") == "background":
        page.hidden = True
    elif o.get("do") == "foreground" and page.hidden:
        page.hidden = False
        if page.waiting:
            page.poll()


def read_orders():
    for line in sys.stdin:
        happenings.put(lambda line=line: order(line))
    happenings.put(None)


threading.Thread(target=read_orders, daemon=True).start()
while True:
    wait = max(0.0, timers[0][0] - time.monotonic()) if timers else None
    try:
        happening = happenings.get(timeout=wait)
    except queue.Empty:
        heapq.heappop(timers)[2]()
        continue
    if happening is None:
        os._exit(0)
    happening()

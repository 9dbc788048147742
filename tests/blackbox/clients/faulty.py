"""Clients that each do one thing wrong, as somebody in the field did it: `python faulty.py NAME`.

Each says in its first line what it is of protocol.md section 8.
"""

from __future__ import annotations

import enum
import http.client
import json
import os
import sys
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from naive import STATE, Client, main

LINE = (OSError, http.client.HTTPException)


class OnlyEnded(Client):
    """F1: a chat ends with chat_session_ended, and with nothing else."""

    def is_end(self, event):
        return event.get("event") == "chat_session_ended"


class PollsTheDead(Client):
    """F1: whatever comes, it polls on."""

    def poll_forever(self, chat):
        while True:
            try:
                status, reply = self.call("GET", f"chats/{chat}/events", timeout=self.poll_timeout)
                self.take(reply)
                time.sleep(0 if status == 200 else 3)
            except LINE:
                time.sleep(3)


class EndsUnseen(Client):
    """F2: the loop stops, the screen stays."""

    def ended(self, why):
        self.over = True


class AtOnce(Client):
    """F3: after a failure, the same again, at once."""

    def poll_forever(self, chat):
        while not self.over:
            try:
                status, reply = self.call("GET", f"chats/{chat}/events", timeout=self.poll_timeout)
                if status == 404:
                    return
                if status == 200:
                    self.take(reply)
            except LINE:
                pass


class DiesOfAPage(Client):
    """F24: a body is JSON, whatever the status; one exception, and the thread is gone."""

    def parse(self, raw):
        return json.loads(raw) if raw else {}


class DiesOfABreak(Client):
    """F5: one broken connection, and the thread is gone."""

    def poll_forever(self, chat):
        try:
            super().poll_forever(chat)
        except SystemExit:
            return

    def call(self, method, path, body=None, timeout=10):
        try:
            return super().call(method, path, body, timeout)
        except LINE:
            raise SystemExit from None


class _Careless(Client):
    """An exception in a batch is caught around the batch."""

    def take(self, reply):
        try:
            super().take(reply)
        except Exception as error:
            print("poll failed", type(error).__name__, file=sys.stderr)


class NeedsWaitingTime(_Careless):
    """F6: the waiting time is a number, always."""

    def handle(self, event):
        if event.get("event") == "chat_session_status":
            self.waiting = int(event["ewt"]) if event.get("state") == "queued" else 0
        super().handle(event)


class NeedsTimes(_Careless):
    """F7: a timestamp is a string of seconds."""

    def handle(self, event):
        if event.get("event") == "chat_session_message":
            self.at = datetime.fromtimestamp(int(event["timestamp"]), UTC)
        super().handle(event)


class State(enum.Enum):
    ivr = "ivr"
    queued = "queued"
    connecting = "connecting"
    connected = "connected"
    failed = "failed"
    completed = "completed"


class ClosedEnum(_Careless):
    """F8: there are six states, and three types of parties."""

    def handle(self, event):
        if event.get("event") == "chat_session_status":
            self.state = State(event["state"])
        if event.get("event") == "chat_session_party_joined" and event["type"] not in (
            "internal",
            "scenario",
            "external",
        ):
            raise ValueError(event["type"])
        super().handle(event)


class AllOrNothing(_Careless):
    """F9: the batch is decoded as a whole."""

    KNOWN = ("message", "status", "party_joined", "party_left", "ended", "typing", "not_typing", "form_show")

    def take(self, reply):
        events = reply.get("events", [])
        try:
            for event in events:
                if event["event"].removeprefix("chat_session_") not in self.KNOWN:
                    raise ValueError(event["event"])
        except Exception:
            return
        super().take(reply)


class EmptyIsBroken(Client):
    """F10: an answer without a body is an error, and the loop dies of it."""

    def parse(self, raw):
        found = json.loads(raw)
        return found


class CountsAnew(Client):
    """F11: message numbers begin at 1 in each life."""

    number = -1

    def new_id(self):
        self.number += 2
        return str(self.number)


class NullId(Client):
    """F11: the id of a message is the word null."""

    def new_id(self):
        return "null"


class PostsAgain(Client):
    """F12: a post without an answer is posted again, by the library, with a smile."""

    def post(self, event):
        for _ in range(2):
            status = super().post(event)
            if 0 < status < 500:
                return status
        return 0


class PostsAnew(Client):
    """F12: a text without an answer is a new text, half a minute later."""

    def deliver(self, text):
        event = {"event": "chat_session_message", "msg": text, "msg_id": self.new_id()}
        if not 0 < self.post(event) < 500:
            threading.Timer(20, self.deliver, [text]).start()


class Optimist(Client):
    """F13: what is written is shown as sent."""

    def not_sent(self, text):
        """The screen shows it already."""


class LosesTheLast(Client):
    """F14: a text is tried until the chat is over, and then forgotten."""

    def deliver(self, text):
        event = {"event": "chat_session_message", "msg": text, "msg_id": self.new_id()}
        while not self.over and self.post(event) in (0, 503):
            time.sleep(1)


class ReceiptsItself(Client):
    """F15: every message gets its receipt, one's own too."""

    def message(self, event):
        if event.get("msg_id"):
            self.receipt(str(event["msg_id"]))


class LivesInThePast(Client):
    """F16: the history is played through the handler of live events."""

    def resumed(self):
        self.take(self.call("GET", f"chats/{self.chat}/history")[1])


class NewerOnly(Client):
    """F18: new is what is later than the latest."""

    latest = 0

    def message(self, event):
        at = int(event.get("timestamp") or 0)
        if at > self.latest:
            self.latest = at
            super().message(event)


class PoolOfSenders(Client):
    """F19: each text is sent by a thread of its own, the long ones later."""

    number = 0

    def deliver(self, text):
        self.number += 1
        delay = 0.6 - 0.1 * (self.number % 6)
        threading.Timer(delay, super().deliver, [text]).start()


class FiveErrors(Client):
    """F20: after five errors in all the chat is dead."""

    errors = 0

    def call(self, method, path, body=None, timeout=10):
        status, reply = super().call(method, path, body, timeout)
        if status >= 500:
            self.errors += 1
            self.over = self.over or self.errors >= 5
        return status, reply


class Impatient(Client):
    """F21: polls are given up after thirteen seconds."""

    poll_timeout = 13
    pause = 0.1


class TwoPollers(Client):
    """F22: coming back starts polling; that it never stopped is forgotten."""

    def to_foreground(self):
        threading.Thread(target=self.poll_forever, args=[self.chat], daemon=True).start()


class ByTheClock(Client):
    """F23: a poll every second, whatever became of the last."""

    def poll_forever(self, chat):
        while not self.over:
            threading.Thread(target=self.poll_once, args=[chat], daemon=True).start()
            time.sleep(1)

    def poll_once(self, chat):
        try:
            status, reply = self.call("GET", f"chats/{chat}/events", timeout=self.poll_timeout)
        except LINE:
            return
        if status == 404:
            self.over = True
        elif status == 200:
            self.take(reply)


class ErrorIsData(Client):
    """F24: every answer is an answer."""

    def open(self):
        reply = self.call("POST", "chats", {"parameters": {}})[1]
        self.chat = str(reply.get("chat_id")).replace("None", "undefined")
        self.poll_forever(self.chat)


class AsksAgain(Client):
    """F26: only connected is live; before that, a start starts."""

    def start(self):
        threading.Thread(target=self.open if self.chat is None else self.ask, daemon=True).start()

    def ask(self):
        self.poll_forever(self.call("POST", "chats", {"parameters": {}})[1]["chat_id"])


class NeverRefused(Client):
    """F27: a refusal is a reason to try again."""

    def open(self):
        while True:
            status, reply = self.call("POST", "chats", {"parameters": {}})
            if status == 200:
                break
            time.sleep(0.5)
        self.chat = reply["chat_id"]
        self.poll_forever(self.chat)


class ForgetsTheFirst(Client):
    """F28: a text for a chat that is not there yet is gone."""

    def say(self, text):
        if self.chat is not None:
            super().say(text)


class NobodyHears(Client):
    """F28: why no chat was opened stands nowhere."""

    def not_opened(self):
        """Perhaps the next time."""


class NewEachTime(Client):
    """F29: who it is, it makes up."""

    def identity(self):
        first = not STATE.exists()
        STATE.write_text("{}")
        return super().identity() if first else str(uuid.uuid4())


class NoName(Client):
    """F29: the setting was empty."""

    def identity(self):
        return ""


class EndsTwice(Client):
    """F30: to be sure."""

    def end(self):
        self.disconnect()
        super().end()


class AnswersTwice(Client):
    """F31: the answer of the form, and as a message."""

    def deliver(self, text):
        prompt = self.prompt
        super().deliver(text)
        if prompt is not None:
            self.post({"event": "chat_session_message", "msg": text, "msg_id": self.new_id()})


class AnswersAgain(Client):
    """F31: a form can be answered as often as one likes."""

    def answer_form(self, form, data):
        self.answered.discard(form)
        super().answer_form(form, data)


class TypesForEver(Client):
    """F32: typing is said, and never taken back."""

    def type(self):
        self.post({"event": "chat_session_typing"})


class NeedsItsRoster(_Careless):
    """F33: who leaves must have come."""

    def __init__(self):
        super().__init__()
        self.roster = {}

    def handle(self, event):
        if event.get("event") == "chat_session_party_joined":
            self.roster[event["party_id"]] = event
        elif event.get("event") == "chat_session_party_left":
            del self.roster[event["party_id"]]
        super().handle(event)


class MineIsYours(Client):
    """F33: the screen knows one side."""

    def show(self, text, is_own):
        super().show(text, False)


class HotLoop(Client):
    """F34: the answer is there, so on with the next."""

    def poll_forever(self, chat):
        while not self.over:
            status, reply = self.call("GET", f"chats/{chat}/events", timeout=self.poll_timeout)
            if status == 404:
                return
            self.take(reply)


class Cached(Client):
    """cache: any cache in between may answer."""

    def headers(self):
        found = super().headers()
        del found["Cache-Control"]
        return found

    def call(self, method, path, body=None, timeout=10):
        ns, time.time_ns = time.time_ns, lambda: ""
        try:
            return super().call(method, path, body, timeout)
        finally:
            time.time_ns = ns


class SharedId(Client):
    """F35: two windows, two names, one variable for the chat."""

    def poll_forever(self, chat):
        mine, self.client_id = self.client_id, "the-other-window"
        self.call("GET", f"chats/{chat}/events")
        self.client_id = mine
        super().poll_forever(chat)


class RawText(Client):
    """F36: what comes is shown."""

    def message(self, event):
        super().message({**event, "msg_text": event.get("msg")})


class ConfirmsTheEnd(Client):
    """F37: the end is confirmed half a second later."""

    def ended(self, why):
        if not self.over:
            time.sleep(0.5)
            self.post({"event": "chat_session_end"})
        super().ended(why)


class WritesToTheDead(Client):
    """F37: what the user writes is sent, whatever has happened."""

    def post(self, event):
        over, self.over = self.over, False
        try:
            return super().post(event)
        finally:
            self.over = over or self.over


class Regroups(Client):
    """F38: the messages of a batch are shown by their text."""

    def take(self, reply):
        events = reply.get("events")
        if isinstance(events, list):
            events = sorted(events, key=lambda one: str(one.get("msg", "")), reverse=True)
        super().take({"events": events})


class EventsAreNoList(Client):
    """5003: one event is sent as it is."""

    def call(self, method, path, body=None, timeout=10):
        if body and "events" in body:
            body = body["events"][0]
        return super().call(method, path, body, timeout)


class HalfAFile(Client):
    """upload: a file has at most four thousand bytes."""

    def content(self, path):
        return super().content(path)[:4_000]


class FileForNobody(Client):
    """upload: with the upload all is done."""

    def announce(self, file_id, name):
        """The server has it."""


class LastOnly(Client):
    """F38: of a batch the last entry is shown."""

    def take(self, reply):
        super().take({"events": reply.get("events", [])[-1:]})


FAULTY = {
    one.__name__: one
    for one in list(vars().values())
    if isinstance(one, type) and issubclass(one, Client) and one is not Client and not one.__name__.startswith("_")
}

if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main(FAULTY[sys.argv[1]])

"""Clients on one event loop that each do one thing wrong: `python eventloop_faulty.py NAME [habit…]`.

The first word of each docstring is the rule that it breaks. Some react at once, some are slow.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from eventloop import Client, main


class PollsOnAfterLoss(Client):
    """F1: a 404 is one error among others; it polls again 13 s later."""

    def end_of_chat(self, why):
        if why != "the chat is gone":
            super().end_of_chat(why)

    async def ask(self, method, path, body=None, within=20):
        status, code, reply, asked = await super().ask(method, path, body, within)
        return status, code, reply, 13.0 if status == 404 else asked


class TimeoutIsNoEnd(Client):
    """F1: the text of the inactivity timeout is shown, and the chat polled on, every five seconds."""

    def is_end(self, event):
        return super().is_end(event) and "inact" not in event["event"]

    async def poll(self, chat):
        await asyncio.sleep(5)
        return await super().poll(chat)


class SilentEnd(Client):
    """F2: the end stops the poll loop, and no more."""

    def tell(self, **report):
        if "over" not in report:
            super().tell(**report)


class EagerRetry(Client):
    """F3: an error is answered with the same call; only a second one in a row is worth a pause."""

    def __init__(self, habits):
        super().__init__(habits)
        habits.backoff = [0.0, 0.0, *habits.backoff]


class EagerOpener(Client):
    """F3: creation is retried until it works."""

    async def create(self):
        while True:
            status, code, reply, _ = await self.ask("POST", "chats", {"parameters": {}})
            if status == 200 and reply.get("chat_id"):
                return reply
            if code == "3000":
                return None


class OneFailureEndsIt(Client):
    """F5: the first poll that fails is the last."""

    async def after_failure(self, chat):
        raise RuntimeError("poll failed")


class ForgetsToPollAfterRestart(Client):
    """F5: a chat that exists is shown from its history; nobody starts the polls."""

    async def open(self):
        reply = await self.create()
        if reply and reply["is_new_chat"] is False:
            self.chat, self.over = reply["chat_id"], False
            await self.resume()
            self.opened.set()
            return
        await super().open()


class StopsInTheBackground(Client):
    """F5: coming back to the foreground is not noticed."""

    def __init__(self, habits):
        super().__init__(habits)
        habits.pauses_in_background = True

    async def to_foreground(self):
        pass


class _Whole(Client):
    """An exception in a batch loses the rest of it, and the loop goes on."""

    async def take(self, chat, reply):
        try:
            return await super().take(chat, reply)
        except Exception as error:
            print(type(error).__name__, file=sys.stderr)
            return True


class WaitsInSeconds(_Whole):
    """F6: the waiting time is added up."""

    wait = 0

    async def handle(self, chat, event):
        if event.get("event") == "chat_session_status":
            self.wait = self.wait + int(event.get("ewt", None))
        await super().handle(chat, event)

    def is_end(self, event):
        if event.get("event") == "chat_session_status" and event.get("state") == "queued":
            len(event["ewt"])
        return super().is_end(event)


class DiesOfADate(Client):
    """F7: a date in milliseconds is no date, and ends the loop."""

    async def handle(self, chat, event):
        if event.get("event") == "chat_session_message" and int(event.get("timestamp", "0")) > 10**11:
            raise OverflowError(event["timestamp"])
        await super().handle(chat, event)


class KnowsItsStates(Client):
    """F8: a table from state to screen; another state is an exception that nobody handles."""

    SCREENS = ("ivr", "queued", "connecting", "connected", "completed", "failed")

    async def handle(self, chat, event):
        if event.get("event") == "chat_session_status":
            self.screen = self.SCREENS.index(event["state"])
        await super().handle(chat, event)

    async def create(self):
        reply = await super().create()
        self.screen = self.SCREENS.index(reply["state"])
        return reply


class KnowsItsEvents(_Whole):
    """F9: events are classes; one that is none loses its batch."""

    def events(self, reply):
        found = super().events(reply)
        for event in found:
            if not isinstance(event.get("event"), str) or event["event"] == "chat_session_weather":
                raise TypeError(event)
        return found


class EmptyIsTheEnd(Client):
    """F10: an answer without events is a broken server: it polls again, but not after the third."""

    empty = 0

    async def take(self, chat, reply):
        self.empty = 0 if reply.get("events") else self.empty + 1
        if self.empty > 1:
            await asyncio.Event().wait()
        return await super().take(chat, reply)


class NoId(Client):
    """F11: the id is optional, is it not?"""

    async def post(self, *events):
        return await super().post(*({k: v for k, v in one.items() if k != "msg_id"} for one in events))


class IdOfTheDay(Client):
    """F11: an id is made from the chat, not from the text."""

    def new_id(self):
        return f"{self.client_id}:1"


class ResendsAnew(Client):
    """F12: a text without an answer is sent again, with a new id, ten seconds later."""

    async def deliver(self, event, text):
        while self.is_current(self.chat):
            status, _, _, _ = await self.post({**event, "msg_id": str(uuid.uuid4())})
            if status == 200:
                return
            await asyncio.sleep(10)


class SaysItWasSent(Client):
    """F13: a refused text is dropped."""

    async def deliver(self, event, text):
        await self.post(event)


class DropsTheQueue(Client):
    """F14: the queue is cleared with the chat, and what is in hand is dropped."""

    def tell(self, **report):
        if "failed" not in report or not self.over:
            super().tell(**report)


class ReadsEverything(Client):
    """F15: a receipt is repeated until the agent must have seen it."""

    async def receipt(self, chat, msg_id):
        for _ in range(2):
            await super().receipt(chat, msg_id)
            await asyncio.sleep(2)


class HistoryIsNews(Client):
    """F16: the log of the chat goes through the handler of new entries, and what is known is not kept."""

    def keep(self):
        pass

    async def resume(self):
        _, _, reply, _ = await self.ask("GET", f"chats/{self.chat}/history")
        for event in self.events(reply):
            await self.handle(self.chat, event)


class KeyedByTime(Client):
    """F18: a message is known by its time and its sender."""

    def show(self, event):
        key = f"{event.get('timestamp')} {event.get('party_id')}"
        if key in self.known:
            return False
        self.known.add(key)
        return super().show(event)


class LatestFirst(Client):
    """F19: what waits is a stack."""

    def __init__(self, habits):
        super().__init__(habits)
        self.queue = asyncio.LifoQueue()

    async def deliver_text(self, text, msg_id):
        await asyncio.sleep(0.4)
        await super().deliver_text(text, msg_id)


class CountsErrors(Client):
    """F20: errors are counted over the whole life."""

    errors = 0

    async def after_failure(self, chat):
        self.errors += 1
        if self.errors > 4:
            self.end_of_chat("too many errors")


class GivesUpEarly(Client):
    """F21: a poll takes at most eight seconds."""

    def __init__(self, habits):
        super().__init__(habits)
        habits.poll_timeout = 8


class WaitsOutTheTimer(Client):
    """F21: a poll is broken off after 13 s; an error waits for the same timer."""

    def __init__(self, habits):
        super().__init__(habits)
        habits.poll_timeout, habits.backoff = 13, [13.0] * 6


class PollsAfterRestartTwice(Client):
    """F22: each way back to the foreground starts a loop."""

    async def to_foreground(self):
        if not self.over:
            self.spawn(self.poll_forever(self.chat))


class Metronome(Client):
    """F23: a poll every three seconds."""

    async def poll_forever(self, chat):
        while self.is_current(chat):
            self.spawn(self.poll_once(chat))
            await asyncio.sleep(3)

    async def poll_once(self, chat):
        status, code, reply, _ = await self.poll(chat)
        if status == 404:
            self.end_of_chat("gone")
        elif status == 200 and not code and self.is_current(chat):
            await self.take(chat, reply)


class ReadsNoStatus(Client):
    """F24: whatever comes is an answer."""

    async def create(self):
        _, _, reply, _ = await self.ask("POST", "chats", {"parameters": {}})
        return {"chat_id": reply.get("chat_id", "null")}


class PageIsJson(Client):
    """F24: the body is parsed before the status is seen."""

    def parse(self, content):
        return json.loads(content) if content else {}

    async def ask(self, method, path, body=None, within=20):
        try:
            status, _, content = await self.call(method, path, body, within=within)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            return 0, "", {}, 0.0
        reply = self.parse(content)
        return status, str(reply.get("error_code", "")), reply, 0.0


class OpensTwice(Client):
    """F26: a chat that is not connected yet is no chat: it is opened, and polled, once more."""

    async def start(self):
        self.opening = self.spawn(self.open())


class CreatesForEver(Client):
    """F27: creation is retried every four seconds, whatever the reason."""

    async def create(self):
        while True:
            status, _, reply, _ = await self.ask("POST", "chats", {"parameters": {}})
            if status == 200:
                return reply
            await asyncio.sleep(4)


class CreatesSlowly(Client):
    """F27: creation is retried every 13 s."""

    async def create(self):
        while True:
            status, _, reply, _ = await self.ask("POST", "chats", {"parameters": {}})
            if status == 200:
                return reply
            await asyncio.sleep(13)


class ClearsTheFirst(Client):
    """F28: an error while opening clears the queue."""

    async def create(self):
        while True:
            status, code, reply, _ = await self.ask("POST", "chats", {"parameters": {}})
            if status == 200:
                return reply
            while not self.queue.empty():
                self.queue.get_nowait()
            if code == "3000":
                return None
            await asyncio.sleep(1)


class FailsUnheard(Client):
    """F28: a chat that cannot be opened is written to a log file."""

    def fail_all(self, why):
        print(why, file=sys.stderr)


class IdOfTheProcess(Client):
    """F29: the client id is the number of the process."""

    def identity(self):
        return f"client-{os.getpid()}"


class LeavesTwice(Client):
    """F30: one event for the conversation, one for the chat."""

    async def end(self):
        await self.post({"event": "chat_session_disconnect"})
        await self.post({"event": "chat_session_end"})


class AnswersTheFormAgain(Client):
    """F31: each answer of the user goes out."""

    async def answer_form(self, request, data):
        if not self.over:
            await self.post(self.answer(request, data))


class NeverStopsTyping(Client):
    """F32: the timer that stops typing is set anew, and never fires."""

    async def stop_typing_later(self):
        await asyncio.sleep(3_600)


class LooksUpItsParty(_Whole):
    """F33: whoever writes has joined."""

    names = None

    async def handle(self, chat, event):
        self.names = self.names or {}
        if event.get("event") == "chat_session_party_joined":
            self.names[event["party_id"]] = event
        elif event.get("event") in ("chat_session_message", "chat_session_party_left", "chat_session_typing"):
            self.names[event["party_id"]]["party_id"].upper()
        await super().handle(chat, event)


class EchoIsTheAgent(Client):
    """F33: all that comes by poll comes from the agent."""

    def tell(self, **report):
        super().tell(**{**report, "by": "agent"} if "shown" in report else report)


class NeverRests(Client):
    """F34: answers that come at once are welcome at once."""

    async def poll_forever(self, chat):
        while self.is_current(chat):
            status, _, reply, _ = await self.poll(chat)
            if status == 200:
                await self.take(chat, reply)
            elif status == 404:
                self.end_of_chat("gone")
            else:
                await asyncio.sleep(2)


class NoCacheNoNonce(Client):
    """cache: polls are the same each time."""

    def __init__(self, habits):
        super().__init__(habits)
        habits.no_cache, habits.nonce = False, "no"


class TwoUsersOneField(Client):
    """F35: the chat id is a global; a second user of the same process reads it."""

    async def poll(self, chat):
        mine, self.client_id = self.client_id, "second-user"
        await self.ask("GET", f"chats/{chat}/history")
        self.client_id = mine
        return await super().poll(chat)


class ShowsMsg(Client):
    """F36: the field msg is the text."""

    def show(self, event):
        return super().show({**event, "msg_text": event.get("msg")})


class EndsTheEnded(Client):
    """F37: the end of the chat is answered with an end, at once."""

    def end_of_chat(self, why):
        if not self.over:
            self.spawn(self.post({"event": "chat_session_end"}))
        super().end_of_chat(why)


class SaysGoodbye(Client):
    """F37: the agent learns six seconds later that the user saw the end."""

    def end_of_chat(self, why):
        if not self.over:
            self.spawn(self.goodbye())
        super().end_of_chat(why)

    async def goodbye(self):
        await asyncio.sleep(6)
        await self.post({"event": "chat_session_disconnect"})


class SortsABatch(Client):
    """F38: a batch is handled kind by kind, the latest first."""

    def events(self, reply):
        found = super().events(reply)[::-1]
        found.sort(key=lambda event: str(event.get("event")))
        return found


class FirstOfABatch(Client):
    """F38: of the messages of a batch one is kept."""

    async def take(self, chat, reply):
        kinds = {}
        for event in self.events(reply):
            kinds.setdefault(str(event.get("event")), event)
        return await super().take(chat, {"events": list(kinds.values())})


class PythonIsJson(Client):
    """5003: the body is the text of a dict."""

    async def ask(self, method, path, body=None, within=20):
        if isinstance(body, dict) and "events" in body:
            body = str(body).encode()
        return await super().ask(method, path, body, within)


class TextFile(Client):
    """upload: a file is text; other bytes are replaced."""

    def file_bytes(self, content):
        return content.decode(errors="replace").encode()


class NoTypeOfFile(Client):
    """upload: the file is announced with its MIME type."""

    def file_event(self, file_id, kind, name, msg_id):
        return {**super().file_event(file_id, kind, name, msg_id), "file_type": kind}


FAULTY = {
    one.__name__: one
    for one in list(vars().values())
    if isinstance(one, type) and issubclass(one, Client) and one is not Client and not one.__name__.startswith("_")
}

if __name__ == "__main__":
    main(FAULTY[sys.argv[1]], sys.argv[2:])

"""Who acts in a world: a customer at the client, and agents (and accidents) at the centre.

Every text and every position is unique, so that what arrived and what was told can be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from statemachine.core import events as ev
from statemachine.core import wire
from statemachine.core.errors import IllegalIntent
from statemachine.core.events import Event
from statemachine.core.session import TERMINAL, Item, Session
from statemachine.emulator import actions, names
from statemachine.emulator.chat import Chat

if TYPE_CHECKING:
    from .world import World

__all__ = ["Agents", "Customer"]

_GAPS: Final = (4_000, 300, 15_000, 70_000)
_ENDS: Final = (names.ENDED, names.TIMEOUT, names.TIMEOUT_MISSPELT)
_NAMES: Final = tuple(
    sorted(
        value for name, value in vars(names).items() if isinstance(value, str) and name.isupper() and value not in _ENDS
    )
)
"""Names of entries of either side, but for those that end a session even where they say nothing else."""
_FROM_CLIENT: Final = (
    (names.FORM_DATA, names.FORM_CANCEL, names.SECURE_FORM_DATA, names.SECURE_FORM_CANCEL),
    (names.NAVIGATION, names.COBROWSING_REJECTED, names.COBROWSING_STARTED, names.COBROWSING_ENDED),
    (names.DISCONNECT, names.END),
)
_SAYING: Final = ("say", "say two", "start typing", "stop typing", "mark delivered", "mark read")
_HABITS: Final[dict[str, tuple[str, ...]]] = {
    "background": ("background", "foreground", "push", "reauthorized"),
    "files and forms": ("file", "file", "location", "navigation", "signal", "answer form", "cancel form"),
    "disconnect": ("disconnect",),
    "end by customer": ("end",),
}


_EVERYTHING: Final = (
    "start typing", "mark delivered", "mark read", "say", "start typing", "stop typing",
    "answer form", "answer form", "answer form", "cancel form",
    "file", "location", "navigation", "signal", "push", "background", "foreground", "reauthorized", "start typing",
)  # fmt: skip


class Customer:
    """The person (and the application) at the client."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._number = 0
        self.has_left = False
        self.has_ended = False
        """Or left twice: from a conversation, and then from the queue, which is to end."""
        self._acts: Final[dict[str, Callable[[], object]]] = {
            "say": self._say,
            "say two": self.say_two,
            "start typing": lambda: self._feed(ev.StartTyping(self._at())),
            "stop typing": lambda: self._feed(ev.StopTyping(self._at())),
            "mark delivered": lambda: self._mark(ev.MarkDelivered),
            "mark read": lambda: self._mark(ev.MarkRead),
            "background": self.hide,
            "foreground": lambda: self._feed(ev.Foreground(self._at())),
            "push": self._push,
            "file": self._send_file,
            "location": lambda: self._send(wire.Location(f"{self._next()}.5", "8.1")),
            "navigation": lambda: self._send(wire.Navigation(f"page {self._next()}")),
            "signal": lambda: self._send(wire.Signaling("ICE_CANDIDATE", candidate=f"candidate {self._next()}")),
            "answer form": self._answer_form,
            "cancel form": self._cancel_form,
            "disconnect": self.disconnect,
            "end": self.end,
            "reauthorized": lambda: self._feed(ev.Reauthorized(self._at())),
        }

    def act(self) -> None:
        """Do something, and plan the next act."""
        world = self._world
        able = ["nothing", *_SAYING]
        weights = [2, 6, 2, 2, 1, 1, 2]
        for habit, more in _HABITS.items():
            if world.faults.lives(habit):
                able += more
                weights += [{"end by customer": 1, "background": 3}.get(habit, 2)] * len(more)
        if world.session.connection.name == "blocked":
            able.append("reauthorized")
            weights.append(6)
        if world.faults.strikes("everything at once", 0.6):
            self.everything()
        self._perform(able[world.choices.choose("customer", weights)])

    def everything(self) -> None:
        """One act of each kind, but for those that lead out of the stage."""
        for act in _EVERYTHING:
            self._perform(act)

    def hide(self) -> None:
        """Go to the background."""
        self._feed(ev.Background(self._at()))

    def disconnect(self) -> None:
        """Leave the conversation."""
        self.has_left, self.has_ended = True, self.has_ended or self.has_left
        self._feed(ev.Disconnect(self._at()))

    def plan(self) -> int:
        """How long until the next act."""
        return _GAPS[self._world.choices.choose("customer waits", (4, 4, 2, 1))]

    def heal(self) -> None:
        """What a healthy application does in the end: new credentials, and to the foreground."""
        self._feed(ev.Reauthorized(self._at()))
        self._feed(ev.Foreground(self._at()))

    def before_it_begins(self) -> None:
        """An application may come to the foreground, or have new credentials, before it has a chat."""
        if self._world.faults.lives("background"):
            early = ("nothing", "background", "foreground", "reauthorized")
            self._perform(early[self._world.choices.choose("before it begins", (3, 1, 1, 1))])

    def at_once(self) -> None:
        """What is done while the chat is still being opened."""
        if self._world.faults.lives("files and forms"):
            self._perform(("nothing", "file")[self._world.choices.choose("at once", (3, 1))])

    def _perform(self, act: str) -> None:
        if act != "nothing":
            self._acts[act]()

    def end(self) -> None:
        """Leave for good."""
        self.has_ended = True
        self._feed(ev.End(self._at()))

    def first_text(self) -> str:
        """A text to begin with; the oracle knows it."""
        return self._new_text()

    # --- what it does -------------------------------------------------------------------------------------------------

    def _at(self) -> int:
        return self._world.client_now()

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _new_text(self) -> str:
        return f"text {self._next()}"

    def _feed(self, event: Event) -> Session | None:
        try:
            return self._world.feed(event)
        except IllegalIntent:
            return None

    def _say(self) -> None:
        text = self._new_text()
        before = self._world.session
        after = self._feed(ev.SendText(self._at(), text, text))
        if after is not None and after is not before:
            self._world.oracle.accepted(text, after.items[-1].id)

    def say_two(self) -> None:
        """Two texts in a row."""
        self._say()
        self._say()

    def _mark(self, receipt: type[ev.MarkDelivered | ev.MarkRead]) -> None:
        msg_id = self._world.oracle.latest_message
        if msg_id:
            self._feed(receipt(self._at(), msg_id))

    def _push(self) -> None:
        self._feed(ev.PushReceived(self._at(), self._world.session.chat.chat_id))

    def _send(self, entry: wire.SendableEntry) -> None:
        self._feed(ev.SendEntry(self._at(), entry))

    def _send_file(self) -> None:
        name = f"file-{self._next()}"
        self._feed(ev.SendFile(self._at(), name, name))

    def _answer_form(self) -> None:
        forms = [form for form in self._world.session.participants.forms if not form.answer]
        if not forms:
            return
        form = forms[self._world.choices.amount("which form", len(forms) - 1)]
        if form.secure:
            self._feed(ev.AnswerSecureForm(self._at(), form.id, "card"))
        else:
            self._feed(ev.AnswerForm(self._at(), form.id, {"answer": str(self._next())}))

    def _cancel_form(self) -> None:
        forms = [form for form in self._world.session.participants.forms if not form.answer]
        if forms:
            self._feed(ev.CancelForm(self._at(), forms[0].id))


class Agents:
    """Agents, scenarios and accidents at the centre, besides the scenario that runs there by itself."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._number = 0

    def plan(self) -> int:
        """How long until the next act."""
        return (5_000, 200, 20_000, 60_000)[self._world.choices.choose("agents wait", (4, 3, 3, 1))]

    def act(self) -> None:
        """Do something to the latest live chat, if there is one."""
        world = self._world
        chats = [chat for chat in world.centre.chats.values() if chat.live]
        if not chats:
            return
        chat = chats[-1]
        if world.faults.strikes("end by server", 0.5):
            self.end(chat.chat_id)
        elif world.faults.strikes("forgotten", 0.2):
            world.act(chat.chat_id, actions.DropChat())
        elif world.faults.strikes("everything at once", 0.8):
            world.act(chat.chat_id, *self.everything())
        elif world.faults.lives("agent at random"):
            world.act(chat.chat_id, *self._some(chat))

    def end(self, chat_id: str) -> None:
        """End this chat in one of the ways there are."""
        world = self._world
        ends = (actions.EndChat(), actions.Complete(), actions.Fail(), actions.TimeOut(), actions.Conclude())
        end = ends[world.choices.amount("how it ends", len(ends) - 1)]
        last = (actions.Say(self._text()),) if world.choices.chance("with a last word", 500) else ()
        late = self.everything() if world.faults.strikes("word after the end", 10.0) else ()
        world.act(chat_id, *last, end, *late)

    def everything(self) -> list[actions.Action]:
        """One of each kind, but for what moves the chat on to another stage."""
        text = self._text()
        said = [
            actions.Say(text),
            actions.StartTyping(),
            actions.Warn(text),
            actions.SetCase(text),
            actions.SetStatus("pondering"),
        ]
        robot = actions.JoinParty("robot", type="scenario")
        return [*said, *self._files_and_forms(text), *self._odd(text)[:-1], *self._malformed(text), robot]

    def echoes(self) -> list[actions.Action]:
        """What the customer is still sending, as if another device had sent it; not what a crash would forget."""
        stamp = str(self._world.now // 1000)
        return [act for item in self._world.driver.saved.items for act in _of_item(item, stamp)]

    def _text(self) -> str:
        self._number += 1
        return f"word {self._number}"

    def _some(self, chat: Chat) -> tuple[actions.Action, ...]:
        count = 1 + (self._world.choices.amount("acts at once", 3) if self._world.faults.lives("two at once") else 0)
        return tuple(self._one(chat) for _ in range(count))

    def _one(self, chat: Chat) -> actions.Action:
        world, text = self._world, self._text()
        kinds: list[Callable[[str], list[actions.Action]]] = [self._usual]
        for habit, more in (
            ("files and forms", self._files_and_forms),
            ("odd entries", self._odd),
            ("malformed entries", self._malformed),
            ("out of place", self._out_of_place),
        ):
            if world.faults.has(habit) and (world.oracle.books or habit != "out of place"):
                kinds.append(more)
        chosen = world.choices.amount("agent's kind", len(kinds) - 1)
        possible = kinds[chosen](text)
        return possible[world.choices.amount("agent does", len(possible) - 1)]

    def _usual(self, text: str) -> list[actions.Action]:
        party = self._world.choices.choose("which party", (3, 1))
        label = ("ada", "grace")[party]
        return [
            actions.Say(text),
            actions.Say(text, party="bot"),
            actions.StartTyping(),
            actions.StopTyping(),
            actions.SendDelivered(),
            actions.SendRead(),
            actions.Connect(label),
            actions.JoinParty(label),
            actions.LeaveParty(label),
            actions.SetStatus("queued", 30 * party),
            actions.SetStatus("connecting"),
            actions.SetStatus("ivr"),
            actions.SetStatus("establishing"),
            actions.SetStatus("connected"),
            actions.SetStatus("connected"),
            actions.JoinParty("robot", type=("scenario", "external")[party]),
            actions.Warn(text),
            actions.SetCase(text if party else ""),
            actions.SendInfo(text),
        ]

    def _files_and_forms(self, text: str) -> list[actions.Action]:
        return [
            actions.ShareFile(text, text.encode()),
            actions.ShareLocation(self._number + 0.25, 8.1),
            actions.ShowForm(""),
            actions.ShowForm("survey_form", timeout=20),
            actions.CancelSecureForm(),
            actions.ShowSecureForm("payment"),
            actions.SendSignaling({"type": "OFFER_CALL", "sdp": text, "offerVideo": "true"}),
            actions.SendSignaling({"type": "END_CALL"}),
            actions.RequestCobrowsing(),
        ]

    def _odd(self, text: str) -> list[actions.Action]:
        """Names and values that nobody knows."""
        self._world.faults.lives("odd entries")
        stamp = str(self._world.now // 1000)
        return [
            actions.Raw({"event": "chat_session_weather", "outlook": text, "timestamp": stamp}),
            actions.Raw({"event": "chat_session_status", "state": "pondering"}),
            actions.Raw({"event": "chat_session_message", "msg": text, "party_id": "nobody", "timestamp": int(stamp)}),
            actions.Raw({"event": "chat_session_form_submit", "req_id": 5, "party_id": text}),
            actions.Raw({"event": "chat_session_party_joined", "party_id": text, "type": "hologram"}),
        ]

    def _malformed(self, text: str) -> list[actions.Action]:
        """Known names with fields that are missing, or of a wrong type. No two are alike in what tells them apart."""
        self._world.faults.lives("malformed entries")
        first = self._world.now // 1000 + 4 * self._number
        stamps = (str(first + n) for n in range(4))
        name = _NAMES[self._world.choices.amount("which name", len(_NAMES) - 1)]
        return [
            actions.Raw({"event": name, "timestamp": next(stamps)}),
            actions.Raw({"event": name, "msg": {"not": text}, "timestamp": next(stamps)}),
            actions.Raw({"event": name, "party_id": [text], "state": 7, "ref_msg_id": None, "timestamp": next(stamps)}),
            actions.Raw({"event": name, "timestamp": {"when": text}, "msg_id": [5], "form_request_id": True}),
            actions.Raw({"event": [text], "timestamp": next(stamps)}),
            actions.Raw({"event": "chat_session_party_left"}),
            actions.Raw({"event": "chat_session_typing"}),
        ]

    def _out_of_place(self, text: str) -> list[actions.Action]:
        """What only a client says, said by the centre: another device's, or of a history that got into a poll."""
        self._world.faults.lives("out of place")
        stamp = str(self._world.now // 1000)
        kind = _FROM_CLIENT[self._world.choices.amount("which of a client's", len(_FROM_CLIENT) - 1)]
        # Not one whose answer is on its way: that would be an echo of what has not arrived.
        form = next((form.id for form in self._world.session.participants.forms if not form.answer), "nothing")
        said = [actions.Raw({"event": name, "form_request_id": form, "timestamp": stamp}) for name in kind]
        return said + [act for item in self._world.driver.saved.items[-1:] for act in _of_item(item, stamp)]


_ECHOES: Final[dict[type[Any], str]] = {
    wire.Location: names.LOCATION,
    wire.File: names.FILE,
    wire.Navigation: names.NAVIGATION,
    wire.SessionDisconnect: names.DISCONNECT,
}
_RECEIPTED: Final = (names.LOCATION, names.FILE, names.NAVIGATION)
_ON_ITS_WAY: Final = ("pending", "sending", "in_doubt")


def _of_item(item: Item, stamp: str) -> Iterator[actions.Action]:
    """Perhaps receipts, and an echo, of what has still to be sent. Not of a text: whether those arrive is counted."""
    name = _ECHOES.get(type(item.entry))
    if name is not None and item.state.name in _ON_ITS_WAY:
        number = int(item.id.rpartition(":")[2])
        for receipt in ((names.DELIVERED, names.READ), (names.READ,), (), ())[number % 4 if name in _RECEIPTED else 3]:
            yield actions.Raw({"event": receipt, "ref_msg_id": item.id, "party_id": "ada", "timestamp": stamp})
        yield actions.Raw({"event": name, "msg_id": item.id, "latitude": "1", "longitude": "1", "file_id": item.id})


def is_over(session: Session) -> bool:
    """Whether nothing more can happen to this session."""
    return isinstance(session.lifecycle, TERMINAL)

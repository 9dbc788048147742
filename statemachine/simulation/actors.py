"""The people of a simulation: a customer at the client, and agents at the server.

Every text and every position is unique, so that arrivals and deliveries can be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from attrs import define

from statemachine import core
from statemachine.core import wire
from statemachine.core.session import TERMINAL, Item, OpenForm, Session
from statemachine.emulator import actions, names

from .client import Client
from .environment import Environment
from .oracle import Oracle
from .server import Server

_CUSTOMER_WAITS: Final = (4_000, 300, 15_000, 70_000)
_AGENTS_WAIT: Final = (5_000, 200, 20_000, 60_000)
_ENDS: Final = (names.ENDED, names.TIMEOUT, names.TIMEOUT_MISSPELT)
_NAMES: Final = tuple(
    sorted(
        value for name, value in vars(names).items() if isinstance(value, str) and name.isupper() and value not in _ENDS
    )
)
"""Names of entries of both sides, without those that end a session even when all their fields are missing."""
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
    """The customer and the application at the client."""

    def __init__(self, environment: Environment, client: Client, oracle: Oracle) -> None:
        self._choices: Final = environment.choices
        self._faults: Final = environment.faults
        self._client: Final = client
        self._oracle: Final = oracle
        self._number = 0
        self._has_left = False
        self.has_ended = False
        """The customer ended the chat, or left twice: first the conversation and then the queue, which ends it."""
        self._acts: Final[dict[str, Callable[[], object]]] = {
            "nothing": lambda: None,
            "say": self._say,
            "say two": self.say_two,
            "start typing": lambda: self._feed(core.StartTyping),
            "stop typing": lambda: self._feed(core.StopTyping),
            "mark delivered": lambda: self._mark(core.MarkDelivered),
            "mark read": lambda: self._mark(core.MarkRead),
            "background": self.hide,
            "foreground": lambda: self._feed(core.Foreground),
            "push": lambda: self._feed(core.PushReceived, client.session.chat.chat_id),
            "file": self._send_file,
            "location": lambda: self._feed(core.SendEntry, wire.Location(f"{self._next()}.5", "8.1")),
            "navigation": lambda: self._feed(core.SendEntry, wire.Navigation(f"page {self._next()}")),
            "signal": lambda: self._feed(
                core.SendEntry, wire.Signaling("ICE_CANDIDATE", candidate=f"candidate {self._next()}")
            ),
            "answer form": self._answer_form,
            "cancel form": self._cancel_form,
            "disconnect": self.disconnect,
            "end": self.end,
            "reauthorized": lambda: self._feed(core.Reauthorized),
        }

    def act(self) -> None:
        """Do something at random."""
        able = ["nothing", *_SAYING]
        weights = [2, 6, 2, 2, 1, 1, 2]
        for habit, more in _HABITS.items():
            if self._faults.is_enabled(habit):
                able += more
                weights += [{"end by customer": 1, "background": 3}.get(habit, 2)] * len(more)
        if self._client.session.connection.name == "blocked":
            able.append("reauthorized")
            weights.append(6)
        if self._faults.occurs("everything at once", 0.6):
            self.everything()
        self._acts[self._choices.pick("customer", able, weights)]()

    def everything(self) -> None:
        """Do everything that does not lead to another stage."""
        for act in _EVERYTHING:
            self._acts[act]()

    def before_it_begins(self) -> None:
        """Perhaps come to the foreground or renew the credentials before there is a chat."""
        if self._faults.is_enabled("background"):
            early = ("nothing", "background", "foreground", "reauthorized")
            self._acts[self._choices.pick("before it begins", early, (3, 1, 1, 1))]()

    def while_opening(self) -> None:
        """Perhaps send a file while the chat is being opened."""
        if self._faults.is_enabled("files and forms"):
            self._acts[self._choices.pick("at once", ("nothing", "file"), (3, 1))]()

    def heal(self) -> None:
        """Renew the credentials and come to the foreground, as a healthy application does in the end."""
        self._feed(core.Reauthorized)
        self._feed(core.Foreground)

    def wait(self) -> int:
        """The time until the next action, in milliseconds."""
        return self._choices.pick("customer waits", _CUSTOMER_WAITS, (4, 4, 2, 1))

    def hide(self) -> None:
        """Go to the background."""
        self._feed(core.Background)

    def disconnect(self) -> None:
        """Leave the conversation."""
        self._has_left, self.has_ended = True, self.has_ended or self._has_left
        self._feed(core.Disconnect)

    def end(self) -> None:
        """End the chat."""
        self.has_ended = True
        self._feed(core.End)

    def say_two(self) -> None:
        """Send two texts in a row."""
        self._say()
        self._say()

    def new_text(self) -> str:
        """A text that was not sent before."""
        return f"text {self._next()}"

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _feed(self, intent: Callable[..., core.Event], *values: object) -> Session | None:
        return self._client.try_feed(intent(self._client.now(), *values))

    def _say(self) -> None:
        text = self.new_text()
        before = self._client.session
        after = self._feed(core.SendText, text, text)
        if after is not None and after is not before:
            self._oracle.accepted(text, after.items[-1].id)

    def _mark(self, receipt: type[core.MarkDelivered | core.MarkRead]) -> None:
        if self._oracle.latest_message:
            self._feed(receipt, self._oracle.latest_message)

    def _send_file(self) -> None:
        name = f"file-{self._next()}"
        self._feed(core.SendFile, name, name)

    def _answer_form(self) -> None:
        forms = _unanswered(self._client.session)
        if not forms:
            return
        form = self._choices.pick("which form", forms)
        if form.secure:
            self._feed(core.AnswerSecureForm, form.id, "card")
        else:
            self._feed(core.AnswerForm, form.id, {"answer": str(self._next())})

    def _cancel_form(self) -> None:
        forms = _unanswered(self._client.session)
        if forms:
            self._feed(core.CancelForm, forms[0].id)


@define(eq=False)
class Agents:
    """Agents and accidents at the server, besides the emulator's scenario."""

    _env: Environment
    _server: Server
    _client: Client
    _number: int = 0

    def wait(self) -> int:
        """The time until the next action, in milliseconds."""
        return self._env.choices.pick("agents wait", _AGENTS_WAIT, (4, 3, 3, 1))

    def act(self) -> None:
        """Do something in the latest live chat, if there is one."""
        chats = [chat for chat in self._server.centre.chats.values() if chat.live]
        if not chats:
            return
        chat_id = chats[-1].chat_id
        if self._env.faults.occurs("end by server", 0.5):
            self.end(chat_id)
        elif self._env.faults.occurs("forgotten", 0.2):
            self._server.act(chat_id, actions.DropChat())
        elif self._env.faults.occurs("everything at once", 0.8):
            self._server.act(chat_id, *self.everything())
        elif self._env.faults.is_enabled("agent at random"):
            several = self._env.choices.amount("acts at once", 3) if self._env.faults.is_enabled("two at once") else 0
            self._server.act(chat_id, *[self._one() for _ in range(1 + several)])

    def end(self, chat_id: str) -> None:
        """End this chat in one of several ways."""
        ends = (actions.EndChat(), actions.Complete(), actions.Fail(), actions.TimeOut(), actions.Conclude())
        end = self._env.choices.pick("how it ends", ends)
        last = (actions.Say(self._text()),) if self._env.choices.chance("with a last word", 500) else ()
        late = self.everything() if self._env.faults.occurs("word after the end", 10.0) else ()
        self._server.act(chat_id, *last, end, *late)

    def everything(self) -> list[actions.Action]:
        """One action of each kind that does not lead the chat to another stage."""
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
        """The saved items that are still to be sent, as another device would have sent them."""
        stamp = str(self._env.schedule.now // 1000)
        return [act for item in self._client.driver.saved.items for act in _echo(item, stamp)]

    def _text(self) -> str:
        self._number += 1
        return f"word {self._number}"

    def _one(self) -> actions.Action:
        text = self._text()
        kinds: list[Callable[[str], list[actions.Action]]] = [self._usual]
        for habit, more in (
            ("files and forms", self._files_and_forms),
            ("odd entries", self._odd),
            ("malformed entries", self._malformed),
            ("out of place", self._out_of_place),
        ):
            if (self._client.has_begun or habit != "out of place") and self._env.faults.is_enabled(habit):
                kinds.append(more)
        return self._env.choices.pick("agent does", self._env.choices.pick("agent's kind", kinds)(text))

    def _usual(self, text: str) -> list[actions.Action]:
        party = self._env.choices.index("which party", (3, 1))
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
        """Unknown names and values."""
        stamp = str(self._env.schedule.now // 1000)
        return [
            actions.Raw({"event": "chat_session_weather", "outlook": text, "timestamp": stamp}),
            actions.Raw({"event": "chat_session_status", "state": "pondering"}),
            actions.Raw({"event": "chat_session_message", "msg": text, "party_id": "nobody", "timestamp": int(stamp)}),
            actions.Raw({"event": "chat_session_form_submit", "req_id": 5, "party_id": text}),
            actions.Raw({"event": "chat_session_party_joined", "party_id": text, "type": "hologram"}),
        ]

    def _malformed(self, text: str) -> list[actions.Action]:
        """Known names with fields that are missing or of a wrong type. Their times make them distinguishable."""
        first = self._env.schedule.now // 1000 + 4 * self._number
        stamps = (str(first + n) for n in range(4))
        name = self._env.choices.pick("which name", _NAMES)
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
        """Entries of a client, sent by the server: those of another device, or of a history in a poll's response."""
        stamp = str(self._env.schedule.now // 1000)
        kind = self._env.choices.pick("which of a client's", _FROM_CLIENT)
        # Not a form whose answer is in flight, nor a prompt that the next text answers: an answer of another device, of
        # which the client may hear only after its own has been lost, would pass for its own.
        forms = _unanswered(self._client.session)
        named = [form for form in forms if form.name]
        said: list[actions.Action] = [
            actions.Raw(
                {
                    "event": name,
                    "form_request_id": _first_id(named if name == names.FORM_DATA else forms),
                    "timestamp": stamp,
                }
            )
            for name in kind
        ]
        return said + [act for item in self._client.driver.saved.items[-1:] for act in _echo(item, stamp)]


_ECHOES: Final[dict[type[Any], str]] = {
    wire.Location: names.LOCATION,
    wire.File: names.FILE,
    wire.Navigation: names.NAVIGATION,
    wire.SessionDisconnect: names.DISCONNECT,
}
_RECEIPTED: Final = (names.LOCATION, names.FILE, names.NAVIGATION)
_UNSENT: Final = ("pending", "sending", "in_doubt")


def _echo(item: Item, stamp: str) -> Iterator[actions.Action]:
    """Perhaps receipts, and an echo, of an item that is still to be sent. No texts: their arrivals are counted."""
    name = _ECHOES.get(type(item.entry))
    if name is not None and item.state.name in _UNSENT:
        number = int(item.id.rpartition(":")[2])
        receipts = ((names.DELIVERED, names.READ), (names.READ,), (), ())
        for receipt in receipts[number % 4 if name in _RECEIPTED else 3]:
            yield actions.Raw({"event": receipt, "ref_msg_id": item.id, "party_id": "ada", "timestamp": stamp})
        yield actions.Raw({"event": name, "msg_id": item.id, "latitude": "1", "longitude": "1", "file_id": item.id})


def _unanswered(session: Session) -> list[OpenForm]:
    return [form for form in session.participants.forms if not form.answer]


def _first_id(forms: list[OpenForm]) -> str:
    return forms[0].id if forms else "nothing"


def is_over(session: Session) -> bool:
    """Whether the session is in a terminal phase."""
    return isinstance(session.lifecycle, TERMINAL)

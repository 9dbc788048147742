"""Couplings: which machine receives what another one raises. Nothing else connects the machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from .. import signals as sig
from ..actions import outgoing as out
from ..draft import Draft
from ..record import record
from ..session import Item

Select = Callable[[Draft, Any], Iterable[Item]]


@record
class Coupling:
    """`source` raises `signal`, `target` receives it. `select`: which items do, where `target` is "item"."""

    signal: type[sig.Signal]
    source: str
    target: str
    why: str
    select: Select | None = None


# fmt: off
COUPLINGS: Final[tuple[Coupling, ...]] = (
    Coupling(sig.ChatRequested,          "lifecycle",  "opening",    "create a chat"),
    Coupling(sig.SearchRequested,        "lifecycle",  "opening",    "find the active chat"),
    Coupling(sig.EndRequested,           "lifecycle",  "opening",    "no chat is created in order to end it"),
    Coupling(sig.NewChatOpened,          "opening",    "lifecycle",  "the search is over"),
    Coupling(sig.ExistingChatOpened,     "opening",    "lifecycle",  "the search is over"),
    Coupling(sig.NoChatOpened,           "opening",    "lifecycle",  "the search is over, without a chat"),
    Coupling(sig.ChatRefused,            "opening",    "lifecycle",  "the search is over, without a chat"),
    Coupling(sig.ChatStarted,            "lifecycle",  "connection", "a new chat is polled at once"),
    Coupling(sig.ChatReattached,         "lifecycle",  "history",    "an existing chat is read first"),
    Coupling(sig.SessionOver,            "lifecycle",  "attention",  "there is no idle timer any more"),
    Coupling(sig.SessionOver,            "lifecycle",  "opening",    "no chat is searched for any more"),
    Coupling(sig.SessionOver,            "lifecycle",  "connection", "a chat that is over is never polled"),
    Coupling(sig.SessionOver,            "lifecycle",  "history",    "nor is its history read"),
    Coupling(sig.SessionOver,            "lifecycle",  "item",       "each unsent item is reported", out.all_items),
    Coupling(sig.SessionOver,            "lifecycle",  "ephemeral",  "nothing is sent after the end"),
    Coupling(sig.SessionOver,            "lifecycle",  "presence",   "there is nothing to be decided any more"),
    Coupling(sig.CustomerActed,          "lifecycle",  "attention",  "the customer wrote from another device"),
    Coupling(sig.NoChatToSendTo,         "lifecycle",  "item",       "nothing can be sent", out.all_items),
    Coupling(sig.WarningReceived,        "lifecycle",  "attention",  "the server has warned"),
    Coupling(sig.ItemQueued,             "lifecycle",  "item",       "something new to send", out.new_item),
    Coupling(sig.FileQueued,             "lifecycle",  "item",       "a file to upload", out.new_item),
    Coupling(sig.EchoReceived,           "lifecycle",  "item",       "one of ours came back from the server", out.item_of_echo),
    Coupling(sig.DeliveryConfirmed,      "lifecycle",  "item",       "a receipt for one of ours", out.item_of_receipt),
    Coupling(sig.ReadConfirmed,          "lifecycle",  "item",       "a receipt for one of ours", out.item_of_receipt),
    Coupling(sig.Backgrounded,           "lifecycle",  "connection", "no polling in the background"),
    Coupling(sig.Foregrounded,           "lifecycle",  "connection", "read the history, then poll"),
    Coupling(sig.Foregrounded,           "lifecycle",  "history",    "a reading that waits is tried now"),
    Coupling(sig.PushAccepted,           "lifecycle",  "connection", "read the history once"),
    Coupling(sig.Unblocked,              "lifecycle",  "connection", "new credentials, or a last try to end"),
    Coupling(sig.HistoryRequested,       "connection", "history",    "events may have been lost"),
    Coupling(sig.ProofRequested,         "connection", "history",    "without a poll, the history decides whether the chat exists"),
    Coupling(sig.SecondReadingRequested, "connection", "history",    "a poll that was cut may have consumed events"),
    Coupling(sig.HistoryMerged,          "history",    "connection", "the next poll may start"),
    Coupling(sig.ConnectionRefused,      "history",    "connection", "credentials or configuration"),
    Coupling(sig.HistoryProved,          "history",    "item",       "what the log lacks, the server never had", out.all_items),
    Coupling(sig.HistoryProved,          "history",    "presence",   "a history that can be read belongs to a chat that exists"),
    Coupling(sig.VerdictRequested,       "presence",   "connection", "the next poll or history decides"),
    Coupling(sig.ChatGone,               "presence",   "lifecycle",  "the server does not know this chat"),
    Coupling(sig.HistoryUnreadable,      "history",    "item",       "there will be no proof", out.all_items),
    Coupling(sig.ProofRequested,         "item",       "history",    "a post in doubt has settled"),
    Coupling(sig.ConnectionRefused,      "item",       "connection", "credentials or configuration"),
    Coupling(sig.CustomerActed,          "item",       "attention",  "the server's idle timer starts anew"),
    Coupling(sig.DisconnectSent,         "item",       "lifecycle",  "the conversation is over"),
)
# fmt: on

"""Couplings: which machine hears what another one raises. Nothing else connects the machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .. import signals as sig
from ..actions import outgoing as out
from ..draft import Draft
from ..record import record
from ..session import Item

Select = Callable[[Draft, Any], tuple[Item, ...]]


@record
class Coupling:
    """`source` raises `signal`, `target` hears it. `select`: which items hear it, where `target` is "item"."""

    signal: type[sig.Signal]
    source: str
    target: str
    why: str
    select: Select | None = None


COUPLINGS: Final[tuple[Coupling, ...]] = (
    Coupling(sig.ChatStarted, "lifecycle", "connection", "a new chat is polled at once"),
    Coupling(sig.ChatReattached, "lifecycle", "history", "an existing chat is read first"),
    Coupling(sig.SessionOver, "lifecycle", "attention", "nothing is left to warn about"),
    Coupling(sig.SessionOver, "lifecycle", "connection", "a dead chat is never polled"),
    Coupling(sig.SessionOver, "lifecycle", "history", "nor read"),
    Coupling(sig.SessionOver, "lifecycle", "item", "each unsent item is reported", out.everyone),
    Coupling(sig.SessionOver, "lifecycle", "ephemeral", "nothing is sent after the end"),
    Coupling(sig.CustomerActed, "lifecycle", "attention", "the customer wrote from another device"),
    Coupling(sig.NothingFound, "lifecycle", "item", "nothing can be sent", out.everyone),
    Coupling(sig.WarningReceived, "lifecycle", "attention", "the server has warned"),
    Coupling(sig.ItemQueued, "lifecycle", "item", "something new to send", out.the_subject),
    Coupling(sig.FileQueued, "lifecycle", "item", "a file to upload", out.the_subject),
    Coupling(sig.EchoReceived, "lifecycle", "item", "ours, back from the server", out.echoed),
    Coupling(sig.DeliveryConfirmed, "lifecycle", "item", "a receipt for ours", out.referred),
    Coupling(sig.ReadConfirmed, "lifecycle", "item", "a receipt for ours", out.referred),
    Coupling(sig.Backgrounded, "lifecycle", "connection", "no polling in the background"),
    Coupling(sig.Foregrounded, "lifecycle", "connection", "catch up, then poll"),
    Coupling(sig.Woken, "lifecycle", "connection", "a push: read the history once"),
    Coupling(sig.Unblocked, "lifecycle", "connection", "new credentials, or a last try to end"),
    Coupling(sig.HistoryWanted, "connection", "history", "events may have been lost"),
    Coupling(sig.SecondReadingWanted, "connection", "history", "what a poll ate that was cut and held on"),
    Coupling(sig.HistoryMerged, "history", "connection", "now the next poll"),
    Coupling(sig.ConnectionRefused, "history", "connection", "credentials or configuration"),
    Coupling(sig.HistoryProved, "history", "item", "what the log lacks, the server never had", out.everyone),
    Coupling(sig.HistoryUnreadable, "history", "item", "there will be no proof", out.everyone),
    Coupling(sig.ProofWanted, "item", "history", "a post in doubt has settled"),
    Coupling(sig.ConnectionRefused, "item", "connection", "credentials or configuration"),
    Coupling(sig.CustomerActed, "item", "attention", "the server's idle timer starts anew"),
    Coupling(sig.DisconnectSent, "item", "lifecycle", "the conversation is over"),
)

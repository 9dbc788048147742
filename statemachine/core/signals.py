"""What the machines hear beside the public events: names for moments, raised by a row, an answer or a deadline.

A signal is only a name: the payload that travels with it is the event, entry or reply that caused it. Each comment
says who raises it; `tables/couplings.py` and `tables/reactions.py` declare who hears it.
"""

from __future__ import annotations


class Signal:
    """Base of all signals. Never instantiated."""


# --- stages: a status entry, or the state in the answer of E4/E5, unfolded by its value (protocol.md 2.1) ------------


class StatusEstablishing(Signal): ...


class StatusIvr(Signal): ...


class StatusQueued(Signal): ...


class StatusConnecting(Signal): ...


class StatusConnected(Signal): ...


class StatusCompleted(Signal): ...


class StatusFailed(Signal): ...


class StatusOther(Signal):
    """A value that is not known (yet)."""


class RosterRead(Signal):
    """The roster was rebuilt from the log."""


# --- opening a chat: answers of E4 and E5, and their deadlines ------------------------------------------------------


class Created(Signal):
    """The chat id is known."""


class NoChat(Signal):
    """E5: there is no active chat."""


class NothingFound(Signal):
    """Lifecycle -> items: there is no chat they could be sent to; the session is as before it looked for one."""


class OpenFailed(Signal):
    """No usable answer; it may be tried again."""


class OpenRefused(Signal):
    """The server will never say yes to this."""


class OpenDue(Signal):
    """The pause before the next try is over."""


class GiveUp(Signal):
    """The whole time for requesting, or for ending, is over."""


# --- lifecycle -> others ---------------------------------------------------------------------------------------------


class ChatStarted(Signal):
    """A new chat: poll at once."""


class ChatReattached(Signal):
    """A chat that may have a past: its history first."""


class SessionOver(Signal):
    """The lifecycle has become terminal."""


class WarningReceived(Signal): ...


class ItemQueued(Signal):
    """Something new to send."""


class FileQueued(Signal):
    """A file to upload, then to send."""


class DeliveryConfirmed(Signal):
    """A delivered receipt for one of ours."""


class ReadConfirmed(Signal): ...


class EchoReceived(Signal):
    """One of ours came back, live or in the log: the server has it."""


class Backgrounded(Signal): ...


class Foregrounded(Signal): ...


class Woken(Signal):
    """A push for this chat."""


class Unblocked(Signal): ...


# --- any answer -------------------------------------------------------------------------------------------------------


class ChatGone(Signal):
    """404 or 5005 on a call that names this chat."""


class ConnectionRefused(Signal):
    """Authorization or configuration refused (401, 403, 1000, 2xxx, 3000, 5006) on a call beside the poll."""


# --- link -------------------------------------------------------------------------------------------------------------


class PollAnswered(Signal): ...


class PollBusy(Signal):
    """5509 or 429: somebody else holds the poll, or we are too fast."""


class PollFailed(Signal): ...


class PollRejected(Signal):
    """The request itself is refused, for no reason that is known."""


class PollBlocked(Signal): ...


class PollDue(Signal): ...


class HistoryWanted(Signal):
    """Link -> history: events may have been lost."""


class SecondReadingWanted(Signal):
    """Link -> history: a poll that was cut may have been held on, and have eaten events after the log was read."""


# --- history ----------------------------------------------------------------------------------------------------------


class HistoryRead(Signal): ...


class HistoryFailed(Signal): ...


class HistoryRejected(Signal): ...


class HistoryBlocked(Signal): ...


class HistoryDue(Signal): ...


class HistoryMerged(Signal):
    """History -> link: the next poll may start."""


class HistoryProved(Signal):
    """History -> items: what the log lacks after this reading, the server never had."""


class HistoryUnreadable(Signal):
    """History -> items: there will be no proof."""


# --- item -------------------------------------------------------------------------------------------------------------


class SendSlot(Signal):
    """The end of each step: who waits for a turn may take it."""


class UploadAccepted(Signal): ...


class UploadPostponed(Signal): ...


class UploadLimited(Signal): ...


class UploadRefused(Signal): ...


class UploadBlocked(Signal): ...


class PostAccepted(Signal): ...


class PostPostponed(Signal):
    """Certainly not processed: unsent, or refused only for now."""


class PostDoubted(Signal):
    """What the server did is unknown."""


class PostLimited(Signal):
    """An error that promises nothing (5500, 5558, 5955): in doubt, but only a few times."""


class PostRefused(Signal): ...


class PostBlocked(Signal): ...


class ItemDue(Signal):
    """The pause before the next try is over."""


class ItemSettled(Signal):
    """A post in doubt cannot land any more: history proves from now on."""


class ProofWanted(Signal):
    """Item -> history."""


class CustomerActed(Signal):
    """Item -> attention: something that resets the server's idle timer has arrived there."""


class DisconnectSent(Signal):
    """Item -> lifecycle."""


# --- courtesy, and what expires in the room ---------------------------------------------------------------------------


class EphemeralDone(Signal):
    """Answered, whatever the answer."""


class EphemeralFailed(Signal):
    """The server or the line is in trouble: no time for courtesies."""


class OwnTypingExpired(Signal): ...


class TypingExpired(Signal): ...


class FormExpired(Signal): ...

"""Signals: the internal events of the machines, raised by a row, an answer or a deadline.

A signal is only a name: the payload that goes with it is the event, entry or reply that caused it. Each comment says
what raises it; `tables/couplings.py` and `tables/reactions.py` declare which machine receives it.
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


# --- opening a chat: answers of E4 and E5, and the outcome ----------------------------------------------------------


class ChatFound(Signal):
    """E4 or E5: the answer names a chat."""


class NoActiveChat(Signal):
    """E5: there is no active chat."""


class OpeningFailed(Signal):
    """No usable answer; it may be tried again."""


class OpeningRefused(Signal):
    """The server refuses this request for good."""


class OpeningDue(Signal):
    """The pause before the next try is over."""


class NewChatOpened(Signal):
    """Opening -> lifecycle: a chat that is certainly new."""


class ExistingChatOpened(Signal):
    """Opening -> lifecycle: a chat that may have a history."""


class NoChatOpened(Signal):
    """Opening -> lifecycle: there is no active chat."""


class ChatRefused(Signal):
    """Opening -> lifecycle: the server refuses to open one."""


# --- lifecycle -> others ---------------------------------------------------------------------------------------------


class ChatRequested(Signal):
    """Lifecycle -> opening: create a chat."""


class SearchRequested(Signal):
    """Lifecycle -> opening: find the active chat."""


class EndRequested(Signal):
    """Lifecycle -> opening: the customer has ended; a chat may still be found, but none may be created."""


class NoChatToSendTo(Signal):
    """Lifecycle -> items: no chat was found; the session is as before the search."""


class TimeLimitReached(Signal):
    """The whole time for requesting, or for ending, is over."""


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


class PushAccepted(Signal):
    """A push for this chat."""


class Unblocked(Signal): ...


# --- any answer -------------------------------------------------------------------------------------------------------


class ChatGone(Signal):
    """404 or 5005 on a call that names this chat."""


class ConnectionRefused(Signal):
    """Authorization or configuration refused (401, 403, 1000, 2xxx, 3000, 5006) on a call beside the poll."""


# --- connection -------------------------------------------------------------------------------------------------------


class PollAnswered(Signal): ...


class PollBusy(Signal):
    """5509 or 429: somebody else holds the poll, or we are too fast."""


class PollFailed(Signal):
    """No answer, trouble, or a refusal for no known reason: nobody could unblock that, so it is tried again."""


class PollBlocked(Signal): ...


class PollDue(Signal): ...


class HistoryRequested(Signal):
    """To the history: events may have been lost."""


class SecondReadingRequested(Signal):
    """Connection -> history: a poll that was cut may have been held on, and have consumed events after the reading."""


# --- history ----------------------------------------------------------------------------------------------------------


class HistoryRead(Signal): ...


class HistoryFailed(Signal): ...


class HistoryRejected(Signal): ...


class HistoryBlocked(Signal): ...


class HistoryDue(Signal): ...


class HistoryMerged(Signal):
    """History -> connection: the next poll may start."""


class HistoryProved(Signal):
    """History -> items: what the log lacks after this reading, the server never had."""


class HistoryUnreadable(Signal):
    """History -> items: there will be no proof."""


# --- presence: whether the server knows the chat --------------------------------------------------------------------


class ChatDenied(Signal):
    """404 or 5005 to a post, a receipt or a typing signal."""


class HistoryDenied(Signal):
    """404 or 5005 to a reading of the history."""


class ChatSeen(Signal):
    """A poll was answered with entries, or empty."""


class DoubtExpired(Signal):
    """Nothing has decided in time whether the chat exists."""


class VerdictRequested(Signal):
    """Presence -> connection: the next poll or history is to decide whether the chat exists."""


# --- item -------------------------------------------------------------------------------------------------------------


class SendSlot(Signal):
    """The end of each step: what waits to be sent may be sent."""


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
    """An error that may pass (5500, 5558, 5955): in doubt, but only a few times."""


class PostDenied(Signal):
    """Not processed: 404 or 5005. Whether there is still a chat to send it to, `presence` finds out."""


class PostRefused(Signal): ...


class PostBlocked(Signal): ...


class ItemDue(Signal):
    """The pause before the next try is over."""


class ItemSettled(Signal):
    """A post in doubt cannot land any more: history proves from now on."""


class ProofRequested(Signal):
    """Item -> history."""


class NoReceiptAwaited(Signal):
    """A sent item leaves the session: no receipt can come, or too many newer items wait for one."""


class CustomerActed(Signal):
    """Item -> attention: something that resets the server's idle timer has arrived there."""


class DisconnectSent(Signal):
    """Item -> lifecycle."""


# --- ephemeral entries, and what expires ---------------------------------------------------------------------------


class EphemeralDone(Signal):
    """Answered, whatever the answer."""


class EphemeralFailed(Signal):
    """The server or the network is in trouble."""


class OwnTypingExpired(Signal): ...


class TypingExpired(Signal): ...


class FormExpired(Signal): ...

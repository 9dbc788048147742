"""What `ChatClient` raises, in the words of the person who uses it."""

from __future__ import annotations

from typing import Final

from ..core import IllegalIntent, Outcome, Reason


class ChatError(Exception):
    """The base of all that `ChatClient` raises by itself."""


class BadSetting(ChatError, ValueError):
    """A setting that cannot work. The text names it and says what is needed."""


class NotPossible(ChatError):
    """This cannot be done now; nothing has happened. `phase`: where the chat is; `reason`: why not, and what to do."""

    def __init__(self, phase: str, reason: str, text: str) -> None:
        super().__init__(phase, reason, text)
        self.phase: Final = phase
        self.reason: Final = reason
        self._text = text

    def __str__(self) -> str:
        return self._text


class SessionOver(NotPossible):
    """The chat is over; nothing was sent. `outcome` says how it ended. `send(…, new_chat=True)` begins a new one."""

    def __init__(self, phase: str, reason: str, outcome: Outcome) -> None:
        super().__init__(
            phase, reason, f"the chat is over ({outcome}): start() or send(…, new_chat=True) begins a new one"
        )
        self.args = (phase, reason, outcome)
        self.outcome: Final = outcome


class ChatClosed(ChatError):
    """The client is not open: it was closed, or not entered with `async with` yet."""


class ChatStopped(ChatError):
    """This chat's session had to stop; `__cause__` says why (a full disk, another process on this chat).

    What was not saved was not sent, and the chat lives on at the server. `ChatClient.session` takes it up again when
    the cause is removed.
    """


class NotSaved(ChatError, TimeoutError):
    """The store did not save this in time (`Options.save_within`). It may yet be saved, and is then carried out.

    Repeating it is safe with a key: one key is one message.
    """


_FAILED: Final[dict[Reason | None, str]] = {
    "not_sent": "it was not sent",
    "unknown": "whether it arrived is not known",
    "refused": "the server refused it",
}


class SendFailed(ChatError):
    """A message will not arrive, or nobody can say whether it did.

    `reason`: not_sent: the server never had it; unknown: it may have arrived; refused: the server said no, with `code`.
    """

    def __init__(self, item: str, reason: Reason | None, code: int | None) -> None:
        super().__init__(item, reason, code)
        self.item: Final = item
        self.reason: Final = reason
        self.code: Final = code

    def __str__(self) -> str:
        return f"message {self.item}: {_FAILED.get(self.reason, 'it failed')}" + (
            f" ({self.code})" if self.code else ""
        )


def refusal(illegal: IllegalIntent, outcome: Outcome | None) -> NotPossible:
    """The engine's refusal of an intent, for people. `outcome`: the session's."""
    if outcome is not None:
        return SessionOver(illegal.phase, illegal.reason, outcome)
    return NotPossible(illegal.phase, illegal.reason, str(illegal))


def ending(error: BaseException | None) -> ChatError:
    """Why nothing can be done with a chat any more: it had to stop because of this, or its client was closed."""
    return ChatStopped(f"the chat could not go on: {error}") if error else ChatClosed("the client is closed")

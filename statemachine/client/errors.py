"""The errors of `ChatClient`."""

from __future__ import annotations

import re
from typing import Final

from statemachine.adapters.driver import label
from statemachine.store.errors import Fenced

from ..core import IllegalIntent, Outcome, Phase, Reason


class ChatError(Exception):
    """The base class of `ChatClient`'s errors."""


class BadSetting(ChatError, ValueError):
    """A setting cannot work. The text names it and says what is expected."""


class WrongLoop(ChatError):
    """The client was opened in another event loop or thread. The text says how to call it; nothing has happened."""


class WrongType(BadSetting, TypeError):
    """A value of a type that cannot be used. The text names the argument and the type; nothing has happened."""


class NotPossible(ChatError):
    """The call is not possible in this `phase`; nothing has happened. `reason`: why, and what to do."""

    def __init__(self, phase: Phase, reason: str, text: str) -> None:
        super().__init__(phase, reason, text)
        self.phase: Final[Phase] = phase
        self.reason: Final = reason
        self._text = text

    def __str__(self) -> str:
        return self._text


class SessionOver(NotPossible):
    """The chat is over, with this `outcome`; nothing was sent. `send(…, new_chat=True)` begins a new one."""

    def __init__(self, phase: Phase, reason: str, outcome: Outcome) -> None:
        text = f"the chat is over ({outcome}): start() or send(…, new_chat=True) begins a new one"
        super().__init__(phase, reason, text)
        self.args = (phase, reason, outcome)
        self.outcome: Final = outcome


class ChatClosed(ChatError):
    """The client is not open: it was closed, or not entered with `async with` yet."""


class ChatStopped(ChatError):
    """This chat's session has stopped because of `__cause__` (a full disk, another process with this chat).

    What was not saved was not sent; the chat stays active on the server. `ChatClient.session` resumes it when the cause
    is removed.
    """


class ChatElsewhere(ChatStopped):
    """Another worker has this chat (`statemachine.cluster`): send by the inbox, which reaches it wherever it is."""


class NotSaved(ChatError, TimeoutError):
    """The store did not save this in time (`Options.save_within`). It may still be saved, and is then carried out.

    Repeating a call with the same key is safe: one key is one message.
    """


_FAILED: Final[dict[Reason | None, str]] = {
    "not_sent": "it was not sent",
    "unknown": "whether it arrived is not known",
    "refused": "the server refused it",
    "unreadable": "the file or the form values cannot be read (any more); send them again",
}


def why_failed(reason: Reason | None, code: int | None) -> str:
    """The reason of a failed message in words, with the server's error code."""
    return _FAILED.get(reason, "it failed") + (f" ({code})" if code else "")


class SendFailed(ChatError):
    """A message will not arrive, or it is not known whether it did.

    `reason`: not_sent: the server never received it; unknown: it may have arrived; refused: by the server, with `code`;
    unreadable: the file is gone or cannot be read, or its bytes or the values of a secure form are gone with a restart.
    """

    def __init__(self, item: str, reason: Reason | None, code: int | None) -> None:
        super().__init__(item, reason, code)
        self.item: Final = item
        self.reason: Final = reason
        self.code: Final = code

    def __str__(self) -> str:
        return f"message {self.item}: {why_failed(self.reason, self.code)}"


_METHODS: Final[dict[str, str]] = {
    "RequestChat": "start",
    "SendText": "send",
    "AnswerSecureForm": "answer_form",
    "StartTyping": "typing",
    "MarkDelivered": "ack",
    "PushReceived": "pushed",
}
"""The method that makes an intent, where the intent's name is another one."""


def refusal(illegal: IllegalIntent, outcome: Outcome | None) -> NotPossible:
    """The error for an illegal intent, named after the method that was called. `outcome`: of the session."""
    if outcome is not None:
        return SessionOver(illegal.phase, illegal.reason, outcome)
    in_snake_case = re.sub(r"(?<!^)([A-Z])", r"_\1", illegal.intent).lower()
    method = _METHODS.get(illegal.intent, in_snake_case)
    text = f"{method}() is not possible while {illegal.phase}: {illegal.reason}"
    return NotPossible(illegal.phase, illegal.reason, text)


def ending(error: BaseException | None, session_id: str) -> ChatError:
    """The error of calls on a chat that has stopped because of `error`, or whose client was closed."""
    if isinstance(error, Fenced):
        return ChatElsewhere(f"chat {label(session_id)} was taken over by another worker: send by the inbox")
    if error:
        return ChatStopped(f"chat {label(session_id)} could not go on: {error}")
    return ChatClosed("the client is closed")

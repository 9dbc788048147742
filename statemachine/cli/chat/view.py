"""One chat on the terminal: its updates as lines, and the words of the status line."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from statemachine.client import Update, advise
from statemachine.client.errors import why_failed
from statemachine.core.plain_text import plain_text
from statemachine.durations import duration_words
from statemachine.replay.words import CUSTOMER, OUTCOMES, PartyNames, entry_words, party_name

from ... import core
from ...core import ConnectionChanged, Entry, wire
from ...core.wire import File
from ..screen import Piece, Screen
from ..text import clipped, visible

_RECALLED: Final = (wire.Message, File, wire.Location, wire.FormData, wire.PartyJoined, wire.PartyLeft)
"""Entries of the history that are shown when a chat is continued."""

_WHO: Final = 12
_INDENT: Final = 6 + _WHO + 1
_BOT: Final = "bot"
_PROGRESS: Final = {"sent": "✓ sent", "delivered": "✓ delivered", "read": "✓ read"}


class View:
    """Shows one chat on a screen. `chatty`: every receipt is a line; else `status` shows the last one."""

    def __init__(self, screen: Screen, *, chatty: bool) -> None:
        self._screen: Final = screen
        self._chatty: Final = chatty
        self._names = PartyNames()
        self._roster: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._shown: Counter[Entry] = Counter()
        self._typing: tuple[str, ...] = ()
        self._ewt: tuple[int, float] | None = None
        self._link = ConnectionChanged("off")
        self._last = ""
        self.files: list[File] = []
        """The files of this chat, in the order in which they were shown: `/save 1` saves the first."""

    # --- lines ------------------------------------------------------------------------------------------------------

    def note(self, text: str, style: str = "dim") -> None:
        """A line about the chat that is no part of it."""
        self._screen.line(("— ", style), (text, style), indent=2)

    def trouble(self, text: str) -> None:
        """A line about something that failed."""
        self.note(text, "yellow")

    def said(self, who: str, text: str, at: int | None = None, style: str = "") -> None:
        """A text of this name. `at`: its time in milliseconds since the epoch; None: now."""
        when = datetime.fromtimestamp(time.time() if at is None else at / 1_000, UTC).astimezone()
        name = clipped(visible(who), _WHO)
        first, *rest = text.split("\n")
        colour = "bold cyan" if who == "you" else "bold"
        head: list[Piece] = [(f"{when:%H:%M} ", "dim"), (f"{name:<{_WHO}} ", style or colour)]
        self._screen.line(*head, (first, style), indent=_INDENT)
        for line in rest:
            self._screen.line(" " * _INDENT, (line, style), indent=_INDENT)

    def sent(self, item: str, text: str) -> None:
        """A text that was sent. `item`: its id in the delivery updates that follow."""
        self._texts[item] = text
        self._last = "…"
        self.said("you", text)

    # --- updates ----------------------------------------------------------------------------------------------------

    def show(self, updates: Update) -> None:
        """Show an update."""
        match updates:
            case core.PhaseChanged():
                self._show_phase(updates)
            case core.RosterChanged():
                self._show_roster(updates)
            case core.TypingChanged():
                self._typing = updates.parties
                if self._chatty:
                    for party in updates.parties:
                        self.note(f"{self._who(party)} is typing")
            case ConnectionChanged():
                self._show_connection(updates)
            case core.Received():
                self._show_received(updates)
            case core.DeliveryUpdate():
                self._show_progress(updates)
            case core.Finished():
                self._show_finished(updates)
            case core.HistoryGap():
                self.trouble("something may be missing here: the server's log does not reach back far enough")
            case core.CaseChanged():
                self.note(
                    f"this chat is about case {updates.case_id}"
                    if updates.case_id
                    else "this chat has no case any more"
                )
            case _:
                pass

    def _show_phase(self, update: core.PhaseChanged) -> None:
        self._ewt = None if update.ewt is None else (update.ewt, time.monotonic())
        if self._chatty:
            wait = "" if update.ewt is None else f", about {duration_words(update.ewt)} to wait"
            self.note(f"{update.phase}{wait}")

    def _show_roster(self, updates: core.RosterChanged) -> None:
        now = {party.lower(): name or (_BOT if kind == "scenario" else kind) for party, kind, name in updates.parties}
        for party, name in now.items():
            if party not in self._roster:
                self.note(f"{name} is here now")
        for party, name in self._roster.items():
            if party not in now:
                self.note(f"{name} has left")
                self._names.learn(wire.PartyJoined(party, display_name=name))
        self._roster = now

    def _show_connection(self, update: ConnectionChanged) -> None:
        if update.state == "backing_off" and update.next_try is None:
            return  # a new try has begun: the result of the last one is shown until it is answered
        was, self._link = self._troubled, update
        troubled = self._troubled
        if update.state == "blocked":
            self.trouble(f"the server refuses to go on: {advise(core.Failure('http', None, update.code))}")
        elif troubled and not was:
            self.trouble("no connection; what you write is kept, and sent when it is back")
        elif was and not troubled:
            self.note("the connection is back")

    @property
    def _troubled(self) -> bool:
        """Whether to report the connection: not after one failure, nor while the server holds an older poll (5509)."""
        link = self._link
        return link.state == "blocked" or (link.state == "backing_off" and link.tries > 1 and link.code != 5509)

    def _show_received(self, update: core.Received) -> None:
        if self._shown[update.entry] > 0:  # it was shown as history already
            self._shown[update.entry] -= 1
        elif isinstance(update.entry, wire.FormShow):
            self.asks(update.entry.form_name, secure=False)
        elif isinstance(update.entry, wire.SecureFormShow):
            self.asks(update.entry.form_id, secure=True)
        else:
            style = "dim" if update.historic else ""
            self._show_entry(update.entry, update.at, style, own=update.own)

    def asks(self, form: str, *, secure: bool) -> None:
        """A form is open; one without a name is a question, whose answer is a text (protocol.md 3.2)."""
        if form:
            self.note(
                f"you are asked to fill in {'a secure form' if secure else 'a form'}, {form}: /answer, or /cancel",
                "bold",
            )
        else:
            self.note("an answer is expected: your next text", "bold")

    def _show_entry(self, entry: Entry, at: int | None, style: str, *, own: bool) -> None:
        self._names.learn(entry)
        who, what = entry_words(entry, self._names, by_client=own)
        party = getattr(entry, "party_id", "")
        name = "you" if who == CUSTOMER else self._who(party) if party else who
        if isinstance(entry, wire.Message):
            what = entry.text
        elif isinstance(entry, wire.TimeoutWarning):
            name, what = "centre", entry.text or "are you still there? Write something, or the chat is closed"
        elif isinstance(entry, File):
            self.files.append(entry)
            what = f"{what}: /save {len(self.files)}"
        self.said(name, what, getattr(entry, "timestamp", None) or at, style)

    def _show_progress(self, update: core.DeliveryUpdate) -> None:
        text = self._texts.get(update.item)
        if text is None:  # no message: the end, a disconnect
            return
        short = clipped(text.partition("\n")[0], 30)
        if update.state == "failed":
            self._last = "✗ not sent"
            self.trouble(f"“{short}”: {why_failed(update.reason, update.code)}")
            return
        self._last = _PROGRESS[update.state]
        if self._chatty:
            self.note(f"{_PROGRESS[update.state]}: “{short}”")

    def _show_finished(self, update: core.Finished) -> None:
        self._roster, self._typing, self._last = {}, (), ""
        said = f": “{plain_text(update.text)}”" if update.text else ""
        well = update.outcome in ("ended", "completed")
        self.note(f"{OUTCOMES[update.outcome]}{said}", "bold" if well else "bold red")
        if update.code is not None:
            self.trouble(str(advise(core.Failure("http", None, update.code))))

    # --- history ---------------------------------------------------------------------------------------------------

    def recall(self, chat_id: str, entries: Iterable[Entry]) -> None:
        """Show the server's history. Updates with the same entries are not shown again."""
        self._names = PartyNames(chat_id)
        shown = [entry for entry in entries if isinstance(entry, _RECALLED)]
        if shown:
            self.note("earlier in this chat")
        for entry in shown:
            self._show_entry(entry, None, "dim", own=False)
        self._shown = Counter(shown)
        if shown:
            self.note("now")

    # --- status line ------------------------------------------------------------------------------------------------

    def status(self, phase: str) -> list[str]:
        """The words of the status line, the most important first."""
        words = [phase]
        if self._troubled:
            words.append("no connection" if self._link.state == "backing_off" else "refused")
        if self._ewt is not None and phase == "queued":
            ewt, since = self._ewt
            words.append(f"about {duration_words(max(0, ewt - round((time.monotonic() - since) * 1_000)))} to wait")
        if self._typing:
            words.append(f"{', '.join(map(self._who, self._typing))} is typing…")
        elif self._roster:
            words.append(f"with {', '.join(self._roster.values())}")
        if self._last:
            words.append(self._last)
        return [visible(word) for word in words]

    def _who(self, party_id: str) -> str:
        known = self._roster.get(party_id.lower())
        if known is not None:
            return known
        party = self._names.parties.get(party_id.lower())
        return party_name(party) if party is not None else _BOT

"""Request, reattach, and the answers that tell the chat id."""

from __future__ import annotations

from typing import Final

from ... import events as ev
from ... import signals as sig
from ...actions import conversation as say
from ...actions import opening, outgoing
from ...session import LIVE, TERMINAL, Ended, Ending, Establishing, Failed, Idle, Requesting
from ...table import Row, ignore, reject, row, rows
from .groups import CLOSE, ONLY_OPENING, OPEN, TOLD_ENDED, TOO_LONG

NO_ORIGIN: Final = "an origin is needed: an opaque random text, new for each session"


def _starting() -> tuple[Row, ...]:
    """Request, reattach, and the answers that tell the chat id."""
    return rows(
        reject(Idle, (ev.RequestChat, ev.Reattach), NO_ORIGIN, when=opening.lacks_origin),
        reject(Idle, (ev.RequestChat, ev.Reattach), TOO_LONG, when=outgoing.is_too_long),
        row(
            Idle,
            ev.RequestChat,
            Requesting,
            when=opening.has_first_text,
            do=(opening.take_over_past, outgoing.queue_first_text),
            make=opening.creating,
            raises=sig.ItemQueued,
            why="the first message waits in the queue and fails visibly",
            ref="1.2 E4; 8 F28",
        ),
        row(Idle, ev.RequestChat, Requesting, do=opening.take_over_past, make=opening.creating, why="E4", ref="1.2 E4"),
        row(
            Idle,
            ev.Reattach,
            Establishing,
            when=opening.names_chat,
            do=(opening.take_over_past, opening.adopt_named_chat),
            raises=sig.ChatReattached,
            why="a history that can be read proves that the chat exists",
            ref="5.1",
        ),
        row(Idle, ev.Reattach, Requesting, do=opening.take_over_past, make=opening.finding, why="E5", ref="1.2 E5"),
        reject((Requesting, *OPEN), (ev.RequestChat, ev.Reattach), "this session has a chat already"),
        reject(
            TERMINAL, (ev.RequestChat, ev.Reattach), "the session is over; start a new one, with after=past(this one)"
        ),
        row(
            Requesting,
            sig.Created,
            Idle,
            when=opening.finds_the_end,
            raises=sig.NothingFound,
            why="what was found is over: as good as no active chat",
            ref="2.4; 10 row 25",
        ),
        row(
            Requesting,
            sig.Created,
            Requesting,
            when=opening.reports_the_end,
            make=opening.pausing,
            why="an ended session that was not purged yet: ask once more later",
            ref="10 row 25",
        ),
        row(
            Requesting,
            sig.Created,
            Establishing,
            when=opening.is_new_chat,
            do=(opening.adopt_chat, opening.mark_beginning),
            raises=sig.ChatStarted,
            why="a new chat has no past",
            ref="9",
        ),
        row(
            Requesting,
            sig.Created,
            Establishing,
            do=opening.adopt_chat,
            raises=sig.ChatReattached,
            why="an existing chat: history first",
            ref="2.3 step 1; 9",
        ),
        row(
            Ending,
            sig.Created,
            Ending,
            when=opening.opening_waits,
            do=opening.adopt_chat,
            make=opening.ending_known_chat,
            raises=sig.ChatStarted,
            why="now the end has something to be sent to",
            ref="D3",
        ),
        ignore(Ending, sig.Created, ONLY_OPENING),
        row(Requesting, sig.NoChat, Idle, raises=sig.NothingFound, why="404 on E5 says no active chat", ref="2.4"),
        row(
            Ending,
            sig.NoChat,
            Ended,
            when=opening.opening_waits,
            do=TOLD_ENDED,
            raises=sig.SessionOver,
            why="there is nothing to end",
            ref="D3",
        ),
        ignore(Ending, sig.NoChat, ONLY_OPENING),
        row(Requesting, sig.OpenFailed, Requesting, make=opening.pausing, why="try again later", ref="8 F27"),
        row(
            Ending,
            sig.OpenFailed,
            Ending,
            when=opening.opening_waits,
            make=opening.ending_pausing,
            why="ask for the active chat; never create one to end it",
            ref="D3",
        ),
        ignore(Ending, sig.OpenFailed, ONLY_OPENING),
        row(
            Requesting,
            sig.OpenRefused,
            Failed,
            do=(say.told_refused, *CLOSE),
            make=opening.refused,
            raises=sig.SessionOver,
            why="configuration or authorization: nothing to wait for",
            ref="7; 8 F27",
        ),
        row(
            Ending,
            sig.OpenRefused,
            Ended,
            when=opening.opening_waits,
            do=TOLD_ENDED,
            raises=sig.SessionOver,
            why="no chat was opened, so there is none to end",
            ref="D3",
        ),
        ignore(Ending, sig.OpenRefused, ONLY_OPENING),
        row(Requesting, sig.OpenDue, Requesting, make=opening.asking_again, why="the pause is over", ref="7"),
        row(
            Ending,
            sig.OpenDue,
            Ending,
            when=opening.opening_waits,
            make=opening.ending_asking_again,
            why="the pause is over",
            ref="7",
        ),
        ignore(Ending, sig.OpenDue, ONLY_OPENING),
        row(
            Requesting,
            sig.GiveUp,
            Failed,
            do=(say.told_gave_up, *CLOSE),
            make=opening.gave_up,
            raises=sig.SessionOver,
            why="give up with a reason",
            ref="8 F27",
        ),
        row(
            Ending,
            sig.GiveUp,
            Ended,
            when=say.end_was_sent,
            do=TOLD_ENDED,
            raises=sig.SessionOver,
            why="the server has our end; its word need not come",
            ref="3.1 end: bounded",
        ),
        row(
            Ending,
            sig.GiveUp,
            Failed,
            do=(say.told_gave_up, *CLOSE),
            make=opening.gave_up,
            raises=sig.SessionOver,
            why="our end could not be brought to the server in time",
            ref="3.1 end: bounded",
        ),
        ignore(
            (Idle, *LIVE, *TERMINAL),
            (sig.Created, sig.NoChat, sig.OpenFailed, sig.OpenRefused, sig.OpenDue, sig.GiveUp),
            ONLY_OPENING,
        ),
    )


ROWS: Final = _starting()

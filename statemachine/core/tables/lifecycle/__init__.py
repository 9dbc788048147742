"""The lifecycle: where a chat session stands, and what each event means there.

Sources are named groups: LIVE is every stage with an open session that the customer has not ended; OPEN is LIVE and
ENDING (the server still speaks); WAITING has no chat yet. Stage conflicts are settled as design.md section 3 decides:

* `queued` with an agent present is queued (a transfer), and the roster stays;
* `connecting` or `connected` while an agent has joined says nothing new;
* `ivr` after a conversation means that the conversation is over: wrapping_up;
* the last agent's leaving ends the conversation, never the session;
* a disconnect before any agent was there is sent as `end`;
* the first terminal signal of a batch is applied after its last entry, and fixes the outcome.
"""

from __future__ import annotations

from typing import Final

from ... import signals as sig
from ...session import LIFECYCLE, TERMINAL, Ending, Idle, Requesting
from ...table import Machine
from . import acting, conversation, ends, stages, starting

_ROWS: Final = (*starting.ROWS, *stages.ROWS, *ends.ROWS, *conversation.ROWS, *acting.ROWS)

MACHINE: Final = Machine(
    name="lifecycle",
    attribute="lifecycle",
    states=LIFECYCLE,
    initial=Idle,
    terminal=TERMINAL,
    alphabet=tuple(dict.fromkeys(r.on for r in _ROWS)),
    rows=_ROWS,
    deadlines={Requesting: sig.GiveUp, Ending: sig.GiveUp},
    rejects=True,
)

"""The states of a shard in a worker, as one table. The worker carries out the actions; nothing else decides.

A shard is a part of the chats: 256 by default, by a checksum of the session's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

State: TypeAlias = Literal["elsewhere", "reading", "owned", "draining"]
Event: TypeAlias = Literal["claimed", "read", "surplus", "drained", "lost"]
Action: TypeAlias = Literal["read", "adopt", "drain", "give_back", "abandon"]

PROBATION_S: Final = 3.0
"""A shard whose chats have all been at work for so long is not the reason why its worker stopped."""
SUSPECT: Final = 5
CERTAIN: Final = 8
QUARANTINE: Final = 100
"""A shard gets a strike when its worker stops before the end of the probation; the first one at any time.

Shards with `SUSPECT` strikes are tried: a worker claims half of those that have the most, and no others before the end
of their probation. If it stops, only these get a strike, so that half of the suspects are left each time. One that was
tried alone and had `CERTAIN` strikes gets `QUARANTINE`: it is claimed no more, until `statemachine cluster release`,
and the free ones are suspects no more. Fewer strikes prove nothing: where workers are killed every few seconds, many
fall into a probation by chance. A planned handover takes all strikes away.
"""

STATES: Final = get_args(State)
EVENTS: Final = get_args(Event)
ACTIONS: Final = get_args(Action)

# fmt: off
TABLE: Final[Mapping[State, Mapping[Event, tuple[State, Action | None, str]]]] = {
    "elsewhere": {
        "claimed": ("reading",   "read",      "its chats are read before any of them acts"),
        "read":    ("elsewhere", None,        "it was lost while it was read"),
        "surplus": ("elsewhere", None,        "it was lost meanwhile"),
        "drained": ("elsewhere", None,        "it was lost meanwhile"),
        "lost":    ("elsewhere", None,        "another worker may have it"),
    },
    "reading": {
        "claimed": ("reading",   None,        "claimed once"),
        "read":    ("owned",     "adopt",     "each chat continues as after a restart"),
        "surplus": ("reading",   None,        "the next heartbeat asks again"),
        "drained": ("reading",   None,        "of an earlier time"),
        "lost":    ("elsewhere", "abandon",   "what was read is out of date"),
    },
    "owned": {
        "claimed": ("owned",     None,        "claimed once"),
        "read":    ("owned",     None,        "read once"),
        "surplus": ("draining",  "drain",     "others have less, or this worker stops"),
        "drained": ("owned",     None,        "of an earlier time"),
        "lost":    ("elsewhere", "abandon",   "its new owner must not be disturbed"),
    },
    "draining": {
        "claimed": ("draining",  None,        "it is still ours"),
        "read":    ("draining",  None,        "of an earlier time"),
        "surplus": ("draining",  None,        "it is on its way"),
        "drained": ("elsewhere", "give_back", "all of it is saved, and nothing in flight"),
        "lost":    ("elsewhere", "abandon",   "its new owner must not be disturbed"),
    },
}
# fmt: on
"""State -> event -> the next state, the action, and why."""


class Shards:
    """The states of all shards that are not elsewhere."""

    def __init__(self) -> None:
        self._states: dict[int, State] = {}

    def state(self, shard: int) -> State:
        """The state of this shard."""
        return self._states.get(shard, "elsewhere")

    def all_in(self, *states: State) -> list[int]:
        """The shards in these states, those first that were claimed first."""
        return [shard for shard, state in self._states.items() if state in states]

    def handle(self, event: Event, shard: int) -> Action | None:
        """Enter the next state of this shard; returns the action to carry out."""
        state, action, _ = TABLE[self.state(shard)][event]
        if state == "elsewhere":
            self._states.pop(shard, None)
        else:
            self._states[shard] = state
        return action

"""The conditions of one run, drawn before it begins: configuration, the emulator's knobs and scenario, and faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from statemachine.core.session import Config
from statemachine.emulator.knobs import Knobs
from statemachine.emulator.names import DISCONNECT, SIGNALING

from .choices import Choices, Tape
from .faults import Faults
from .schedule import Schedule

EPOCH: Final = 1_700_000_000_000

_KNOBS: Final[dict[str, tuple[Any, ...]]] = {
    "pace": (1.0, 0.2, 4.0),
    "initial_state": ("establishing", "ivr", "queued"),
    "is_new_chat_type": ("by_version", "bool", "string"),
    "service_name": ("", "Service"),
    "hold_ms": (15_000, 3_000, 0),
    "hold_jitter_ms": (0, 5_000),
    "empty_style": ("array", "no_body", "code_5511"),
    "no_events_status": (200, 404),
    "too_many_polls_status": ("by_version", 400, 429),
    "after_cut": ("hold", "free", "swallow"),
    "redeliver": (False, True),
    "replay_batches": (0, 1, 4),
    "drop_without_polls_ms": (180_000, 60_000, None),
    "v1_reply_events": ("copy", "none", "take"),
    "error_code_type": ("string", "number"),
    "timestamp_unit": ("s", "ms"),
    "timestamp_type": ("string", "number"),
    "timestamp_everywhere": (False, True),
    "ewt_style": ("string", "number", "empty", "absent"),
    "form_field_type": ("string", "number"),
    "coordinate_type": ("string", "number"),
    "id_case": ("observed", "lower", "mixed"),
    "misspelt_timeout": (False, True),
    "msg_text": (True, False),
    "own_echo": (False, True),
    "receipts": ("on", "off", "duplicated", "early", "per_party"),
    "connect_order": ("status_first", "party_first", "party_only"),
    "transfer": ("conference", "queue"),
    "end_signals": (("ended",), ("completed",), ("failed",), ("timed_out",), ("gone",), ("completed", "ended")),
    "gone_style": ("code_5005", "bare", "html"),
    "gone_heals": (False, True),
    "inactivity_timeout_ms": (600_000, 30_000),
    "inactivity_warnings": (1, 0, 2),
    "history_omits": ((SIGNALING,), (SIGNALING, DISCONNECT), (SIGNALING, DISCONNECT)),
    "history_after_end": ("gone", "kept"),
    "stale_create": (False, True),
    "idle_reset": ("message", "any"),
    "file_event_quirk": (False, True),
}
_ODD: Final[dict[str, tuple[Any, ...]]] = {
    "unknown_events": (False, True),
    "unknown_enums": (False, True),
    "malformed_events": (False, True),
    "omit_fields": ((), ("timestamp",)),
}


_SCENARIOS: Final = ("plain", "demo", "flaky", "survey", "queue-transfer", "forms", "silent", "failed")


@frozen(eq=False)
class Environment:
    """The time, the choices and the faults of one run, and the settings of its client and server."""

    schedule: Schedule
    choices: Choices
    faults: Faults
    config: Config
    knobs: Knobs
    scenario: str


def draw_environment(seed: int, tape: Tape | None = None, only: Sequence[str] | None = None) -> Environment:
    """Choose the conditions of the run with this seed. `only`: enable just these faults."""
    choices = Choices(seed, tape)
    faults = Faults(choices, only)
    config, knobs = _draw_config(choices), _draw_knobs(choices, faults)
    # Often the server does nothing by itself, so that its stages last; seldom is the chat over at once.
    scenario = choices.pick("scenario", _SCENARIOS, (5, 5, 5, 5, 5, 5, 15, 1))
    return Environment(Schedule(EPOCH), choices, faults, config, knobs, scenario)


def _draw_config(choices: Choices) -> Config:
    api: Any = choices.pick("api", ("v2", "v1"), (4, 1))
    tries = choices.pick("limited tries", (3, 1), (2, 1))
    window = choices.pick("window", (1_024, 128), (3, 1))
    return Config(api=api, receipts=not choices.index("no receipts", (2, 1)), limited_tries=tries, window=window)


def _draw_knobs(choices: Choices, faults: Faults) -> Knobs:
    """Most knobs keep their default."""
    knobs = {**_KNOBS, **(_ODD if "odd entries" in faults.enabled else {})}
    drawn = {
        name: choices.pick(f"knob {name}", values, (6 * (len(values) - 1), *(2,) * (len(values) - 1)))
        for name, values in knobs.items()
    }
    return Knobs(seed=choices.amount("emulator's seed", 1_000), **drawn)

"""What stands around a run from its beginning: the session's configuration, the centre's knobs, its scenario."""

from __future__ import annotations

from typing import Any, Final

from statemachine.core.session import Config
from statemachine.emulator.knobs import Knobs
from statemachine.emulator.names import DISCONNECT, SIGNALING

from .choices import Choices
from .faults import Faults

__all__ = ["draw_config", "draw_knobs", "draw_scenario"]

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


def draw_knobs(choices: Choices, faults: Faults) -> Knobs:
    """How the centre behaves: most knobs at their default, a few turned."""
    knobs = {**_KNOBS, **(_ODD if "odd entries" in faults.enabled else {})}
    turned = {
        name: values[choices.choose(f"knob {name}", (6 * (len(values) - 1), *(2,) * (len(values) - 1)))]
        for name, values in knobs.items()
    }
    return Knobs(seed=choices.amount("centre's seed", 1_000), **turned)


def draw_config(choices: Choices) -> Config:
    """How the session is configured."""
    api = ("v2", "v1")[choices.choose("api", (4, 1))]
    tries = (3, 1)[choices.choose("limited tries", (2, 1))]
    window = (1_024, 128)[choices.choose("window", (3, 1))]
    return Config(api=api, receipts=not choices.choose("no receipts", (2, 1)), limited_tries=tries, window=window)


_SCENARIOS: Final = ("plain", "demo", "flaky", "survey", "queue-transfer", "forms", "silent", "failed")


def draw_scenario(choices: Choices) -> str:
    """What the centre does by itself; often nothing, so that its stages last; seldom is it over at once."""
    return _SCENARIOS[choices.choose("scenario", (5, 5, 5, 5, 5, 5, 15, 1))]

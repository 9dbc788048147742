"""Every way in which contact centres differ, as settings of the emulated one (protocol.md, its appendix).

A knob is data: a name, a type, a default, a unit and a sentence, so that a TOML file or a command line can
set it (``describe`` and ``from_settings``). Section numbers in the sentences are those of protocol.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, cast, get_args, get_origin, get_type_hints

from attrs import evolve, field, fields, fields_dict, frozen

from statemachine.durations import parse_duration

Call = Literal[
    "any", "version", "availability", "parameters", "create", "active", "send", "poll", "history",
    "notifications", "casehistory", "closecase", "upload", "download", "photo", "iceservers",
    "configuration", "requestsms",
]  # fmt: skip
"""Endpoint names, in the order of section 1.2."""

EndSignal = Literal["ended", "completed", "failed", "timed_out", "gone"]
"""The five terminal signals of section 2.2."""


def knob(default: Any, about: str, unit: str = "") -> Any:
    """A field with the sentence and the unit that ``describe`` shows."""
    return field(default=default, metadata={"about": about, "unit": unit})


@frozen
class Fault:
    """One planned failure of a call: the first ``skip`` matching calls pass, the next ``times`` fail.

    ``on``: the call; ``any``: all. ``retry_after_s``: the header ``Retry-After``, in seconds.
    ``code`` makes an API error body with ``status`` (None: the code's usual one); ``html`` a proxy's page;
    ``drop`` closes the connection. ``accepted``: the request takes effect first, so the client is in doubt.
    """

    on: Call = "any"
    code: int = 5001
    status: int | None = None
    html: bool = False
    drop: bool = False
    accepted: bool = False
    times: int = 1
    skip: int = 0
    retry_after_s: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.on not in get_args(Call):
            raise ValueError(f"fault on {self.on!r}: there is no such call")


@frozen
class Knobs:
    """How this centre behaves. The defaults are the safest assumptions of sections 3, 4 and 10."""

    # A knob is a line.
    # fmt: off
    seed: int = knob(0, "ids and jitter are derived from it")
    pace: float = knob(1.0, "scenario delays are multiplied by it; 0.05 makes a demo of seconds")

    # Identity and configuration (1.1).
    tenants: tuple[str, ...] = knob((), "tenant URLs served; none listed: any that is not empty")
    tenant_required: bool = knob(True, "calls without tenantUrl are refused with 1000")
    tenant_status: int = knob(400, "HTTP status of error 1000 (400 or 403)")
    app_ids: tuple[str, ...] = knob((), "app ids served; none listed: any that is not empty (a scenario's name plays it)")
    auth_status: Literal[401, 403] = knob(403, "HTTP status of the authorization errors 2000-2004")
    cookie_identity: bool = knob(True, "clientId WebChat is identified by a cookie")
    single_session: bool = knob(True, "one active session per (tenant, appId, clientId)")
    server_version: str = knob("5.8.0.12345 (Stable)", "what Get Version answers")
    available: bool = knob(True, "Check Availability answers available; otherwise notAvailable")
    accepts_chats: bool = knob(True, "Request Chat works; otherwise it answers 503 with 5001")

    # Creation (E4, E5).
    initial_state: Literal["ivr", "queued", "establishing"] = knob("ivr", "state of a new session")
    is_new_chat_type: Literal["by_version", "bool", "string"] = knob("by_version", "its type")
    stale_create: bool = knob(False, "Request Chat once returns the session that has just ended")
    service_name: str = knob("", "chat_session_info with this name opens each session; empty: no such event")

    # Polling (4).
    hold_ms: int = knob(15_000, "how long a poll without events is held; 0: answered at once", "ms")
    hold_jitter_ms: int = knob(0, "a hold is shortened by up to this much", "ms")
    empty_style: Literal["array", "no_body", "code_5511"] = knob("array", "answer of a poll without events")
    no_events_status: int = knob(200, "HTTP status that carries 5511")
    too_many_polls_status: Literal["by_version", 400, 429] = knob("by_version", "HTTP status of 5509")
    after_cut: Literal["hold", "swallow", "free"] = knob("hold", "a broken poll keeps its slot until the hold would have ended (hold), also takes the events that come meanwhile with it (swallow), or frees the slot at once (free)")
    redeliver: bool = knob(False, "events of a reply reported as lost are handed over again")
    replay_batches: int = knob(0, "a caching proxy repeats each batch to this many following polls (F34)")
    drop_without_polls_ms: int | None = knob(180_000, "the session is dropped after this long without a poll; none: never", "ms")
    v1_reply_events: Literal["none", "take", "copy"] = knob("copy", "new events in a v1 reply to Send Events: none, only there, or there and by poll")

    # Shapes (3.0).
    error_code_type: Literal["string", "number"] = knob("string", "type of error_code")
    timestamp_unit: Literal["s", "ms"] = knob("s", "unit of timestamps")
    timestamp_type: Literal["string", "number"] = knob("string", "type of timestamps")
    timestamp_everywhere: bool = knob(False, "also status, ended and info carry a timestamp")
    ewt_style: Literal["string", "number", "empty", "absent"] = knob("string", "the field ewt")
    form_field_type: Literal["string", "number"] = knob("string", "form_request_id and form_timeout")
    coordinate_type: Literal["string", "number"] = knob("string", "latitude and longitude")
    created_time_type: Literal["number", "string"] = knob("number", "created_time in case history")
    id_case: Literal["observed", "lower", "mixed"] = knob("observed", "party ids in upper case (observed), all lower, or the own party id in another case too")
    misspelt_timeout: bool = knob(False, "the inactivity event under its misspelt name")
    msg_text: bool = knob(True, "server messages carry msg_text beside msg")
    omit_fields: tuple[str, ...] = knob((), "optional fields left out of every server event")
    unknown_events: bool = knob(False, "an event of an unknown name follows every server message (F9)")
    unknown_enums: bool = knob(False, "an unknown party type, and once an unknown state (F8)")
    malformed_events: bool = knob(False, "every batch with events also has entries that are broken (F9)")

    # Conversation.
    own_echo: bool = knob(False, "the client's own messages come back by poll")
    receipts: Literal["off", "on", "duplicated", "early", "per_party"] = knob("on", "agents' receipts; early: before the reply to the POST")
    connect_order: Literal["status_first", "party_first", "party_only"] = knob("status_first", "order of status connected and party_joined")
    transfer: Literal["conference", "queue"] = knob("conference", "how the demo's agent is replaced")
    end_signals: tuple[EndSignal, ...] = knob(("ended",), "the terminal signals of a scenario's normal end")
    gone_style: Literal["code_5005", "bare", "html"] = knob("code_5005", "body of the 404 of a lost chat")
    gone_heals: bool = knob(False, "Request Chat brings a lost session back under the same id")

    # Inactivity (6.1).
    inactivity_timeout_ms: int | None = knob(600_000, "idle time with an agent; none: no limit", "ms")
    inactivity_warnings: int = knob(1, "warnings before the timeout: 0, 1 or 2")
    idle_reset: Literal["message", "any"] = knob("message", "what counts as activity")
    warning_text: str = knob("Are you still there?", "text of the warning; may be empty")
    timeout_text: str = knob("The chat was closed because of inactivity.", "text of the timeout")

    # History, files, cases.
    history_omits: tuple[str, ...] = knob(("chat_session_signaling",), "events kept out of history")
    history_after_end: Literal["gone", "kept"] = knob("gone", "history of an ended session")
    upload_limit_bytes: int = knob(25 * 1024 * 1024, "largest file", "bytes")
    file_name_in_reply: bool = knob(True, "Upload File answers file_name beside file_id")
    files_kept: int = knob(1000, "number of newest files kept")
    files_kept_bytes: int = knob(256 * 1024 * 1024, "bytes of newest files kept", "bytes")
    file_event_quirk: bool = knob(False, "a file event with a msg_id is refused with 500/5500")
    case_paths: Literal["both", "root", "chat"] = knob("both", "where Get Case History and Close Case are served")
    crm_refuses: bool = knob(False, "Close Case answers 500/5602")
    push_configured: bool = knob(True, "Notifications works; otherwise 406")
    faults: tuple[Fault, ...] = knob((), "planned failures, counted over all clients")

    # The line between the client and the centre; requests are counted for each client, from 1.
    network_delay_ms: int = knob(0, "each request arrives this much later", "ms")
    network_bytes_per_s: int = knob(0, "answers trickle at this speed; 0: at once")
    network_cut_every: int = knob(0, "each n-th request is lost before the centre sees it; 0: none")
    network_drop_reply_every: int = knob(0, "each n-th request takes effect, but its answer is lost; 0: none")

    chats_kept: int = knob(10_000, "chats kept; beyond it the oldest are forgotten, finished ones first")

    # The limits of the judge's rules (8). Zero switches a rule off.
    judge_repoll_ms: int = knob(100, "an error answered by the same call within this time is F3", "ms")
    judge_grace_ms: int = knob(1_000, "a send this soon after the end may have been on its way; of a busy machine less time counts", "ms")
    judge_end_gap_ms: int = knob(250, "end this soon after disconnect is F30", "ms")
    judge_hot_polls: int = knob(20, "this many instantly answered polls within a second are F34")
    judge_aborts: int = knob(3, "this many polls in a row broken off by the client are F21")
    judge_silence_ms: int = knob(60_000, "texts sent this long after the latest poll are F5", "ms")
    judge_typing_ms: int = knob(60_000, "typing that never stops is F32 after this time", "ms")
    # fmt: on

    def __attrs_post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"knob {name}: {getattr(self, name)!r} is none of {allowed}")
        for name in _NUMBERS:
            value = getattr(self, name)
            if value is not None and not (value >= 0 and (value <= _LARGEST or name == "seed")):
                raise ValueError(f"knob {name}: {value} is not between 0 and {_LARGEST:,}")
        unknown = set(self.end_signals) - set(get_args(EndSignal))
        if unknown:
            raise ValueError(f"knob end_signals: {', '.join(sorted(unknown))} is none of {get_args(EndSignal)}")


_LARGEST: Final = 10**15
"""In milliseconds 30,000 years: with larger numbers (and `inf` and `nan`) no deadline can be computed."""
_HINTS: Final[dict[str, Any]] = get_type_hints(Knobs)
_CHOICES: Final = {name: get_args(hint) for name, hint in _HINTS.items() if get_origin(hint) is Literal}
_NUMBERS: Final = tuple(name for name, hint in _HINTS.items() if hint in (int, float, int | None))


@frozen
class Knob:
    """One knob as a reader sees it: ``choices`` is empty where any value of the type will do."""

    name: str
    type: str
    default: object
    unit: str
    about: str
    choices: tuple[object, ...]


def _type_name(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "choice"
    return hint.__name__ if isinstance(hint, type) and get_origin(hint) is None else str(hint)


def describe() -> tuple[Knob, ...]:
    """All knobs in the order of their definition."""
    return tuple(
        Knob(one.name, _type_name(_HINTS[one.name]), one.default, choices=_CHOICES.get(one.name, ()), **one.metadata)
        for one in fields(Knobs)
    )


def from_settings(settings: Mapping[str, object], base: Knobs | None = None) -> Knobs:
    """Knobs from text or TOML values: ``{"hold_ms": "3s", "receipts": "off", "tenants": ["a.example"]}``.

    Raises ValueError that names the knob when a name is unknown or a value does not fit.
    """
    unknown = sorted(set(settings) - set(_HINTS))
    if unknown:
        raise ValueError(f"unknown knob: {', '.join(unknown)}")
    values: dict[str, Any] = {name: _convert(name, value) for name, value in settings.items()}
    return evolve(base if base is not None else Knobs(), **values)


def _convert(name: str, value: object) -> object:
    hint = _HINTS[name]
    try:
        if name in _CHOICES:
            return next(choice for choice in _CHOICES[name] if str(choice) == str(value))
        if name == "faults":
            return tuple(one if isinstance(one, Fault) else Fault(**one) for one in _items(value))
        if get_origin(hint) is tuple:
            return tuple(str(one) for one in _items(value))
        if hint is bool:
            return {"true": True, "false": False}[str(value).lower()]
        if type(None) in get_args(hint) and str(value).lower() in ("none", ""):
            return None
        is_duration = fields_dict(Knobs)[name].metadata["unit"] == "ms"
        if is_duration and isinstance(value, str) and not value.strip().isdecimal():
            return parse_duration(value)
        return next(kind for kind in (float, str, int) if kind is hint or kind in get_args(hint))(str(value))
    except (KeyError, StopIteration, TypeError, ValueError):
        wanted = _CHOICES.get(name) or _type_name(hint)
        raise ValueError(f"knob {name}: {value!r} does not fit {wanted}") from None


def _items(value: object) -> list[Any]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, (list, tuple)):
        return list(cast("list[Any]", value))
    raise TypeError("a list is needed")

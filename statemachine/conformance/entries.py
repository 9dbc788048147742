"""Random entries for walks: those of a server, and changes by a hostile one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar, cast

from attrs import evolve, fields, frozen, resolve_types

from ..core import wire
from ..core.declaration import DecimalText
from ..core.wire import Entry

T = TypeVar("T")
E = TypeVar("E", bound=Entry)
Choose: TypeAlias = Callable[[int], int]
"""A number from 0 to n - 1; 0 is the simplest choice."""

AGENTS: Final = ("A1-b", "B2-c")
STATES: Final = ("queued", "connecting", "connected", "ivr", "establishing", "CONNECTED", "", "odd")
TYPES: Final = ("internal", "scenario", "external", "msteams", "")


def pick(choose: Choose, options: Sequence[T]) -> T:
    """One of these; the first is the simplest."""
    return options[choose(len(options))]


def one_of(choose: Choose, *options: Entry) -> Entry:
    """One of these entries; the first is the simplest."""
    return options[choose(len(options))]


def weighted(choose: Choose, options: Sequence[tuple[int, T]]) -> T:
    """One of these, with the given weights."""
    at = choose(sum(weight for weight, _ in options))
    for weight, option in options:
        if at < weight:
            return option
        at -= weight
    raise AssertionError("choose(n) gave n or more")


def sample(cls: type[E], n: int) -> E:
    """An entry of any class. Each text contains the name of its field; optional fields are absent."""
    resolve_types(cls)
    made: Any = cls
    return cast(E, made(**{one.name: _SAMPLES[one.type](one.name, n) for one in fields(cls) if one.type in _SAMPLES}))


_SAMPLES: Final[dict[Any, Callable[[str, int], str]]] = {
    str: lambda name, n: "" if name in ("msg_id", "party_id") else f"{name} {n}",
    DecimalText: lambda name, n: f"{n}.5",
}


# --- entries of a server -------------------------------------------------------------------------------------------


@frozen
class Referable:
    """What an entry may refer to: message ids, open forms, parties that type, and own entries that are under way."""

    ids: Sequence[str] = ("s1",)
    forms: Sequence[str] = ()
    typists: Sequence[str] = ()
    own: Sequence[Entry] = ()


_NOTHING: Final = Referable()


def _agent(choose: Choose, known: Referable) -> str:
    agent = pick(choose, known.typists or AGENTS)
    return pick(choose, (agent, agent, agent.upper()))


def _message(choose: Choose, n: int, known: Referable) -> Entry:
    return wire.Message(f"s{n}", _agent(choose, known), msg=f"says {n}", timestamp=pick(choose, (n * 1_000, None)))


def _bare_message(choose: Choose, n: int, known: Referable) -> Entry:
    """Without an id, and sometimes without a time."""
    return wire.Message(
        party_id=_agent(choose, known), msg=pick(choose, ("hm", "yes")), timestamp=pick(choose, (n * 1_000, 7, None))
    )


def _status(choose: Choose, n: int, known: Referable) -> Entry:
    return wire.Status(pick(choose, STATES), pick(choose, (None, 30_000, 0)))


def _joined(choose: Choose, n: int, known: Referable) -> Entry:
    return wire.PartyJoined(
        _agent(choose, known), pick(choose, TYPES), display_name="Ann", timestamp=pick(choose, (n * 1_000, None))
    )


def _left(choose: Choose, n: int, known: Referable) -> Entry:
    return wire.PartyLeft(pick(choose, (*AGENTS, "nobody")), timestamp=pick(choose, (n * 1_000, None)))


def _typing(choose: Choose, n: int, known: Referable) -> Entry:
    return one_of(
        choose,
        wire.Typing(_agent(choose, known)),
        wire.NotTyping(_agent(choose, known)),
        wire.Typing("3f9c2a10-chat-0"),
        wire.Typing(),
    )


def _shown(choose: Choose, n: int, known: Referable) -> Entry:
    timeout = pick(choose, (None, 30_000, 0))
    return one_of(
        choose,
        wire.FormShow(f"f{n}", "survey_form", timeout),
        wire.FormShow(f"f{n}", "", timeout),
        wire.SecureFormShow(f"f{n}", "card"),
        wire.FormShow("f1", "survey_form"),
    )


def _closed(choose: Choose, n: int, known: Referable) -> Entry:
    form = pick(choose, known.forms or (f"f{choose(n + 1)}",))
    return one_of(
        choose,
        wire.FormData(form),
        wire.FormDataCancel(form),
        wire.SecureFormCancel(form),
        wire.SecureFormData(form),
        wire.FormSubmit(),
    )


def _thing(choose: Choose, n: int, known: Referable) -> Entry:
    agent = _agent(choose, known)
    return one_of(
        choose,
        wire.File(f"file{n}", "image", "a.png", f"s{n}", agent),
        wire.Location("1.5", "2.5", msg_id=f"s{n}", party_id=agent),
        wire.File(f"file{n}"),
        wire.Location("1.5", "2.5"),
        wire.Location("1.5", "2.5", msg_id=f"s{n}", party_id="3f9c2a10-chat-0"),
        wire.Signaling("OFFER_CALL", f"s{n}", agent, sdp="v=0"),
        wire.Signaling("END_CALL", "", agent),
        wire.CobrowsingRequested(f"s{n}"),
    )


def _level(choose: Choose, n: int, known: Referable) -> Entry:
    return one_of(
        choose,
        wire.CaseSet("case-1"),
        wire.CaseSet(""),
        wire.Info(f"Service {n}"),
        wire.Navigation("/page", "Page", f"n{n}"),
        wire.SessionDisconnect(),
        wire.SessionEnd(),
        wire.CobrowsingRejected(),
        wire.CobrowsingStarted(),
        wire.CobrowsingEnded(),
    )


_ANY: Final = tuple([cls for cls in wire.ENTRIES if cls.wire.effect != "lifecycle"])


def _any(choose: Choose, n: int, known: Referable) -> Entry:
    """Any entry that does not change the phase."""
    entry: Any = sample(pick(choose, _ANY), n)
    given = {"msg_id": f"s{n}", "party_id": _agent(choose, known), "timestamp": n * 1_000}
    return cast(Entry, evolve(entry, **{name: value for name, value in given.items() if hasattr(entry, name)}))


def _odd(choose: Choose, n: int, known: Referable) -> Entry:
    raw = f'{{"n":{n}}}'
    return one_of(
        choose,
        wire.Unknown("chat_session_new", raw),
        wire.Malformed("no event name", raw=raw),
        wire.Unknown("chat_session_new"),
        wire.Unknown("\ud800", raw, n),
        wire.Message("\ud800" * 3, "\x00", msg="\udfff"),
        wire.PartyJoined("p" * 400, "t" * 400, timestamp=n),
    )


def _receipt(choose: Choose, n: int, known: Referable) -> Entry:
    ref = pick(choose, (*known.ids, "unknown"))
    return one_of(choose, wire.MessageDelivered(ref, AGENTS[0]), wire.MessageRead(ref, AGENTS[0]))


def _echo(choose: Choose, n: int, known: Referable) -> Entry:
    return pick(choose, known.own) if known.own else _message(choose, n, known)


def spoken_entry(choose: Choose, n: int, known: Referable = _NOTHING) -> Entry:
    """A new entry of a server's log. `n`: its place there."""
    kinds: tuple[tuple[int, Callable[[Choose, int, Referable], Entry]], ...] = (
        (14, _message),
        (5, _bare_message),
        (8, _status),
        (6, _joined),
        (4, _left),
        (6, _typing),
        (8, _receipt),
        (6, _shown),
        (4, _closed),
        (6, _thing),
        (4, _level),
        (6, _echo),
        (4, _odd),
        (16, _any),
        (2, lambda choose, n, known: wire.TimeoutWarning("still there?", n)),
    )
    return weighted(choose, kinds)(choose, n, known)


def terminal(choose: Choose) -> Entry:
    """Any one of these ends the session."""
    status = (wire.Status("failed"), wire.Status("Completed"))
    return one_of(choose, wire.SessionEnded(), wire.InactivityTimeout("bye"), *status)


# --- changes by a hostile server -----------------------------------------------------------------------------------


def _shouted(entry: Any) -> Any:
    party = getattr(entry, "party_id", "")
    return evolve(entry, party_id=party.swapcase()) if party else entry


def _stripped(entry: Any) -> Any:
    """Without its id and its time."""
    kept = {name: "" for name in ("msg_id",) if getattr(entry, name, "")}
    gone = {"timestamp": None} if getattr(entry, "timestamp", None) is not None else {}
    return evolve(entry, **kept, **gone)


def hostile(choose: Choose, entries: tuple[Entry, ...], log: Sequence[Entry]) -> tuple[Entry, ...]:
    """A changed batch or log: repeated, out of order, cut, in another letter case, or without ids."""
    spoil: tuple[Callable[[], tuple[Entry, ...]], ...] = (
        lambda: (*log[-3:], *entries),
        lambda: (*entries, *entries),
        lambda: tuple(reversed(entries)),
        lambda: entries[len(entries) // 2 :],
        lambda: tuple(_shouted(e) for e in entries),
        lambda: tuple(_stripped(e) for e in entries),
        lambda: tuple(log),
        lambda: (*entries, *(spoken_entry(choose, 900 + i) for i in range(3))),
        tuple[Entry, ...],
    )
    return pick(choose, spoil)()


# --- entries for SendEntry ------------------------------------------------------------------------------------------


def to_send(choose: Choose) -> wire.SendableEntry:
    """An entry for `SendEntry`."""
    return sample(pick(choose, wire.SENDABLE_ENTRIES), choose(9))

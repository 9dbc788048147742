"""What changed between two tables as data, and whether a reader of the old one still reads the new one right.

*Additive*: something new beside what was there, or other words for it. *Breaking*: something is gone, or the same event
in the same state is answered otherwise. One loosening is additive too: what was rejected may now be possible.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias, cast

from attrs import frozen

from .export import FORMAT

Object: TypeAlias = dict[str, Any]
Things: TypeAlias = Mapping[str, Any]
Severity: TypeAlias = Literal["additive", "breaking"]

_WORDS: Final = ("doc", "why", "ref")
"""Members that are for the reader only."""


@frozen
class Change:
    """One difference. `where`: machine, section or record; `what`: in words."""

    severity: Severity
    where: str
    what: str


class NotATable(Exception):
    """The old table cannot be compared; the message says why."""


def read(data: bytes) -> Object:
    """A table from a file. Raises NotATable."""
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError):
        raise NotATable("it is not JSON") from None
    if not isinstance(found, dict) or "format" not in found:
        raise NotATable("it is no table.json: it names no format")
    table = cast(Object, found)
    if table["format"] != FORMAT:
        raise NotATable(f"it has format {table['format']!r}; only {FORMAT} can be compared")
    return table


def compare(old: Object, new: Object) -> list[Change]:
    """Every change from one table to another, in the order of the tables. Raises NotATable."""
    try:
        return [change for section in _SECTIONS for change in section(old, new)]
    except (AttributeError, LookupError, TypeError, ValueError) as problem:
        raise NotATable(f"it is no table.json: {type(problem).__name__} at {problem}") from None


def _breaking(where: str, what: str) -> Change:
    return Change("breaking", where, what)


def _additive(where: str, what: str) -> Change:
    return Change("additive", where, what)


# --- parts that occur in several places -----------------------------------------------------------------------------


def _members(where: str, kind: str, old: Iterable[Any], new: Iterable[Any]) -> Iterator[Change]:
    """Names in a list: one less breaks, one more adds."""
    before, after = list(old), list(new)
    yield from (_breaking(where, f"{kind} {one} is gone") for one in before if one not in after)
    yield from (_additive(where, f"{kind} {one} is new") for one in after if one not in before)


def _values(where: str, old: Things, new: Things, names: Iterable[str]) -> Iterator[Change]:
    """Members of which any change breaks."""
    for name in names:
        if old[name] != new[name]:
            yield _breaking(where, f"{name}: {_said(old[name])} is now {_said(new[name])}")


def _kept(old: Things, new: Things) -> Iterator[tuple[str, Any, Any]]:
    """(name, before, after) of what is in both."""
    yield from ((name, old[name], new[name]) for name in old if name in new)


def _each(
    where: str, old: Mapping[Any, Object], new: Mapping[Any, Object], also: Iterable[str] = ()
) -> Iterator[Change]:
    """Things with a name, in both: their fields, their words, and `also` the members of which any change breaks."""
    for name, before, after in _kept(old, new):
        here = f"{where} {name}"
        yield from _fields(here, before.get("fields", ()), after.get("fields", ()))
        yield from _members(here, "wire name", before.get("wire", ()), after.get("wire", ()))
        yield from _values(here, before, after, also)
        yield from (_additive(here, f"{word}: other words") for word in _WORDS if before.get(word) != after.get(word))


def _by(key: str, things: Iterable[Object]) -> dict[str, Object]:
    """Things by their name. `key`: its format, such as "{kind} × {class}"."""
    return {key.format(**thing): thing for thing in things}


def _fields(where: str, old: Iterable[Object], new: Iterable[Object]) -> Iterator[Change]:
    before, after = _by("{name}", old), _by("{name}", new)
    yield from (_breaking(where, f"field {one} is gone") for one in before if one not in after)
    for name, field in after.items():
        if name not in before:
            here = f"field {name} is new"
            yield _additive(where, here) if "default" in field else _breaking(where, f"{here}, without a default")
        elif before[name] != field:
            yield _breaking(where, f"field {name}: {_declared(before[name])} is now {_declared(field)}")


def _declared(field: Object) -> str:
    return str(field["type"]) + (f" = {_said(field['default'])}" if "default" in field else "")


def _said(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- machines -------------------------------------------------------------------------------------------------------


def _machines(old: Object, new: Object) -> Iterator[Change]:
    before, after = _by("{name}", old["machines"]), _by("{name}", new["machines"])
    yield from _members("", "machine", before, after)
    for machine in _kept(before, after):
        yield from _machine(*machine)


def _machine(where: str, old: Object, new: Object) -> Iterator[Change]:
    if old["initial"] != new["initial"]:
        yield _breaking(where, f"begins in {new['initial']}, no longer in {old['initial']}")
    before, after = _by("{name}", old["states"]), _by("{name}", new["states"])
    for state, *_ in _kept(before, after):
        if (state in old["terminal"]) != (state in new["terminal"]):
            yield _breaking(where, f"{state} is {'now' if state in new['terminal'] else 'no longer'} terminal")
    yield from _members(f"{where}: state", "state", before, after)
    yield from _each(f"{where}: state", before, after, ("constants", "deadline", "durations", "owes"))
    yield from _members(where, "event", old["alphabet"], new["alphabet"])
    for kind in ("guards", "effects", "makers"):  # the cells show which of them are used
        yield from _each(f"{where}: {kind}", _by("{name}", old[kind]), _by("{name}", new[kind]))
    cells, meanwhile = _cells(old), _cells(new)
    for state, *_ in _kept(before, after):
        for on in old["alphabet"]:
            if on in new["alphabet"]:
                cell = (state, on)
                yield from _cell(f"{where}: {state} on {on}", cells.get(cell, []), meanwhile.get(cell, []))


def _cells(machine: Object) -> dict[tuple[str, str], list[Object]]:
    """The rows of each cell, in order."""
    found: dict[tuple[str, str], list[Object]] = {}
    for row in machine["rows"]:
        for state in row["source"]:
            found.setdefault((state, row["on"]), []).append(row)
    return found


def _cell(where: str, old: Sequence[Object], new: Sequence[Object]) -> Iterator[Change]:
    meant, means = [_meaning(row) for row in old], [_meaning(row) for row in new]
    if meant == means:
        if any(before[word] != after[word] for before, after in zip(old, new, strict=True) for word in ("why", "ref")):
            yield _additive(where, "other words")
    else:
        severity: Severity = "additive" if _only_loosens(meant, means) else "breaking"
        yield Change(severity, where, f"{_in_words(meant)} is now {_in_words(means)}")


def _meaning(row: Object) -> tuple[Any, ...]:
    """The parts of a row that decide what happens."""
    lists = (tuple(row[member]) for member in ("effects", "raises"))
    return (row["guard"], row["verdict"], row["target"], row["make"], *lists)


def _only_loosens(old: Sequence[tuple[Any, ...]], new: Sequence[tuple[Any, ...]]) -> bool:
    """Whether nothing is answered otherwise but what was rejected.

    The rows before the first rejection are as they were; from there on only rejections stood.
    """
    kept = 0
    while kept < len(old) and old[kept][1] != "rejected":
        kept += 1
    return list(new[:kept]) == list(old[:kept]) and all(row[1] == "rejected" for row in old[kept:]) and kept < len(old)


def _in_words(cell: Iterable[tuple[Any, ...]]) -> str:
    return "; ".join(map(_row_in_words, cell)) or "nothing"


def _row_in_words(row: tuple[Any, ...]) -> str:
    guard, verdict, target, make, effects, raises = row
    parts = [
        f"[{guard}]" if guard else "",
        verdict if verdict != "taken" else f"→ {target}" if target else "stays",
        "/ " + ", ".join((*effects, *((make,) if make else ()))) if effects or make else "",
        *(f"^{signal}" for signal in raises),
    ]
    return " ".join(part for part in parts if part)


# --- between the machines -------------------------------------------------------------------------------------------


def _couplings(old: Object, new: Object) -> Iterator[Change]:
    key = "{signal} from {source} to {target}"
    before, after = _by(key, old["couplings"]), _by(key, new["couplings"])
    yield from _members("couplings", "coupling", before, [one for one in after if one in before])
    yield from _each("couplings", before, after, ("select",))
    raised = {(one["source"], one["signal"]) for one in old["couplings"]}
    for name in (one for one in after if one not in before):
        known = (after[name]["source"], after[name]["signal"]) in raised
        yield (_breaking if known else _additive)("couplings", f"coupling {name} is new")
    if [one for one in before if one in after] != [one for one in after if one in before]:
        yield _breaking("couplings", "they are delivered in another order")


def _classification(old: Object, new: Object) -> Iterator[Change]:
    yield from _members("reactions", "class", old["reactions"]["classes"], new["reactions"]["classes"])
    yield from _statuses(old["reactions"]["classify"]["statuses"], new["reactions"]["classify"]["statuses"])


def _statuses(old: Sequence[Object], new: Sequence[Object]) -> Iterator[Change]:
    """Ranges of HTTP statuses that are classified otherwise."""
    edges = sorted({edge for one in (*old, *new) for edge in (one["from"], one["to"] + 1)})
    for start, end in pairwise(edges):
        before, after = _class_of(old, start), _class_of(new, start)
        if before != after:
            span = str(start) if end == start + 1 else f"{start}–{end - 1}"
            yield _breaking(f"classify: status {span}", f"{before} is now {after}")


def _class_of(ranges: Iterable[Object], status: int) -> str:
    found = (one for one in ranges if one["from"] <= status <= one["to"])
    return next((f"{one['read']}, for posts {one['post']}" for one in found), "nothing")


# --- vocabulary -----------------------------------------------------------------------------------------------------


def _names(old: Object, new: Object) -> Iterator[Change]:
    yield from _members("phases", "phase", old["phases"], new["phases"])
    yield from _members("outcomes", "outcome", old["outcomes"], new["outcomes"])
    yield from _values("phases", old, new, ["view"])
    yield from _members("statuses", "status", old["statuses"], new["statuses"])
    kept = [one for one in old["statuses"] if one in new["statuses"]]
    yield from _values("statuses", old["statuses"], new["statuses"], kept)
    yield from _members("unions", "union", old["unions"], new["unions"])
    for union, before, after in _kept(old["unions"], new["unions"]):
        yield from _members(union, "member", before, after)
    yield from _fields("config", old["config"], new["config"])


def _things(old: Object, new: Object) -> Iterator[Change]:
    for section, (where, kind, key, also) in _NAMED.items():
        before, after = _by(key, _found(old, section)), _by(key, _found(new, section))
        yield from _members(where, kind, before, after)
        yield from _each(where, before, after, also)


def _found(table: Object, section: str) -> list[Object]:
    found: Any = table
    for name in section.split("."):
        found = found[name]
    return cast(list[Object], found)


_NAMED: Final = {
    "reactions.calls": ("reactions: call", "call", "{kind}", ("success", "column")),
    "reactions.reactions": ("reactions", "reaction", "{kind} × {class}", ("signals",)),
    "reactions.classify.kinds": ("classify: kind", "kind", "{kind}", ("read", "post")),
    "reactions.classify.codes": ("classify: code", "code", "{code}", ("read", "post")),
    "selectors": ("selectors", "function", "{name}", ()),
    "events": ("events", "event", "{name}", ("intent",)),
    "entries": ("entries", "entry", "{name}", ("direction",)),
    "signals": ("signals", "signal", "{name}", ("deadline",)),
    "commands": ("commands", "command", "{name}", ("read",)),
    "updates": ("updates", "update", "{name}", ()),
    "records": ("records", "record", "{name}", ()),
}
"""Place in the table -> where it is, what one of its things is called, its name, and which members of it must stay."""

_SECTIONS: Final = (_machines, _couplings, _classification, _names, _things)

"""What changed between two tables as data, and whether a reader of the old one still reads the new one right.

*Additive*: something new beside what was there, or other words for it. *Breaking*: something is gone, or the same event
in the same state is answered otherwise. One loosening is additive too: what was rejected may now be possible.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias, cast

from attrs import frozen

from .export import FORMAT

Object: TypeAlias = dict[str, Any]
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
    """What was given as the old table is none; the message says why."""


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


def _each(
    where: str, kind: str, old: Mapping[Any, Object], new: Mapping[Any, Object], also: Iterable[str] = ()
) -> Iterator[Change]:
    """Things with a name, in both: their fields, their words, and `also` the members of which any change breaks."""
    yield from _members(where, kind, old, new)
    for name in (one for one in old if one in new):
        before, after, here = old[name], new[name], f"{where} {name}".strip()
        yield from _fields(here, before.get("fields", ()), after.get("fields", ()))
        yield from (
            _breaking(here, f"{member}: {_said(before[member])} is now {_said(after[member])}")
            for member in also
            if before[member] != after[member]
        )
        yield from (_additive(here, f"{word}: other words") for word in _WORDS if before.get(word) != after.get(word))


def _by(key: str, things: Iterable[Object]) -> dict[Any, Object]:
    return {thing[key]: thing for thing in things}


def _fields(where: str, old: Iterable[Object], new: Iterable[Object]) -> Iterator[Change]:
    before, after = _by("name", old), _by("name", new)
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
    before, after = _by("name", old["machines"]), _by("name", new["machines"])
    yield from _members("", "machine", before, after)
    for name in (one for one in before if one in after):
        yield from _machine(name, before[name], after[name])


def _machine(where: str, old: Object, new: Object) -> Iterator[Change]:
    if old["initial"] != new["initial"]:
        yield _breaking(where, f"begins in {new['initial']}, no longer in {old['initial']}")
    states_before, states_after = _by("name", old["states"]), _by("name", new["states"])
    for state in (one for one in states_before if one in states_after):
        if (state in old["terminal"]) != (state in new["terminal"]):
            yield _breaking(where, f"{state} is {'now' if state in new['terminal'] else 'no longer'} terminal")
    yield from _each(
        f"{where}: state", "state", states_before, states_after, ("constants", "deadline", "durations", "owes")
    )
    yield from _members(where, "event", old["alphabet"], new["alphabet"])
    for kind in ("guards", "effects", "makers"):  # which of them are used, the cells tell
        functions, meanwhile = _by("name", old[kind]), _by("name", new[kind])
        kept = {one: functions[one] for one in functions if one in meanwhile}
        yield from _each(f"{where}: {kind}", "function", kept, {one: meanwhile[one] for one in kept})
    before, after = _cells(old), _cells(new)
    for state in states_before:
        for on in old["alphabet"]:
            if state in states_after and on in new["alphabet"]:
                yield from _cell(f"{where}: {state} on {on}", before.get((state, on), []), after.get((state, on), []))


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
    """Whatever of a row decides what happens."""
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
    def keyed(table: Object) -> dict[str, Object]:
        return {f"{one['signal']} from {one['source']} to {one['target']}": one for one in table["couplings"]}

    before, after = keyed(old), keyed(new)
    kept = [one for one in before if one in after]
    yield from _each("couplings", "coupling", before, {one: after[one] for one in kept}, ("select",))
    raised = {(one["source"], one["signal"]) for one in old["couplings"]}
    for name in (one for one in after if one not in before):
        known = (after[name]["source"], after[name]["signal"]) in raised
        yield (_breaking if known else _additive)("couplings", f"coupling {name} is new")
    if kept != [one for one in after if one in before]:
        yield _breaking("couplings", "they are heard in another order")


def _reactions(old: Object, new: Object) -> Iterator[Change]:
    before, after = old["reactions"], new["reactions"]
    yield from _members("reactions", "class", before["classes"], after["classes"])
    yield from _each(
        "reactions: call", "call", _by("kind", before["calls"]), _by("kind", after["calls"]), ("success", "column")
    )
    yield from _each("reactions", "reaction", _crossed(before), _crossed(after), ("signals",))
    then, now = before["classify"], after["classify"]
    for kind, key in (("kinds", "kind"), ("codes", "code")):
        yield from _each(f"classify: {key}", key, _by(key, then[kind]), _by(key, now[kind]), ("read", "post"))
    yield from _statuses(then["statuses"], now["statuses"])


def _crossed(reactions: Object) -> dict[str, Object]:
    return {f"{one['kind']} × {one['class']}": one for one in reactions["reactions"]}


def _statuses(old: Sequence[Object], new: Sequence[Object]) -> Iterator[Change]:
    """Ranges of HTTP statuses that are taken otherwise."""
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
    if old["view"] != new["view"]:
        yield _breaking("phases", f"{_said(old['view'])} is now {_said(new['view'])}")
    heard, hears = old["statuses"], new["statuses"]
    yield from _members("statuses", "status", heard, hears)
    yield from (
        _breaking("statuses", f"{one}: {heard[one]} is now {hears[one]}")
        for one in heard
        if hears.get(one, heard[one]) != heard[one]
    )
    yield from _members("unions", "union", old["unions"], new["unions"])
    for union in (one for one in old["unions"] if one in new["unions"]):
        yield from _members(union, "member", old["unions"][union], new["unions"][union])
    yield from _each("selectors", "function", _by("name", old["selectors"]), _by("name", new["selectors"]))


def _shapes(old: Object, new: Object) -> Iterator[Change]:
    yield from _fields("config", old["config"], new["config"])
    for section, (kind, also) in _VOCABULARY.items():
        before, after = _by("name", old[section]), _by("name", new[section])
        yield from _each(section, kind, before, after, also)
        for name in (one for one in before if one in after):
            yield from _members(
                f"{section} {name}", "wire name", before[name].get("wire", ()), after[name].get("wire", ())
            )


_VOCABULARY: Final = {
    "events": ("event", ("intent",)),
    "entries": ("entry", ("direction",)),
    "signals": ("signal", ("deadline",)),
    "commands": ("command", ("read",)),
    "updates": ("updates", ()),
    "records": ("record", ()),
}
"""Section -> what one of its things is called, and which members of it must stay."""

_SECTIONS: Final[tuple[Callable[[Object, Object], Iterator[Change]], ...]] = (
    _machines,
    _couplings,
    _reactions,
    _names,
    _shapes,
)

"""`checked_record`: a record whose values come from the host, so that their types are checked when it is made.

A value of a wrong type would be saved with the session, and the snapshot could not be read again. Subclasses of `str`
become plain texts, for the same reason.
"""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args, get_origin

from attrs import evolve, fields

from . import declaration
from .record import make_record
from .wire import SENDABLE_ENTRIES, Entry

_TYPES: Final[dict[str, tuple[type[Any], ...]]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "None": (NoneType,),
} | {
    name: get_args(kind) or (kind,)
    for name, alias in vars(declaration).items()
    if get_origin(alias) is Annotated and (kind := get_args(alias)[0])
}
"""The types of fields, as annotations name them."""
_WORDS: Final = {str: "text (str)", int: "a whole number (int)", bool: "True or False"}


def _checker(name: str, annotation: str) -> Callable[[Any], Any] | None:
    """A function that returns the value of this field as it is kept, or raises TypeError; None: any value is right."""
    names = annotation.split(" | ")
    if not _TYPES.keys() >= set(names):
        return None
    wanted, *others = [kind for one in names for kind in _TYPES[one]]
    optional = others == [NoneType]

    def check(value: Any) -> Any:
        if type(value) is wanted or (optional and value is None):
            return value
        if wanted is str and isinstance(value, str):
            return str.__str__(value)
        raise TypeError(f"{name} must be {_WORDS[wanted]}{' or None' * optional}, not {type(value).__name__}")

    check.__annotations__["value"] = annotation  # the signature of the record shows it
    return check


def _with_checks(cls: type[Any], attributes: list[Any]) -> list[Any]:
    return [
        a if a.converter is not None else a.evolve(converter=_checker(f"{cls.__name__}.{a.name}", a.type))
        for a in attributes
    ]


def check_entry(entry: Any) -> Any:
    """The entry with plain values, as `SendEntry` takes it.

    Raises:
        TypeError: it is no entry of the wire, or one of its fields has a value of a wrong type.
    """
    if not isinstance(entry, Entry):
        raise TypeError(
            f"SendEntry.entry must be an entry of statemachine.wire, such as "
            f"{SENDABLE_ENTRIES[0].__name__}, not {type(entry).__name__}"
        )
    changes: dict[str, Any] = {}
    cls = type(entry)
    for a in fields(cls):
        check = _checker(f"{cls.__name__}.{a.name}", cls.__annotations__[a.name])
        value = getattr(entry, a.name)
        if check is not None and (plain := check(value)) is not value:
            changes[a.name] = plain
    return evolve(entry, **changes) if changes else entry


if TYPE_CHECKING:
    from attrs import frozen as checked_record
else:

    def checked_record(cls: type[Any]) -> type[Any]:
        """Make a record of this class that checks the types of its values."""
        return make_record(cls, field_transformer=_with_checks)


__all__ = ["check_entry", "checked_record"]

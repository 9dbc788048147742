"""`record`: the attrs classes of which events, commands, updates, entries and sessions are made.

For type checkers a record is frozen. At run time it is frozen in development mode only (`python -X dev`): the
constructor of a frozen attrs class writes each field through `object.__setattr__`, which halves the speed of a step.

Equality, hash and `repr` are the same functions for all records instead of generated ones: generating them for more
than a hundred classes was most of what importing this package took.
"""

from __future__ import annotations

import sys
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from attrs import define, field, fields

from .field_texts import with_field_texts


def _equal(self: Any, other: Any) -> Any:
    return self.field_values == other.field_values if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash((self.__class__, self.field_values))


def short_repr(self: Any) -> str:
    """A `repr` without the fields that have their default."""
    cls: Any = self.__class__
    values = [(f, getattr(self, f.name)) for f in fields(cls) if f.repr]
    shown = [
        f"{f.name}={f.repr(value) if callable(f.repr) else repr(value)}" for f, value in values if value != f.default
    ]
    return f"{cls.__qualname__}({', '.join(shown)})"


def make_record(cls: Any, **options: Any) -> Any:
    """Make an attrs class with slots of this class. `options`: more of what `attrs.define` takes."""
    cls.__eq__, cls.__hash__ = _equal, _hash
    own: Any = cls.__dict__
    cls.__repr__ = own.get("__repr__", short_repr)
    cls.__doc__ = with_field_texts(cls.__doc__, own.get("__annotations__", ()))
    made: Any = define(cls, eq=False, repr=False, frozen=sys.flags.dev_mode, weakref_slot=False, **options)
    names: tuple[str, ...] = made.__match_args__

    def values(self: Any) -> tuple[Any, ...]:
        """The values of all fields."""
        return tuple([getattr(self, name) for name in names])

    # `attrgetter` is faster, but gives a single value without its tuple.
    made.field_values = property(attrgetter(*names) if len(names) > 1 else values)
    return made


if TYPE_CHECKING:
    from attrs import frozen as record
else:

    def record(cls: type[Any]) -> type[Any]:
        """Make a record of this class."""
        return make_record(cls)


__all__ = ["field", "make_record", "record"]

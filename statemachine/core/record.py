"""`record`: attrs' frozen classes, cheaper to make and to build.

A frozen class of attrs sets each field through `object.__setattr__`, which is most of what a step costs. A record is
built as its own *open twin* instead, a class with the same slots that forbids no writing, and changes its class to the
frozen one once it is filled: both have one layout. Measured: 14 fields in a third of the time, 4 in half.

A class of attrs also has its methods written, compiled and run when it is made, a millisecond for three of them, and
there are more than a hundred here: most of what importing this package took. So a record makes what is shared by all
records from shared functions, and the rest when somebody asks: its `__new__` when the first one is built, attrs' own
view of it when attrs (or cattrs) looks at it. To all who look it is an attrs class: `fields`, `has`, `evolve`,
equality, hash, `FrozenInstanceError`.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from attrs import NOTHING, evolve
from attrs import field as _attrs_field
from attrs import fields as _attrs_fields
from attrs import frozen as _frozen
from attrs.exceptions import FrozenInstanceError

_SKIPPED: Final = ("__dict__", "__weakref__")


class Field:
    """One field of a record. `repr`: whether it is shown, or how."""

    __slots__ = ("default", "repr")

    def __init__(self, default: Any = NOTHING, repr: bool | Callable[[Any], str] = True) -> None:
        self.default = default
        self.repr = repr


class _WhenAsked:
    """An attribute of a class that is made when somebody first asks for it."""

    def __init__(self, name: str, make: Callable[[type[Any]], Any]) -> None:
        self._name = name
        self._make = make

    def __get__(self, _: object, owner: type[Any]) -> Any:
        made = self._make(owner)
        setattr(owner, self._name, made)
        return made


def _build(cls: type[Any]) -> type[Any]:
    """The record class that this class describes. Converters, validators and factories are not for records."""
    body = {name: value for name, value in vars(cls).items() if name not in _SKIPPED}
    names = tuple(name for name, kind in cls.__annotations__.items() if not str(kind).startswith("ClassVar"))
    own = {name: _field(body.pop(name, NOTHING)) for name in names}
    beside = body.pop("__beside__", ())
    twin = type(f"Open{cls.__name__}", (), {"__slots__": (*names, *beside), "__module__": cls.__module__})
    body |= _methods(names, own)
    body |= {
        "__slots__": (),
        "__match_args__": names,
        "__layout__": {name: one.default for name, one in own.items()},
        "__new__": _WhenAsked("__new__", lambda made: _constructor(made, twin, own)),
        "__attrs_attrs__": _WhenAsked("__attrs_attrs__", lambda made: _attrs_view(made, own)),
    }
    return type(cls.__name__, (twin, *(base for base in cls.__bases__ if base is not object)), body)


def _field(default: Any) -> Field:
    return default if isinstance(default, Field) else Field(default)


def opened(made: type[Any]) -> type[Any]:
    """The open twin of a record class: the same slots, all open, and `__beside__`, those that are no fields."""
    twin: type[Any] = made.__mro__[1]
    return twin


def layout(cls: type[Any]) -> dict[str, Any]:
    """The fields of a record, or of another class of attrs, each with its default or NOTHING."""
    own: dict[str, Any] | None = getattr(cls, "__layout__", None)
    return {f.name: f.default for f in _attrs_fields(cls)} if own is None else own


# --- what all records share -----------------------------------------------------------------------------------------


def _forbid(self: object, *_: object) -> None:
    raise FrozenInstanceError


def _replace(self: Any, **changes: Any) -> Any:
    return evolve(self, **changes)


def _methods(names: tuple[str, ...], own: dict[str, Field]) -> dict[str, Any]:
    values = _getter(names)
    shown = [(name, one.repr if callable(one.repr) else repr) for name, one in own.items() if one.repr]

    def __eq__(self: Any, other: object) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:
        return hash((self.__class__, values(self)))

    def __repr__(self: Any) -> str:
        return (
            f"{type(self).__qualname__}({', '.join([f'{name}={show(getattr(self, name))}' for name, show in shown])})"
        )

    def __reduce__(self: Any) -> tuple[type[Any], tuple[Any, ...]]:
        return self.__class__, values(self)

    return {
        "__eq__": __eq__,
        "__hash__": __hash__,
        "__repr__": __repr__,
        "__reduce__": __reduce__,
        "__replace__": _replace,
        "__setattr__": _forbid,
        "__delattr__": _forbid,
    }


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda record: tuple(getattr(record, name) for name in names)


# --- what is made when somebody asks --------------------------------------------------------------------------------


def _constructor(made: type[Any], twin: type[Any], own: dict[str, Field]) -> Any:
    """`__new__`, written out: the fields are the parameters, in order, with their defaults."""
    defaults = {name: one.default for name, one in own.items()}
    parameters = ["cls", *(n if default is NOTHING else f"{n}=defaults[{n!r}]" for n, default in defaults.items())]
    lines = [
        f"def __new__({', '.join(parameters)}):",
        "    self = twin()",
        *(f"    self.{name} = {name}" for name in own),
        "    self.__class__ = cls",
        "    return self",
    ]
    scope: dict[str, Any] = {"twin": twin, "defaults": defaults}
    name = f"<record {made.__module__}.{made.__qualname__}>"
    exec(compile("\n".join(lines), name, "exec"), scope)  # the names are those of our own classes
    return scope["__new__"]


def _attrs_view(made: type[Any], own: dict[str, Field]) -> Any:
    """What attrs would have made of the class: the tuple of its `Attribute`s."""
    described = {name: _attrs_field(default=one.default, repr=one.repr) for name, one in own.items()}
    kinds = {name: made.__annotations__[name] for name in own}
    body = {"__module__": made.__module__, "__annotations__": kinds, **described}
    like: Any = _frozen(init=False, eq=False, repr=False, slots=False)(type(made.__name__, (), body))
    return like.__attrs_attrs__


if TYPE_CHECKING:
    from attrs import field as field
    from attrs import frozen as record
else:
    field = Field
    record = _build

__all__ = ["field", "layout", "opened", "record"]

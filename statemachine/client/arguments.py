"""Checks of values that the application passes, with errors that name the method, the argument and the type.

A value of a wrong type must be refused at once: saved with the session, it could not be read again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from numbers import Real
from typing import Final, ParamSpec, TypeVar, cast

from .errors import BadSetting, WrongType

P = ParamSpec("P")
T = TypeVar("T")

_CLASS: Final = re.compile(r"^[A-Z]\w*\.")
_FINEST: Final = Decimal("1e-20")
"""Degrees beyond any use: a number such as 1e-999999 would be written with a million digits."""


def made(method: str, make: Callable[P, T], *values: P.args, **named: P.kwargs) -> T:
    """The intent with these values. Raises WrongType, and BadSetting for parameters or data that are no JSON."""
    try:
        return make(*values, **named)
    except TypeError as error:
        raise WrongType(f"{method}: {_CLASS.sub('', str(error))}") from None
    except ValueError as error:
        raise BadSetting(f"{method}: {_CLASS.sub('', str(error))}") from None


def of_type(name: str, value: object, words: str, *types: type[T]) -> T:
    """This value. Raises WrongType where it has none of these types; `words` describe them."""
    if not isinstance(value, types):
        raise WrongType(f"{name} must be {words}, not {type(value).__name__}")
    return value


def with_methods(name: str, values: Iterable[T], *methods: str) -> tuple[T, ...]:
    """These objects. Raises WrongType where one lacks a method, or one object is in the place of several."""
    try:
        found = tuple(values)
    except TypeError:
        raise WrongType(f"{name} must be several objects, such as a list, not {type(values).__name__}") from None
    for one in found:
        if not all(callable(getattr(one, method, None)) for method in methods):
            raise WrongType(f"{name} must have the methods {' and '.join(methods)}; {type(one).__name__} has not")
    return found


def text(name: str, value: object) -> str:
    """This value as plain text. Raises WrongType."""
    return str.__str__(of_type(name, value, "text (str)", str))


def path(name: str, value: object, words: str = "a path (str or PathLike)") -> str:
    """The text of this path. Raises WrongType."""
    found = value
    if isinstance(value, os.PathLike):
        pathlike = cast("os.PathLike[str]", value)
        found = pathlike.__fspath__()
        words = f"{words}; __fspath__ of {type(pathlike).__name__} must return text"
    return str.__str__(of_type(name, found, words, str))


def whole_number(name: str, value: object) -> int:
    """This value as a whole number that a database can have. Raises WrongType, BadSetting."""
    if isinstance(value, bool):
        raise WrongType(f"{name} must be a whole number (int), not bool")
    number = int(of_type(name, value, "a whole number (int)", int))
    if number.bit_length() > 63:
        raise BadSetting(f"{name} must be a whole number of at most 63 bits")
    return number


def duration(name: str, value: object) -> timedelta:
    """This value as a duration. Raises WrongType."""
    return of_type(name, value, "a timedelta", timedelta)


def seconds(name: str, value: object) -> float | None:
    """This duration in seconds; None as it is. Raises WrongType."""
    return None if value is None else duration(name, value).total_seconds()


def degrees(name: str, value: object, limit: int) -> str:
    """A number between -`limit` and `limit`, or its text, as plain decimal text. Raises WrongType, BadSetting."""
    if isinstance(value, bool) or not isinstance(value, str | Decimal | Real):
        raise WrongType(f"{name} must be a number or its text, not {type(value).__name__}")
    exact = value if isinstance(value, str | int | Decimal) else repr(float(value))
    try:
        number = Decimal(exact)
    except InvalidOperation:
        raise BadSetting(f"{name} must be a number of degrees such as 50.4501; this text is none") from None
    if not number.is_finite() or abs(number) > limit:
        raise BadSetting(f"{name} must be a number of degrees from -{limit} to {limit}")
    exponent = number.as_tuple().exponent
    return format(number.quantize(_FINEST) if isinstance(exponent, int) and exponent < -20 else number, "f")

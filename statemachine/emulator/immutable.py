"""Values that never change need no copies: a deep copy of a centre shares them."""

from __future__ import annotations

from typing import Self


class Immutable:
    """Base of immutable records; what they hold is never changed either."""

    __slots__ = ()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

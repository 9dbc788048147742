"""Ids: an implementation may number commands and name messages as it likes, if it keeps to it.

A vector speaks the reference's ids. As commands and news are matched one by one, each id of the reference is bound to
the implementation's own; from then on the one stands for the other, in both directions, wherever it is mentioned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from statemachine.codec.body import is_array, is_object

from .implementation import Object

__all__ = ["IdMap", "with_replaced_texts"]


class IdMap:
    """Two one-to-one maps, of command ids and of message ids. `same`: so far, each id stands for itself."""

    def __init__(self) -> None:
        self._theirs: dict[int | str, int | str] = {}
        self._ours: dict[int | str, int | str] = {}
        self.same = True

    def bind(self, expected: Object, actual: Object) -> bool:
        """Bind the ids that this command or news brings; False where one stands for something else already."""
        return all(
            self._bind(expected[key], actual[key])
            for key in ("id", "item")
            if key in expected and type(actual.get(key)) is type(expected[key])
        )

    def _bind(self, ours: int | str, theirs: int | str) -> bool:
        if self._theirs.setdefault(ours, theirs) != theirs or self._ours.setdefault(theirs, ours) != ours:
            return False
        self.same = self.same and ours == theirs
        return True

    def to_them(self, event: Object) -> Object:
        """An event in the implementation's ids."""
        if self.same:
            return event
        said = cast(Object, with_replaced_texts(event, self._theirs))
        if "command" in event:
            said["command"] = self._theirs.get(event["command"], event["command"])
        return said

    def to_us(self, actual: Object) -> Object:
        """A command or news in the reference's ids."""
        if self.same:
            return actual
        said = cast(Object, with_replaced_texts(actual, self._ours))
        if "id" in actual:
            said["id"] = self._ours.get(actual["id"], actual["id"])
        return said


def with_replaced_texts(value: Any, names: Mapping[int | str, int | str]) -> Any:
    """JSON values in which each text that is a name here is the other one."""
    if not names:
        return value
    if is_object(value):
        return {key: with_replaced_texts(item, names) for key, item in value.items()}
    if is_array(value):
        return [with_replaced_texts(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value

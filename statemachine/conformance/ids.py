"""Ids: an implementation may choose its own command and message ids, if it uses them consistently.

A vector contains the reference's ids. As commands and updates are matched one by one, each id of the reference is bound
to the implementation's own id; from then on each replaces the other, in both directions, wherever it is mentioned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from statemachine.codec.body import is_array, is_object
from statemachine.engine.session import JsonObject

from .results import short


class IdMap:
    """A one-to-one map of command ids and message ids. `same`: so far each id equals its counterpart."""

    def __init__(self) -> None:
        self._theirs: dict[int | str, int | str] = {}
        self._ours: dict[int | str, int | str] = {}
        self._first: dict[int | str, JsonObject] = {}
        self.same = True

    def bind(self, expected: JsonObject, actual: JsonObject) -> str | None:
        """Bind the ids in this command or update. Returns the clash, in words, where one was bound otherwise before."""
        for key in ("id", "item"):
            if key in expected and type(actual.get(key)) is type(expected[key]):
                ours, theirs = expected[key], actual[key]
                if self._ours.get(theirs, ours) != ours:
                    return f"{key} {theirs} stands for two things: {short(self._first[theirs])}, and {short(actual)}"
                before = self._theirs.get(ours)
                if before is not None and before != theirs:
                    return f"one thing has two of {key}: {short(self._first[before])}, and {short(actual)}"
                self._theirs[ours], self._ours[theirs] = theirs, ours
                self._first.setdefault(theirs, actual)
                self.same = self.same and ours == theirs
        return None

    def to_subject(self, event: JsonObject) -> JsonObject:
        """An event with the implementation's ids."""
        return self._replaced(event, self._theirs, "command")

    def to_reference(self, actual: JsonObject) -> JsonObject:
        """A command or update with the reference's ids."""
        return self._replaced(actual, self._ours, "id")

    def _replaced(self, value: JsonObject, ids: Mapping[int | str, int | str], number: str) -> JsonObject:
        if self.same:
            return value
        made = cast(JsonObject, with_replaced_texts(value, ids))
        if number in value:
            made[number] = ids.get(value[number], value[number])
        return made


def with_replaced_texts(value: Any, replacements: Mapping[int | str, int | str]) -> Any:
    """JSON values in which each text that is a key of `replacements` is replaced."""
    if not replacements:
        return value
    if is_object(value):
        return {key: with_replaced_texts(item, replacements) for key, item in value.items()}
    if is_array(value):
        return [with_replaced_texts(item, replacements) for item in value]
    return replacements.get(value, value) if isinstance(value, str) else value

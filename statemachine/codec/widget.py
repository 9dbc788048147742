"""The configuration of the web widget (protocol.md 1.2, E16): where forms, secure ones above all, are defined.

No source says what it looks like. So all of it is kept, and a form is found wherever it stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from attrs import field, frozen

from .body import Object, TooDeep, is_array, is_object, json_text
from .http import tolerant
from .values import read_text


@frozen
class FormDefinition:
    """A form as the widget's configuration defines it. `fields`: the names; `raw`: the whole definition, JSON text."""

    id: str
    fields: tuple[str, ...]
    raw: str = field(repr=False)


@frozen
class WidgetConfiguration:
    """What the contact centre's administrator set for the web widget. `raw`: JSON text, as it came."""

    raw: str = field(repr=False)

    def form(self, form_id: str) -> FormDefinition | None:
        """The form of this id or name, secure or not; None where there is none. Upper and lower case are the same."""
        return next(_definitions(json.loads(self.raw), form_id.casefold()), None)


def read_configuration(said: Object) -> WidgetConfiguration | None:
    """What E16 answers."""
    try:
        return WidgetConfiguration(json_text(said))
    except TooDeep:
        return None


def _definitions(value: object, form_id: str) -> Iterator[FormDefinition]:
    """No source says where the forms are: search for objects with this name, or under this name."""
    if is_array(value):
        for one in value:
            yield from _definitions(one, form_id)
    elif is_object(value):
        names = [tolerant(read_text, value.get(key)) or "" for key in _NAMES]
        if "fields" in value and form_id in [name.casefold() for name in names]:
            yield _definition(next(name for name in names if name.casefold() == form_id), value)
        for key, inner in value.items():
            if key.casefold() == form_id and is_object(inner) and "fields" in inner:
                yield _definition(key, inner)
            yield from _definitions(inner, form_id)


_NAMES: Final = ("form_id", "form_name", "id", "name")


def _definition(form_id: str, said: Object) -> FormDefinition:
    listed = said["fields"]
    fields = list(listed) if is_array(listed) or is_object(listed) else []
    names = [_field_name(one) if is_object(one) else tolerant(read_text, one) for one in fields]
    return FormDefinition(form_id, tuple(name for name in names if name), json_text(said))


def _field_name(said: Object) -> str | None:
    named = (tolerant(read_text, said.get(key)) for key in ("name", "id", "field", "field_name"))
    return next((name for name in named if name), None)

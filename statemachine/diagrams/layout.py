"""JSON laid out for readers and for diffs: small objects are on one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

Object: TypeAlias = dict[str, Any]


def laid_out(value: object, on_one_line: Callable[[Any], bool], indent: int = 0) -> str:
    """JSON text; values for which `on_one_line` is true are on one line."""
    if on_one_line(value) or not isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    inner, outer = "  " * (indent + 1), "  " * indent
    if isinstance(value, dict):
        members = cast(Object, value).items()
        parts = [
            f"{json.dumps(key, ensure_ascii=False)}: {laid_out(one, on_one_line, indent + 1)}" for key, one in members
        ]
        return f"{{\n{inner}" + f",\n{inner}".join(parts) + f"\n{outer}}}"
    parts = [laid_out(one, on_one_line, indent + 1) for one in cast(Iterable[Any], value)]
    return f"[\n{inner}" + f",\n{inner}".join(parts) + f"\n{outer}]"


def holds_no_object(value: object) -> bool:
    """Whether there is no object in it."""
    parts: Iterable[Any] = ()
    if isinstance(value, dict):
        parts = cast(Object, value).values()
    elif isinstance(value, list):
        parts = cast(Iterable[Any], value)
    return all(not isinstance(one, dict) and holds_no_object(one) for one in parts)

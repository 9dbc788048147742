"""The shapes of records as data: fields and types, read off the classes; types as TypeScript writes them.

Every number is whole; `bytes` are hexadecimal text in JSON.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, TypeAlias, get_args, get_origin

import attrs

from ..core import declaration

Object: TypeAlias = dict[str, Any]

_JSON: Final = {
    "int": "number",
    "str": "string",
    "bool": "boolean",
    "None": "null",
    "NoneType": "null",
    "bytes": "bytes",
}


def _json_types(kind: Any) -> str:
    return " | ".join([_JSON[one.__name__] for one in get_args(kind) or (kind,)])


_PLAIN: Final = _JSON | {
    name: _json_types(get_args(alias)[0]) for name, alias in vars(declaration).items() if get_origin(alias) is Annotated
}


def typescript(annotation: str) -> str:
    """A Python annotation as TypeScript: `tuple[Entry, ...]` is `Entry[]`, `int | None` is `number | null`."""
    return _typescript(ast.parse(annotation, mode="eval").body)


def _typescript(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return _PLAIN.get(name, name)
        case ast.Constant(value=str(text)):
            return f'"{text}"'
        case ast.Constant(value=None):
            return "null"
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return f"{_typescript(left)} | {_typescript(right)}"
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            return " | ".join(map(_typescript, _items(inner)))
        case ast.Subscript(value=ast.Name(id="tuple"), slice=inner):
            return _tuple(_items(inner))
        case _:
            raise TypeError(f"no TypeScript is known for {ast.unparse(node)}")


def _items(node: ast.expr) -> list[ast.expr]:
    return list(node.elts) if isinstance(node, ast.Tuple) else [node]


def _tuple(items: list[ast.expr]) -> str:
    if isinstance(items[-1], ast.Constant) and items[-1].value is ...:
        inner = _typescript(items[0])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    return f"[{', '.join(map(_typescript, items))}]"


def fields(cls: type[Any]) -> list[Object]:
    """The fields of a record, in order: name, type, and the default where there is one."""
    return [
        {"name": one.name, "type": typescript(str(_annotation(cls, one.name))), **_default(one.default)}
        for one in attrs.fields(cls)
        if one.init
    ]


def _default(value: Any) -> Object:
    if value is attrs.NOTHING:
        return {}
    return {"default": "" if value == b"" else [] if value == () else value}


def _annotation(cls: type[Any], field: str) -> Any:
    return next(one.__annotations__[field] for one in cls.__mro__ if field in one.__annotations__)


def constants(cls: type[Any]) -> Object:
    """What is the same in every record of this class, and so is no field: `due` of a state without a deadline."""
    names = [
        field
        for one in cls.__mro__
        for field, annotation in vars(one).get("__annotations__", {}).items()
        if str(annotation).startswith("ClassVar")
    ]
    slots = {one.name: one.default for one in attrs.fields(cls) if not one.init}
    return slots | {field: getattr(cls, field) for field in dict.fromkeys(names) if field != "name"}


def mentioned(roots: Iterable[type[Any]]) -> dict[str, Any]:
    """Everything with a name that these records are made of, themselves included: classes and unions, by name."""
    found: dict[str, Any] = {}
    todo = [(cls.__name__, cls) for cls in roots]
    while todo:
        name, thing = todo.pop(0)
        if name not in found:
            found[name] = thing
            todo += _parts(thing)
    return found


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(thing, type):
        yield from ((one.__name__, one) for one in get_args(thing) if isinstance(one, type))
        return
    known = vars(sys.modules[thing.__module__])
    for one in attrs.fields(thing):
        for node in ast.walk(ast.parse(str(_annotation(thing, one.name)))):
            if isinstance(node, ast.Name) and node.id not in _PLAIN:
                found = known.get(node.id)
                if get_args(found) or (isinstance(found, type) and attrs.has(found)):
                    yield node.id, found

"""The API as it is written in `openapi.json`: its operations, and the checks of requests that follow from it.

The routes, the scopes and the limits of values are read from that file, so that document and code cannot differ.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final, Literal

from aiohttp import web
from attrs import frozen
from jsonschema import Draft202012Validator

from statemachine.codec.body import Problem as Unreadable
from statemachine.codec.body import as_object, parse_body

from .problems import Problem

Scope = Literal["send", "read", "operate"]

DOCUMENT: Final[Mapping[str, Any]] = json.loads(
    files("statemachine.gateway").joinpath("openapi.json").read_text("utf-8")
)
"""The OpenAPI document."""

BODY_TIMEOUT_S: Final = 30.0
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,16}")
_METHODS: Final = ("get", "put", "post", "delete")
_FLAGS: Final = {"true": True, "false": False}


@frozen
class Parameter:
    """A value of the path, the query or a header. `key`: its name for handlers."""

    name: str
    where: str
    required: bool
    schema: Any
    default: object

    @property
    def key(self) -> str:
        return self.name.lower().replace("-", "_")

    def read(self, text: str) -> object:
        """The value in this text. Raises Problem."""
        candidates: list[object] = [_FLAGS[text]] if text in _FLAGS else []
        if _WHOLE_NUMBER.fullmatch(text):
            candidates.append(int(text))
        for value in (*candidates, text):
            if self.schema.is_valid(value):
                return value
        raise _bad_value(self.name, self.schema, text)


@frozen(eq=False)
class Operation:
    """One method of one path. `scope`: None where no token is needed."""

    id: str
    method: str
    path: str
    scope: Scope | None
    parameters: tuple[Parameter, ...]
    media_type: str | None
    body_required: bool
    body: Any

    async def values(self, request: web.Request) -> dict[str, Any]:
        """The checked parameters and JSON body of a request; absent ones have their default. Raises Problem."""
        found: dict[str, Any] = {}
        names = {one.name for one in self.parameters if one.where == "query"}
        for name in request.query:
            if name not in names:
                raise Problem(400, "bad_value", f"query: there is no parameter {name[:40]!r}")
        for one in self.parameters:
            found[one.key] = self._value(one, request)
        if self.media_type == "application/json":
            found.update(await self._body(request))
        return found

    def _value(self, one: Parameter, request: web.Request) -> object:
        source: Mapping[str, str] = {"path": request.match_info, "query": request.query, "header": request.headers}[
            one.where
        ]
        if one.name not in source:
            if one.required:
                raise Problem(400, "bad_value", f"{one.name}: it is required")
            return one.default
        if one.where == "query" and len(request.query.getall(one.name)) > 1:
            raise Problem(400, "bad_value", f"{one.name}: give it once")
        return one.read(source[one.name])

    async def _body(self, request: web.Request) -> dict[str, Any]:
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                raw = await request.read()
        except TimeoutError:
            raise Problem(408, "slow_body", f"the body did not arrive within {BODY_TIMEOUT_S:.0f} seconds") from None
        if not raw and not self.body_required:
            return {}
        if request.content_type != "application/json":
            raise Problem(415, "media_type", "the body must be application/json")
        value = parse_body(raw)
        if isinstance(value, Unreadable):
            raise Problem(400, "unreadable_body", f"body: {value.text}")
        if not self.body.is_valid(value):
            raise _bad_value("body", self.body, value)
        return as_object(value)


def _bad_value(name: str, schema: Any, value: object) -> Problem:
    """The first rule that the value breaks; the value itself is not repeated."""
    error = next(iter(schema.iter_errors(value)))
    where = ".".join([name, *map(str, error.absolute_path)])
    rule = f"{error.validator}: {json.dumps(error.validator_value)[:200]}"
    return Problem(400, "bad_value", f"{where} breaks the rule {rule}; see /openapi.json")


def _operations() -> Iterator[Operation]:
    for path, item in DOCUMENT["paths"].items():
        for method in _METHODS:
            if method in item:
                yield _operation(path, method, item[method], item.get("parameters", []))


def _operation(path: str, method: str, about: Any, shared: list[Any]) -> Operation:
    content = about.get("requestBody", {}).get("content", {})
    media_type = next(iter(content), None)
    scopes = [scope for one in about["security"] for scope in one["bearer"]]
    return Operation(
        about["operationId"],
        method.upper(),
        path,
        scopes[0] if scopes else None,
        tuple(_parameter(one) for one in (*shared, *about.get("parameters", []))),
        media_type,
        about.get("requestBody", {}).get("required", False),
        _validator(content[media_type]["schema"]) if media_type == "application/json" else None,
    )


def _parameter(about: Any) -> Parameter:
    if "$ref" in about:
        about = DOCUMENT["components"]["parameters"][about["$ref"].rpartition("/")[2]]
    schema = about["schema"]
    return Parameter(
        about["name"], about["in"], about.get("required", False), _validator(schema), schema.get("default")
    )


def _validator(schema: Any) -> Any:
    """References lead into the components of the document."""
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


OPERATIONS: Final = tuple(_operations())
"""All operations of the document."""

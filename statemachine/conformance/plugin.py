"""The kit as a pytest plugin: one test for each check, besides the collected tests.

    pytest -p statemachine.conformance.plugin --statemachine-impl mypackage.engine:make

`make` is called without arguments and returns a new implementation for each test.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, Self, cast

import pytest

from .implementation import Guarded, Implementation, Unusable
from .kit import RANDOM_TRACES, Check, checks, smoke
from .suite import assert_check

_OPTION: Final = "--statemachine-impl"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("statemachine", "conformance of chat-session state machines")
    group.addoption(_OPTION, metavar="MODULE:NAME", help="a function that returns the implementation under test")
    group.addoption("--statemachine-known", metavar="NAME", action="append", default=[], help="a check known to fail")
    group.addoption(
        "--statemachine-cases", type=int, default=RANDOM_TRACES, metavar="N", help="the number of random traces"
    )


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each check, if an implementation is given."""
    named = cast("str | None", config.getoption(_OPTION))
    if named is None:
        return
    make = _maker(named)
    try:
        smoke(Guarded(make()))
    except Unusable as unusable:
        raise pytest.UsageError(f"{_OPTION} {named}: {unusable}") from None
    known = cast("list[str]", config.getoption("--statemachine-known"))
    cases = cast(int, config.getoption("--statemachine-cases"))
    items.extend(ConformanceItem.made(session, check, make, known) for check in checks(cases))


def _maker(named: str) -> Callable[[], Implementation]:
    module, _, name = named.partition(":")
    try:
        return cast("Callable[[], Implementation]", getattr(import_module(module), name))
    except (ImportError, AttributeError, ValueError) as error:
        raise pytest.UsageError(
            f"{_OPTION} {named}: {error}; give MODULE:NAME of a function without arguments"
        ) from None


class ConformanceItem(pytest.Item):
    """One check as a test."""

    check: Check
    make: Callable[[], Implementation]
    known: list[str]

    @classmethod
    def made(cls, session: pytest.Session, check: Check, make: Callable[[], Implementation], known: list[str]) -> Self:
        """The test of this check."""
        from_parent = cast("Callable[..., Self]", cls.from_parent)  # pyright: ignore[reportUnknownMemberType] its **kw
        item = from_parent(session, name=f"conformance::{check.id}")
        item.check, item.make, item.known = check, make, known
        return item

    def runtest(self) -> None:
        """Run the check."""
        assert_check(self.make(), self.check, self.known)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """The location that pytest reports."""
        return self.path, None, self.name

"""The kit as a plugin of pytest: one test for each check, beside whatever else is run.

    pytest -p statemachine.conformance.plugin --statemachine-impl mypackage.engine:make

`make` takes nothing and gives an implementation, a fresh one for each test.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, Self, cast

import pytest

from .implementation import Implementation
from .kit import RANDOM_TRACES, Check, checks
from .suite import assert_check

__all__ = ["pytest_addoption", "pytest_collection_modifyitems"]

_OPTION: Final = "--statemachine-impl"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("statemachine", "conformance of chat-session state machines")
    group.addoption(_OPTION, metavar="MODULE:NAME", help="a function that makes the implementation to be judged")
    group.addoption("--statemachine-known", metavar="NAME", action="append", default=[], help="a check known to fail")
    group.addoption("--statemachine-cases", type=int, default=RANDOM_TRACES, metavar="N", help="how many random lives")


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test for each check, where an implementation is named."""
    named = cast("str | None", config.getoption(_OPTION))
    if named is None:
        return
    make, known = _maker(named), cast("list[str]", config.getoption("--statemachine-known"))
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
        """The item for this check."""
        from_parent = cast("Callable[..., Self]", cls.from_parent)  # pyright: ignore[reportUnknownMemberType] its **kw
        item = from_parent(session, name=f"conformance::{check.id}")
        item.check, item.make, item.known = check, make, known
        return item

    def runtest(self) -> None:
        """Judge."""
        assert_check(self.make(), self.check, self.known)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Where pytest says that it is."""
        return self.path, None, self.name

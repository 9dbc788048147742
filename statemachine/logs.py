"""The log lines of this package, written through the logging of the application.

They go to structlog if the application has configured it, else to the logger `statemachine` of the standard library,
which prints warnings and errors to standard error by default. Nothing here configures either of them.

A line is an event and its values. Values never hold texts of a chat: of an exception only its type and its place.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from traceback import walk_tb
from typing import Final

_LOGGER: Final = "statemachine"
_PLAIN: Final = re.compile(r"[\w./:@+-]+", re.ASCII)
_STANDARD_LIBRARY: Final = os.path.dirname(os.__file__) + os.sep
_INSTALLED: Final = f"{os.sep}site-packages{os.sep}"

_name: Final = type.__dict__["__name__"].__get__
"""The name of a type, whatever its metaclass makes of the attribute."""
_mro: Final = type.__dict__["__mro__"].__get__
_silent: Final = ContextVar("statemachine_silent", default=False)


@contextmanager
def silenced() -> Generator[None]:
    """Write no log lines in this context: for callers that show the same facts themselves."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


_MINUTE_S: Final = 60.0


class Logger:
    """Writes log lines. `values`: part of every line, such as the label of a session.

    `per_minute`: the most lines in a minute that are no errors; further ones are counted in a line of the next minute.
    """

    def __init__(self, per_minute: int | None = None, /, **values: object) -> None:
        self._values: Final[Mapping[str, object]] = values
        self._per_minute: Final = per_minute
        self._minute = float("-inf")
        self._written = self._left_out = 0

    def info(self, event: str, /, **values: object) -> None:
        """Something has happened as intended."""
        self._write(logging.INFO, event, values)

    def warning(self, event: str, /, **values: object) -> None:
        """Something failed, and the program continues by itself."""
        self._write(logging.WARNING, event, values)

    def error(self, event: str, /, **values: object) -> None:
        """Something failed that a person has to correct."""
        self._write(logging.ERROR, event, values)

    @contextmanager
    def errors(self, event: str, /, **values: object) -> Generator[None]:
        """Log an exception of the block instead of raising it: for code of the application, which must stop nothing.

        KeyboardInterrupt is raised.
        """
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.error(event, **values, **error_values(error))

    def _write(self, level: int, event: str, values: Mapping[str, object]) -> None:
        if _silent.get() or not self._is_within_limit(level):
            return
        values = {**self._values, **values}
        try:
            if "structlog" in sys.modules:  # else nobody has configured it
                import structlog

                if structlog.is_configured():
                    getattr(structlog.get_logger(_LOGGER), logging.getLevelName(level).lower())(event, **values)
                    return
            logger = logging.getLogger(_LOGGER)
            if logger.isEnabledFor(level):
                logger.log(level, "%s", _line(event, values), stacklevel=3)
        except Exception:  # a filter or processor of the application, which must stop no chat
            with suppress(Exception):
                print(_line(event, values), file=sys.stderr)

    def _is_within_limit(self, level: int) -> bool:
        if self._per_minute is None or level >= logging.ERROR:
            return True
        now = time.monotonic()
        if now - self._minute >= _MINUTE_S:
            left_out, self._minute, self._written, self._left_out = self._left_out, now, 0, 0
            if left_out:
                self.warning("log_lines_left_out", count=left_out)
        self._written += 1
        self._left_out = max(0, self._written - self._per_minute)
        return not self._left_out


def _line(event: str, values: Mapping[str, object]) -> str:
    return " ".join([event, *(f"{name}={_shown(value)}" for name, value in values.items())])


def _shown(value: object) -> str:
    """One word as it is; other texts quoted and escaped, so that no value can forge a line."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else ascii(text)


def error_name(error: BaseException) -> str:
    """The name of the error's type; of a private type, the name of its first public base."""
    names: list[str] = [_name(kind) for kind in _mro(type(error))]
    return next(name for name in names if not name.startswith("_"))


def error_values(error: BaseException) -> dict[str, object]:
    """The type of an exception, and the file, line and function where it was raised, for a log line.

    Its message is left out: it may quote the chat. Of an exception group, the first exception is described. The place
    is in the code of the application, where the traceback has such a frame.
    """
    try:
        return _described(_first(error))
    except Exception:  # a type of the application may override each attribute that is read here
        return {"error": error_name(error)}


def _described(error: BaseException) -> dict[str, object]:
    values: dict[str, object] = {"error": error_name(error)}
    if isinstance(error, TimeoutError) and isinstance(error.__cause__, asyncio.CancelledError):
        error = error.__cause__  # of `asyncio.timeout`: the place that took too long
    places = [(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in walk_tb(error.__traceback__)]
    if places:
        own = [one for one in places if not one[0].startswith(_STANDARD_LIBRARY) and _INSTALLED not in one[0]]
        values["file"], values["line"], values["function"] = (own or places)[-1]
    return values


def _first(error: BaseException) -> BaseException:
    """The first exception of a group; any other as it is."""
    if issubclass(type(error), BaseExceptionGroup):  # `isinstance` would leave the type of its members unknown
        for member in getattr(error, "exceptions", ()):
            return _first(member)
    return error

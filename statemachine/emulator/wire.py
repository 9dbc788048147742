"""What crosses the door of the emulated centre: one HTTP request, one HTTP response, as plain data."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from statemachine.emulator.immutable import Immutable

__all__ = ["DROPPED", "Answer", "HttpRequest", "HttpResponse", "Line"]


@frozen
class HttpRequest:
    """One request as the server sees it.

    ``path`` is absolute (``/clientweb/api/v2/chats``) and not yet percent-decoded; ``query`` holds decoded
    pairs; header names may be in any case; ``body`` is the whole body.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of this name, compared without case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def parameter(self, name: str) -> str | None:
        """The first query value of this name, or None."""
        return next((value for key, value in self.query if key == name), None)


@frozen
class HttpResponse:
    """One response. ``status`` 0 means that the connection breaks and no response ever arrives."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of this name, compared without case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


DROPPED: Final = HttpResponse(0)
"""The server (or a proxy before it) closes the connection instead of answering."""

Answer = tuple[int, HttpResponse]
"""A ticket (the caller's number for a request) and the response to it."""


@frozen
class Line(Immutable):
    """A moment on the line between client and centre, in milliseconds since some beginning: clients live in real time,
    whatever the centre's clock does. ``free``: those of them in which this process was at hand.

    How soon a client came back is told by ``at``; whether it had the time to hear of something, by ``free``: on a
    machine with too much to do, what was on its way comes late, and less of the time counts.
    """

    at: int
    free: int

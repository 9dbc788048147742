"""One HTTP request and one HTTP response of the emulated centre, as plain data."""

from __future__ import annotations

from typing import Final

from attrs import frozen


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
        return _first(self.headers, name)

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
        return _first(self.headers, name)


def _first(headers: tuple[tuple[str, str], ...], name: str) -> str | None:
    return next((value for key, value in headers if key.lower() == name.lower()), None)


DROPPED: Final = HttpResponse(0)
"""The server (or a proxy before it) closes the connection instead of answering."""

Answer = tuple[int, HttpResponse]
"""A ticket (the caller's number for a request) and the response to it."""


@frozen
class RealTime:
    """A moment in real time, in which clients run, independent of the centre's clock; milliseconds since any beginning.

    ``at`` says how soon a client came back. ``free`` counts only the time in which this process could run: it says
    whether a client had the time to receive something, also on a busy machine.
    """

    at: int
    free: int

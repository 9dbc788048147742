"""The one file of a multipart upload (E12).

Split by hand, on the delimiter: the standard library's mail parser walks a body line by line, and a photo
has a great many lines. The headers of the part are its work.
"""

from __future__ import annotations

import re
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final

from attrs import frozen

from statemachine.emulator.errors import ApiError

_UNREADABLE: Final = "A multipart body with one file is needed"
MAX_PARTS: Final = 16
"""Parts of an upload; one is needed."""
MAX_PARAMETERS: Final = 16
"""Parameters of a header: the standard library's parser takes quadratic time for them."""
MAX_HEAD: Final = 8 * 1024
"""Bytes of a part's headers."""
_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+")


@frozen
class UploadedFile:
    """An uploaded file; the name of its part is not significant (1.2)."""

    name: str
    content_type: str
    content: bytes


def uploaded_file(content_type: str | None, body: bytes) -> UploadedFile:
    """The first part that is a file, else the first part. Raises error 5003."""
    if (content_type or "").count(";") > MAX_PARAMETERS:
        raise ApiError(5003, message=_UNREADABLE)
    header = Message()
    header["Content-Type"] = content_type or ""
    boundary = header.get_boundary()
    if header.get_content_maintype() != "multipart" or not boundary:
        raise ApiError(5003, message=_UNREADABLE)
    parts = [_part(piece) for piece in _pieces(body, boundary.encode())]
    if not parts:
        raise ApiError(5003, message=_UNREADABLE)
    return next((part for part in parts if part.name), parts[0])


def _pieces(body: bytes, boundary: bytes) -> list[bytes]:
    """The parts between the delimiters; all before the first and after the last is not content."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_PARTS + 2)
    if not 3 <= len(pieces) <= MAX_PARTS + 2 or not pieces[-1].startswith(b"--"):
        return []
    return pieces[1:-1]


def _part(piece: bytes) -> UploadedFile:
    head, found, content = piece.partition(b"\r\n\r\n")
    if not found or len(head) > MAX_HEAD or head.count(b";") > MAX_PARAMETERS:
        raise ApiError(5003, message=_UNREADABLE)
    headers = BytesHeaderParser().parsebytes(head.lstrip(b"\r\n") + b"\r\n\r\n")
    kind = headers.get_content_type() if "Content-Type" in headers else ""
    # The parser's own default is text/plain, wrong for most files; and the value becomes a header again.
    safe = kind if _TYPE.fullmatch(kind) else "application/octet-stream"
    return UploadedFile(headers.get_filename() or "", safe, content)

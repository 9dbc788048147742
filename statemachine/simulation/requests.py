"""Requests of the codec as the emulator receives them."""

from __future__ import annotations

from statemachine.codec import http
from statemachine.emulator.wire import HttpRequest


def to_emulator(made: http.HttpRequest) -> HttpRequest:
    """The same request. The bytes of an uploaded file are its name."""
    headers, body = made.headers, made.body or b""
    if made.upload_ref is not None:
        headers = (*headers, ("Content-Type", "multipart/form-data; boundary=simulated"))
        name = made.upload_name or made.upload_ref
        head = f'--simulated\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = f"{head}{made.upload_ref}\r\n--simulated--\r\n".encode()
    return HttpRequest(made.method, made.path, made.query, headers, body)

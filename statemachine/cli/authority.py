"""A throw-away certificate authority, so that clients which insist on https can be tried on this machine."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .app import Trouble

HOW_TO_TRUST: Final = (
    ("curl", "curl --cacert {file} …"),
    ("Python", "SSL_CERT_FILE={file}"),
    ("Node", "NODE_EXTRA_CA_CERTS={file}"),
    ("iOS simulator", "xcrun simctl keychain booted add-root-cert {file}"),
    ("Android emulator", "adb push {file} /sdcard/Download/ and install it under Settings, Security, CA certificate"),
)
"""Where, and how; an Android app has to allow user certificates in its network_security_config besides."""


@contextmanager
def throw_away_authority(names: Iterable[str]) -> Generator[tuple[ssl.SSLContext, Path]]:
    """A server's context with a certificate for these names and addresses, and the file of the authority to trust.

    The authority's key is never written, and its file is gone afterwards: nobody can abuse it later.
    Raises ModuleNotFoundError without `trustme`.
    """
    import trustme

    authority = trustme.CA(organization_name="chat-session-statemachine, for trials only")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        authority.issue_cert(*names).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    except UnicodeError as error:
        raise Trouble(f"--name: no certificate can be made for one of these names: {error}") from None
    with tempfile.TemporaryDirectory(prefix="statemachine-") as folder:
        file = Path(folder) / "authority.pem"
        authority.cert_pem.write_to_path(str(file))
        yield context, file

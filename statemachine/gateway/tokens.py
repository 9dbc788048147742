"""Bearer tokens: who asks, and what they may do. Files of secrets are read again when they change."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from attrs import define, frozen

from statemachine.client import BadSetting

from ..logs import Logger
from .problems import Problem
from .settings import SCOPES, TokenSetting

_log = Logger()

SHORTEST: Final = 16
"""Characters of a secret."""
_CHECK_EVERY_S: Final = 1.0


class SecretFile:
    """The secrets in a file, one a line. A changed file is read again; a broken one keeps the last secrets."""

    def __init__(self, path: Path) -> None:
        """Raises BadSetting."""
        self._path: Final = path
        self._checked = 0.0
        try:
            self._state = self._stat()
            self._lines = self._read()
        except (OSError, ValueError) as error:
            raise BadSetting(f"{path}: {error}") from None

    def _stat(self) -> tuple[int, int, int]:
        about = self._path.stat()
        return about.st_mtime_ns, about.st_size, about.st_ino

    def _read(self) -> tuple[bytes, ...]:
        found = tuple(line.strip() for line in self._path.read_bytes().splitlines() if line.strip())
        if not found or any(len(line) < SHORTEST for line in found):
            raise ValueError(f"it must hold secrets of at least {SHORTEST} characters, one a line")
        return found

    @property
    def lines(self) -> tuple[bytes, ...]:
        """The secrets, first line first."""
        now = asyncio.get_running_loop().time()
        if now - self._checked >= _CHECK_EVERY_S:
            self._checked = now
            try:
                if (state := self._stat()) != self._state:
                    self._state = state
                    self._lines = self._read()
                    _log.info("gateway_secret_changed", file=self._path.name)
            except (OSError, ValueError):
                _log.error("gateway_secret_unreadable", file=self._path.name)
        return self._lines


@frozen
class Principal:
    """The program that asks. `prefix`: it may concern only clients whose ids begin so."""

    name: str
    scopes: tuple[str, ...]
    prefix: str

    def may_see(self, client_id: str) -> bool:
        """Whether this client is one of its own."""
        return client_id.startswith(self.prefix)

    def check(self, client_id: str) -> None:
        """Raises Problem where it is not."""
        if not self.may_see(client_id):
            raise Problem(403, "not_yours", "this token is for other client ids")


ANYBODY: Final = Principal("local", SCOPES, "")
"""Whoever asks on loopback where no tokens are configured."""


PEER: Final = Principal("peer", SCOPES, "")
"""Another gateway of the same database, which has checked the request."""


class Tokens:
    """All tokens of a gateway for this tenant and app id."""

    def __init__(
        self, settings: Sequence[TokenSetting], tenant: str, app_id: str, peers: SecretFile | None = None
    ) -> None:
        """`peers`: the secret of the other gateways. Raises BadSetting."""
        names = [one.name for one in settings]
        if len(set(names)) < len(names):
            raise BadSetting("two tokens have the same name")
        mine = [one for one in settings if one.tenant in (None, tenant) and one.app_id in (None, app_id)]
        self._known: Final = [(SecretFile(one.file), Principal(one.name, one.scopes, one.prefix)) for one in mine]
        if peers is not None:
            self._known.append((peers, PEER))
        self.required: Final = bool(settings)

    def principal(self, authorization: str | None) -> Principal:
        """Whose token this is. All tokens are compared, each in constant time. Raises Problem."""
        scheme, _, given = (authorization or "").partition(" ")
        digest = sha256(given.strip().encode(errors="replace")).digest()
        found: Principal | None = None
        for file, principal in self._known:
            for secret in file.lines:
                if hmac.compare_digest(digest, sha256(secret).digest()):
                    found = principal
        if found is None and not self.required:
            return ANYBODY
        if found is None or scheme.lower() != "bearer":
            headers = {"WWW-Authenticate": "Bearer"}
            raise Problem(401, "no_token", "a valid token is needed: Authorization: Bearer …", headers=headers)
        return found


@define
class _Bucket:
    left: float
    at: float


class RateLimits:
    """At most `rate` requests a second for each program, and twice as many at once."""

    def __init__(self, rate: float) -> None:
        self._rate: Final = rate
        self._buckets: dict[str, _Bucket] = {}

    def take(self, name: str) -> None:
        """Count a request. Raises Problem. There are as many names as configured tokens."""
        now = asyncio.get_running_loop().time()
        bucket = self._buckets.setdefault(name, _Bucket(2 * self._rate, now))
        bucket.left = min(2 * self._rate, bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.left < 1:
            detail = "slow down, or raise requests_per_second"
            raise Problem(429, "too_many_requests", detail, headers={"Retry-After": "1"})
        bucket.left -= 1

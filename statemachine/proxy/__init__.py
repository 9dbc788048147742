"""A proxy between a client and a contact centre: it judges the client and learns how the server behaves.

``async with Proxy("https://chat.example.com") as proxy:`` serves at ``proxy.url``. Needs the extra ``http``.
"""

from __future__ import annotations

from .learning import Finding, Learner
from .probing import CannotProbe, probe
from .profile import BadProfile, read_profile, write_profile
from .recording import HarRecorder
from .server import Proxy

__all__ = [
    "BadProfile", "CannotProbe", "Finding", "HarRecorder", "Learner", "Proxy", "probe", "read_profile",
    "write_profile",
]  # fmt: skip

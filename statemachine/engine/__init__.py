"""The engine for programs in other languages: JSON in, JSON out, one object a line (conformance/MESSAGES.md).

`session` is one session seen from outside, `wire` the codec seen so, `serve` the loop over lines that offers both.
"""

from .serve import PROTOCOL, serve
from .session import FEATURES, JsonSession

__all__ = ["FEATURES", "PROTOCOL", "JsonSession", "serve"]

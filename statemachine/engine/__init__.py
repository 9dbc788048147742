"""The engine for programs in other languages: JSON lines on stdin and stdout (conformance/MESSAGES.md).

`session` offers one session as JSON, `wire` the codec as JSON, `serve` both as a loop over lines.
"""

from .serve import PROTOCOL, serve
from .session import FEATURES, JsonSession

__all__ = ["FEATURES", "PROTOCOL", "JsonSession", "serve"]

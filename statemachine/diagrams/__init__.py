"""Pictures and matrices of the session, generated from the tables; what they say is committed and checked.

`statemachine diagrams` writes the top-level folder `diagrams/`, `statemachine diagrams --check` compares it. The texts
are pure functions of the tables; SVG and PNG are rendered from them by mermaidx (extra `diagrams`).
"""

from typing import Any

from ..core.tables import MACHINES
from . import overview
from .files import pictures, stale, texts, write
from .rendering import NoRenderer

__all__ = ["NoRenderer", "lifecycle_outline", "pictures", "stale", "texts", "write"]


def lifecycle_outline() -> dict[str, Any]:
    """Boxes and arcs of the lifecycle's overview, as `overview.outline` says."""
    return overview.outline(MACHINES["lifecycle"])

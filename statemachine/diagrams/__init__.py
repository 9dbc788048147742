"""Pictures and matrices of the session, generated from the tables; what they say is committed and checked.

`statemachine diagrams` writes the top-level folder `diagrams/`, `statemachine diagrams --check` compares it. The texts
are pure functions of the tables; SVG and PNG are rendered from the DOT by graphviz-pure (extra `diagrams`).
"""

from . import overview
from .files import graphs, pictures, stale, texts, write
from .rendering import NoRenderer

__all__ = ["NoRenderer", "graphs", "lifecycle_outline", "pictures", "session_svg", "stale", "texts", "write"]

lifecycle_outline = overview.outline
session_svg = overview.session_svg

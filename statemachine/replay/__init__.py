"""Captured traffic through the engine: what came, what phase it led to, what the engine would do, what was odd.

    capture = read_capture([("chat.har", data)])
    replay = play(capture)
    replay.session.phase, replay.session.outcome, replay.rows

Reads files, decides nothing about chats: every phase and command comes from `reduce`.
"""

from .capture import BadCapture, Capture, read_capture, redacted
from .page import page
from .player import Replay, TimelineRow
from .report import report
from .run import play
from .sequence import sequence
from .story import story
from .traces import trace_lines

__all__ = [
    "BadCapture", "Capture", "Replay", "TimelineRow", "page", "play", "read_capture", "redacted", "report",
    "sequence", "story", "trace_lines",
]  # fmt: skip

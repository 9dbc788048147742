"""Captured traffic through the engine: what came, what phase it led to, what the engine would do, what was odd.

    capture = read_capture([("chat.har", data)])
    replay = play(capture)
    replay.session.phase, replay.session.outcome, replay.rows

Reads files, decides nothing about chats: every phase and command comes from `reduce`.
"""

from .capture import BadCapture, Capture, read_capture
from .player import Row
from .report import report
from .run import Replay, play

__all__ = ["BadCapture", "Capture", "Replay", "Row", "play", "read_capture", "report"]

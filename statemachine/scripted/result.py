"""The result of one session of a script."""

from __future__ import annotations

from attrs import define, field, frozen


@frozen
class StepResult:
    """One step that was executed: its duration, and the problem, "" if there was none."""

    line: int
    words: str
    seconds: float
    problem: str = ""


@define
class PlayResult:
    """Session ``number``, from 1. ``phases``: in order. ``sent_ms``: milliseconds until the server had each text.

    It holds no texts of the other side: reports are kept and passed on.
    """

    number: int
    client_id: str
    steps: list[StepResult] = field(factory=list[StepResult])
    phases: list[str] = field(factory=list[str])
    sent_ms: list[int] = field(factory=list[int])
    heard: int = 0
    """Number of texts received."""
    outcome: str | None = None
    ended_by_us: bool = False
    """The script left its chat open, so it was ended after it."""
    seconds: float = 0.0

    @property
    def problem(self) -> StepResult | None:
        """The step that failed, or None."""
        return next((step for step in self.steps if step.problem), None)

    @property
    def ok(self) -> bool:
        """No step failed."""
        return self.problem is None


class StepFailed(Exception):
    """A step could not be executed, or its expectation was not met. The text says how."""

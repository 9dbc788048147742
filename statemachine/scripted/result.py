"""What became of one session of a script."""

from __future__ import annotations

from attrs import define, field, frozen

__all__ = ["Failed", "Result", "StepResult"]


@frozen
class StepResult:
    """One step that was taken: how long it took, and what went wrong, "" if nothing did."""

    line: int
    words: str
    seconds: float
    problem: str = ""


@define
class Result:
    """Session ``number``, from 1. ``phases``: in order. ``sent_ms``: from saying a text to the server having it.

    No texts of the other side stand here: reports are kept and passed on.
    """

    number: int
    client_id: str
    steps: list[StepResult] = field(factory=list[StepResult])
    phases: list[str] = field(factory=list[str])
    sent_ms: list[int] = field(factory=list[int])
    heard: int = 0
    """How many texts came."""
    outcome: str | None = None
    ended_by_us: bool = False
    """The script left its chat open, so it was ended behind it."""
    seconds: float = 0.0

    @property
    def problem(self) -> StepResult | None:
        """The step that failed, or None."""
        return next((step for step in self.steps if step.problem), None)

    @property
    def ok(self) -> bool:
        """Nothing failed."""
        return self.problem is None


class Failed(Exception):
    """A step did not come true; the text says how."""

"""Results for machines: JUnit for a CI's list of tests, plain data for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from statemachine.junit import Case, document
from statemachine.scripted.events import PlayResult
from statemachine.scripted.script import Script


def summary(script: Script, results: Sequence[PlayResult]) -> dict[str, Any]:
    """``{name, about, ok, sessions, failed, sent_ms, steps, results}``.

    ``steps``: for each line of the script the seconds it took in all sessions, as median, 95 of 100, and most;
    ``sent_ms`` likewise: from saying a text to the server having it, in milliseconds.
    """
    steps: dict[tuple[int, str], list[float]] = {}
    for result in results:
        for step in result.steps:
            steps.setdefault((step.line, step.words), []).append(step.seconds)
    return {
        "name": script.name,
        "about": script.about,
        "ok": all(result.ok for result in results),
        "sessions": len(results),
        "failed": sum(not result.ok for result in results),
        "sent_ms": quantiles([ms for result in results for ms in result.sent_ms]),
        "steps": [
            {"line": line, "step": words, "count": len(took), "seconds": quantiles(took)}
            for (line, words), took in steps.items()
        ],
        "results": [{**attrs.asdict(result), "ok": result.ok} for result in results],
    }


def quantiles(values: Iterable[float]) -> dict[str, float] | None:
    """``{p50, p95, max}``, or None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = len(ordered) - 1
    found = {"p50": ordered[place // 2], "p95": ordered[place * 95 // 100], "max": ordered[place]}
    return {name: round(value, 3) for name, value in found.items()}


def junit(plays: Iterable[tuple[Script, Sequence[PlayResult]]]) -> str:
    """JUnit XML: a suite for each script, a case for each of its sessions."""
    suites = ((script.name, [_case(script, result, len(results)) for result in results]) for script, results in plays)
    return document("statemachine run", suites)


def _case(script: Script, result: PlayResult, sessions: int) -> Case:
    name = (script.about or script.name) + (f" [{result.number}]" if sessions > 1 else "")
    out = f"client id {result.client_id}; phases {', '.join(result.phases)}; outcome {result.outcome}"
    if (problem := result.problem) is None:
        return Case(name, result.seconds, out=out)
    message = f"line {problem.line}: {problem.words}: {problem.problem}"
    lines = (f"line {step.line}: {step.words}: {step.problem or 'done'}" for step in result.steps)
    return Case(name, result.seconds, "failure", message, "\n".join(lines), out)

"""Results for machines: JUnit for a CI's list of tests, plain data for JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from xml.etree import ElementTree

import attrs

from statemachine.scripted.events import PlayResult
from statemachine.scripted.script import Script

_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
    """A suite for each script, a case for each of its sessions."""
    root = ElementTree.Element("testsuites", name="statemachine run")
    for script, results in plays:
        failed = sum(not result.ok for result in results)
        seconds = max((result.seconds for result in results), default=0.0)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_plain(script.name),
            tests=str(len(results)),
            failures=str(failed),
            errors="0",
            time=f"{seconds:.3f}",
        )
        for result in results:
            _case(suite, script, result, len(results))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, script: Script, result: PlayResult, sessions: int) -> None:
    number = f" [{result.number}]" if sessions > 1 else ""
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_plain(script.name),
        name=_plain((script.about or script.name) + number),
        time=f"{result.seconds:.3f}",
    )
    if (problem := result.problem) is not None:
        message = _plain(f"line {problem.line}: {problem.words}: {problem.problem}")
        failure = ElementTree.SubElement(case, "failure", message=message)
        lines = (f"line {step.line}: {step.words}: {step.problem or 'done'}" for step in result.steps)
        failure.text = _plain("\n".join(lines))
    out = ElementTree.SubElement(case, "system-out")
    out.text = _plain(f"client id {result.client_id}; phases {', '.join(result.phases)}; outcome {result.outcome}")


def _plain(text: str) -> str:
    """Without what XML cannot hold."""
    return _NO_XML.sub("�", text)

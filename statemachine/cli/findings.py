"""Findings of the black box and of the audit, for a person: the rule, who suffers, what is right, and what shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from statemachine.conformance.blackbox.run import RuleFinding

_REQUESTS: Final = 6


def lines(findings: Iterable[RuleFinding]) -> Iterator[str]:
    """What to read, one finding after the other."""
    for finding in findings:
        rule, level = finding.rule, finding.rule.level
        yield f"{rule.number}  {rule.fault}" + ("" if level == "must" else f"  ({level})")
        for name, text in (
            ("found", finding.message),
            ("suffers", rule.suffers),
            ("instead", rule.instead),
            ("source", rule.source),
        ):
            yield f"    {name + ':':<9}{text}"
        yield from (f"    {line}" for line in evidence(finding))


def evidence(finding: RuleFinding) -> Iterator[str]:
    """The requests that show it, and the script that repeats them."""
    for one in finding.requests[:_REQUESTS]:
        status = one["status"] or "no answer"
        yield f"| {one['number']:>4}  {one['method']:<4} {one['path']}  {status}"
    if len(finding.requests) > _REQUESTS:
        yield f"| … {len(finding.requests) - _REQUESTS} more"
    yield from (f"$ {line}" for line in finding.curl.splitlines() if line.strip() and not line.startswith("#"))


def as_data(finding: RuleFinding) -> dict[str, Any]:
    """The same as JSON values."""
    rule = finding.rule
    return {
        "rule": rule.number,
        "level": rule.level,
        "fault": rule.fault,
        "found": finding.message,
        "suffers": rule.suffers,
        "instead": rule.instead,
        "source": rule.source,
        "requests": list(finding.requests),
        "curl": finding.curl,
    }

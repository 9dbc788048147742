"""Results as text, as JUnit XML and as an HTML page. All texts are escaped, because they may be hostile."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Final

from attrs import evolve

from ..junit import Case, document
from ..pages import framed
from .results import FAILING, CheckResult, area_of, conforms, count_text

_SHOWN: Final = 12
"""Lines of evidence that the text shows; files contain all."""
_NAMED: Final = 8
"""Skipped checks that the text names; files name all."""
_MARKS: Final = {
    "passed": "ok",
    "failed": "FAILED",
    "unexpected": "PASSED UNEXPECTEDLY",
    "warned": "warning",
    "known": "known",
    "skipped": "skipped",
}


def lines_of(result: CheckResult) -> Iterator[str]:
    """One result as text; one line where it passed."""
    broken = f"  {result.rule}" if result.rule else ""
    yield f"{_MARKS[result.status]}  {result.id}{broken}" + ("" if result.level == "must" else f"  ({result.level})")
    if result.status in ("passed", "skipped"):
        return
    for name, text in (
        ("rule", result.why),
        ("source", result.source),
        ("effect", result.suffers),
        ("found", result.what),
    ):
        if text:
            yield f"    {name + ':':<9}{text}"
    for line in result.evidence[:_SHOWN]:
        yield f"    | {line}"
    if len(result.evidence) > _SHOWN:
        yield f"    | … {len(result.evidence) - _SHOWN} lines more"
    if result.again:
        yield f"    repeat:  {result.again}"


def summary(name: str, results: Sequence[CheckResult], scope: str = "") -> str:
    """One line for all results. `scope`: what was judged."""
    verdict = "conforms" if conforms(results) else "does not conform"
    return f"{name}: {verdict}{scope and f' to: {scope}'} ({count_text(results)})"


def ladder(results: Iterable[CheckResult]) -> Iterator[str]:
    """A line for each part of an engine that fails, in the order of the checks: where to begin is the first."""
    parts: dict[str, list[CheckResult]] = {}
    for result in results:
        if not result.rule:
            parts.setdefault(area_of(result.id), []).append(result)
    for part, some in parts.items():
        failing = [one.id for one in some if one.status in FAILING]
        if failing:
            yield f"{part:<12} {len(failing)} of {len(some)} failed; begin with {failing[0]}"


def rules_of(results: Sequence[CheckResult]) -> list[list[CheckResult]]:
    """The results of each broken rule, the gravest rule first, then the one with the most cases."""
    broken: dict[str, list[CheckResult]] = {}
    for result in results:
        if result.rule:
            broken.setdefault(result.rule, []).append(result)
    return sorted(broken.values(), key=lambda some: (min(one.gravity for one in some), -len(some)))


def rule_lines(some: Sequence[CheckResult]) -> Iterator[str]:
    """One rule as text: how many cases break it, and one of them."""
    one = min(some, key=lambda result: result.gravity)
    cases = f"{len(some)} {'case' if len(some) == 1 else 'cases'}"
    yield f"{_MARKS[one.status]}  {one.rule}  {one.fault}: {cases}  ({one.level})"
    for name, text in (("found", one.what), ("in", one.id), ("effect", one.suffers), ("instead", one.why)):
        yield f"    {name + ':':<9}{text}"
    if one.again:
        yield f"    repeat:  {one.again}"


def skipped_lines(results: Sequence[CheckResult]) -> Iterator[str]:
    """Each reason why checks were skipped, with the first of their names."""
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result.status == "skipped":
            reasons.setdefault(result.what, []).append(result.id)
    for reason, names in reasons.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"skipped  {', '.join(names[:_NAMED])}{more}: {reason}"


# --- for machines ---------------------------------------------------------------------------------------------------


def junit(name: str, results: Sequence[CheckResult]) -> str:
    """JUnit XML: a suite for the first part of each name."""
    suites: dict[str, list[Case]] = {}
    results = _of_one_case(results)
    for result in results:
        suites.setdefault(area_of(result.id), []).append(_case(result))
    return document(name, suites.items())


def _of_one_case(results: Sequence[CheckResult]) -> list[CheckResult]:
    """One result for each name: the gravest of a case that breaks several rules, with the evidence of all."""
    cases: dict[str, list[CheckResult]] = {}
    for result in results:
        cases.setdefault(result.id, []).append(result)
    return [_joined(sorted(some, key=lambda one: one.gravity)) for some in cases.values()]


def _joined(some: Sequence[CheckResult]) -> CheckResult:
    worst = some[0]
    if len(some) == 1:
        return worst
    others = tuple(line for one in some[1:] for line in lines_of(one))
    return evolve(worst, what="; ".join(one.what for one in some), evidence=(*worst.evidence, *others))


def _case(result: CheckResult) -> Case:
    name, text = result.id.partition("/")[2], "\n".join(lines_of(result))
    if result.status in FAILING:
        return Case(name, result.seconds, "failure", result.what, text)
    if result.status in ("skipped", "known"):
        return Case(name, result.seconds, "skipped", result.what)
    return Case(name, result.seconds, out=text if result.status == "warned" else "")


# --- for people, as a page ------------------------------------------------------------------------------------------


def html(name: str, results: Sequence[CheckResult]) -> str:
    """One HTML page without external files."""
    order = ("failed", "unexpected", "warned", "known")
    failing = sorted((one for one in results if one.status in order), key=lambda one: order.index(one.status))
    title = f"Conformance of {name}"
    body = Template(_file("report.html")).substitute(
        title=escape(title),
        mood="ok" if conforms(results) else "failed",
        summary=escape(summary(name, results)),
        rules=_rules_table(results),
        failing="\n".join(map(_section, failing)),
        count=len(results),
        rows="\n".join(map(_row, results)),
    )
    return framed(title, body, style=_file("report.css"))


def _file(name: str) -> str:
    return files("statemachine.conformance").joinpath(name).read_text("utf-8")


def _rules_table(results: Sequence[CheckResult]) -> str:
    """Broken rules and skipped checks."""
    rows = [[_MARKS[one.status], one.rule, one.level, one.fault, str(len(some)), f"{one.id}: {one.what}"]
            for some in rules_of(results) for one in [min(some, key=lambda result: result.gravity)]]  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in ("result", "rule", "level", "fault", "cases", "example"))
    cells = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    skipped = "".join(f"<p>{escape(line)}</p>" for line in skipped_lines(results))
    return (f'<div class="wide" tabindex="0"><table><tr>{head}</tr>{cells}</table></div>' if rows else "") + skipped


def _section(result: CheckResult) -> str:
    text = "\n".join(part for part in (result.what, result.suffers, *result.evidence, result.again) if part)
    is_open = "" if result.rule else " open"  # rules have a summary above
    return (
        f'<details{is_open}><summary class="{result.status}"><b>{escape(_MARKS[result.status])}</b> '
        f"<code>{escape(result.id)}</code> {escape(result.why)} <small>{escape(result.source)}</small></summary>"
        f"<pre>{escape(text)}</pre></details>"
    )


def _row(result: CheckResult) -> str:
    cells = (result.id, result.why, result.source)
    mark = f'<td class="s {result.status}">{escape(_MARKS[result.status])}</td>'
    return f"<tr>{mark}{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def as_json(name: str, results: Iterable[CheckResult]) -> str:
    """All results as one JSON object."""
    some = list(results)
    said = [{key: item for key, item in _fields(one) if item} for one in some]
    rules = [
        {"rule": one.rule, "level": one.level, "fault": one.fault, "cases": [each.id for each in group]}
        for group in rules_of(some)
        for one in group[:1]
    ]
    found = {"name": name, "conforms": conforms(some)} | ({"rules": rules} if rules else {})
    return json.dumps({**found, "results": said}, ensure_ascii=False)


def _fields(result: CheckResult) -> Iterator[tuple[str, object]]:
    for name in ("id", "status", "rule", "level", "why", "source", "what", "suffers", "evidence", "again"):
        yield name, getattr(result, name)

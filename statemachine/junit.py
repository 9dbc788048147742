"""Test results as JUnit XML, which CI servers read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal
from xml.etree import ElementTree

from attrs import frozen

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@frozen
class Case:
    """One test. `outcome`: None where it passed; `message` and `text` explain it. `out`: what the test printed."""

    name: str
    seconds: float
    outcome: Literal["failure", "skipped"] | None = None
    message: str = ""
    text: str = ""
    out: str = ""


def document(title: str, suites: Iterable[tuple[str, Sequence[Case]]]) -> str:
    """The document. `suites`: (name, cases) of each. Characters that XML forbids are replaced."""
    named = list(suites)
    root = ElementTree.Element("testsuites", _attributes(title, [case for _, cases in named for case in cases]))
    for name, cases in named:
        suite = ElementTree.SubElement(root, "testsuite", _attributes(name, cases))
        for case in cases:
            attributes = {"classname": _legal(name), "name": _legal(case.name), "time": f"{case.seconds:.3f}"}
            element = ElementTree.SubElement(suite, "testcase", attributes)
            if case.outcome is not None:
                found = ElementTree.SubElement(element, case.outcome, message=_legal(case.message))
                found.text = _legal(case.text)
            if case.out:
                ElementTree.SubElement(element, "system-out").text = _legal(case.out)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _attributes(name: str, cases: Sequence[Case]) -> dict[str, str]:
    failures, skipped = (str(sum(case.outcome == one for case in cases)) for one in ("failure", "skipped"))
    seconds = f"{sum(case.seconds for case in cases):.3f}"
    counts = {"tests": str(len(cases)), "failures": failures, "skipped": skipped, "errors": "0", "time": seconds}
    return {"name": _legal(name), **counts}


def _legal(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)

"""Reports for machines."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from statemachine.scripted import PlayResult, StepResult, junit, read_script, summary
from statemachine.scripted.report import quantiles

SCRIPT = read_script('about = "a <late> \\u0007parcel"\nscript = ["end"]', "par&cel", Path())


def results() -> list[PlayResult]:
    good = PlayResult(1, "run-1", [StepResult(0, "start", 0.5), StepResult(2, "end", 0.1)], ["queued"], [10, 30, 20])
    bad = PlayResult(2, "run-2", [StepResult(0, "start", 1.5), StepResult(2, "end", 9.0, "not\u0000 within <1s>")])
    good.outcome, good.seconds, bad.seconds = "ended", 1.25, 10.5
    return [good, bad]


def test_the_summary_is_json_with_the_times_of_each_step() -> None:
    told = json.loads(json.dumps(summary(SCRIPT, results())))
    assert (told["ok"], told["sessions"], told["failed"]) == (False, 2, 1)
    assert told["sent_ms"] == {"p50": 20, "p95": 20, "max": 30}
    assert told["steps"][0] == {"line": 0, "step": "start", "count": 2, "seconds": {"p50": 0.5, "p95": 0.5, "max": 1.5}}
    assert told["results"][1]["steps"][1]["problem"] == "not\u0000 within <1s>"
    assert [one["ok"] for one in told["results"]] == [True, False]


def test_junit_is_xml_whatever_the_texts_hold() -> None:
    root = ElementTree.fromstring(junit([(SCRIPT, results()), (SCRIPT, [])]))
    suite, empty = root
    counts = {"tests": "2", "failures": "1", "skipped": "0", "errors": "0"}
    assert suite.attrib == {"name": "par&cel", **counts, "time": "11.750"}
    assert empty.get("tests") == "0"
    good, bad = suite
    assert good.get("name") == "a <late> \ufffdparcel [1]"
    assert good.find("failure") is None
    failure = bad.find("failure")
    assert failure is not None
    assert failure.get("message") == "line 2: end: not\ufffd within <1s>"
    assert "line 0: start: done" in (failure.text or "")


def test_quantiles() -> None:
    assert quantiles([]) is None
    assert quantiles([3.0]) == {"p50": 3.0, "p95": 3.0, "max": 3.0}
    assert quantiles(range(101)) == {"p50": 50, "p95": 95, "max": 100}

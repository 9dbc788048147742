"""Reports: the same verdicts as text, JUnit and HTML; texts of others do no harm in any of them."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from statemachine.conformance.report import (
    as_json,
    html,
    junit,
    ladder,
    lines_of,
    rule_lines,
    rules_of,
    skipped_lines,
    summary,
)
from statemachine.conformance.results import (
    CheckResult,
    Level,
    ResultStatus,
    as_strict,
    conforms,
    count_text,
    is_selected,
    with_known,
)

EVIL = "<script>alert('x')</script>\x1b[31m\x00]]>&\ud800"
VERDICTS = [
    CheckResult("connection/a", "passed", why="fine", seconds=0.5),
    CheckResult(
        "connection/b",
        "failed",
        "must",
        "never polls twice",
        "protocol.md 8 F22",
        EVIL,
        "events are lost",
        (EVIL,) * 20,
    ),
    CheckResult("law/L5", "warned", "should", what="maybe", again="statemachine conform --replay case.jsonl"),
    CheckResult("codec/x", "skipped", what="needs what is not declared: codec"),
    CheckResult("item/k", "known", what="it is known"),
    CheckResult("item/u", "unexpected", what="take it off the list"),
]


def test_text() -> None:
    (passed,) = lines_of(VERDICTS[0])
    assert passed == "ok  connection/a"
    failed = list(lines_of(VERDICTS[1]))
    assert failed[0] == "FAILED  connection/b"
    assert "    source:  protocol.md 8 F22" in failed
    assert "    effect:  events are lost" in failed
    assert failed[-1] == "    | … 8 lines more"
    assert next(lines_of(VERDICTS[2])) == "warning  law/L5  (should)"
    assert summary("mine", VERDICTS) == (
        "mine: does not conform (1 passed, 1 failed, 1 passed unexpectedly, 1 warned, 1 failed as known, 1 skipped)"
    )
    assert summary("mine", VERDICTS[:1]) == "mine: conforms (1 passed)"
    assert summary("mine", VERDICTS[:1], "core + typing") == "mine: conforms to: core + typing (1 passed)"
    assert count_text([]) == "nothing was checked"


def test_the_ladder_names_each_part_that_fails_and_where_to_begin() -> None:
    more = [CheckResult("connection/c", "failed"), *VERDICTS]
    assert list(ladder(more)) == [
        "connection   2 of 3 failed; begin with connection/c",
        "item         1 of 2 failed; begin with item/u",
    ]
    assert list(ladder(VERDICTS[:1])) == []


def test_junit() -> None:
    root = ElementTree.fromstring(junit(f"mine {EVIL}", VERDICTS).encode("utf-8", "strict"))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("6", "2", "2")
    cases = {f"{case.get('classname')}/{case.get('name')}": case for case in root.iter("testcase")}
    assert {name: [child.tag for child in case] for name, case in cases.items()} == {
        "connection/a": [],
        "connection/b": ["failure"],
        "law/L5": ["system-out"],
        "codec/x": ["skipped"],
        "item/k": ["skipped"],
        "item/u": ["failure"],
    }
    assert "protocol.md 8 F22" in (cases["connection/b"][0].text or "")


def test_html() -> None:
    page = html(f"mine {EVIL}", VERDICTS)
    assert "<script" not in page
    assert "does not conform" in page
    assert page.count("<tr>") == 1 + len(VERDICTS)
    assert 'class="sum failed"' in page
    assert 'class="sum ok"' in html("mine", VERDICTS[:1])


def broken(case: str, rule: str, harms: str, level: Level = "must") -> CheckResult:
    status: ResultStatus = "failed" if level == "must" else "warned"
    found = f"{EVIL} in {case}"
    return CheckResult(
        case, status, level, "do right", "protocol.md", found, "lost", rule=rule, harms=harms, fault="errs"
    )


CLIENT = [
    broken("F1/ended", "cache", "user", "should"),
    broken("F1/ended", "F15", "others"),
    broken("F1/ended", "F1", "server"),
    broken("F1/gone", "F1", "server"),
    CheckResult("F1/failed", "passed"),
    CheckResult("F2/over", "skipped", what="no reports"),
    CheckResult("F36/markup", "skipped", what="no reports"),
]


def test_a_client_is_summarized_by_rule_the_gravest_first() -> None:
    assert [some[0].rule for some in rules_of(CLIENT)] == ["F1", "F15", "cache"]
    head, *rest = rule_lines(rules_of(CLIENT)[0])
    assert head == "FAILED  F1  errs: 2 cases  (must)"
    assert f"    found:   {EVIL} in F1/ended" in rest
    assert list(skipped_lines(CLIENT)) == ["skipped  F2/over, F36/markup: no reports"]


def test_a_case_has_one_name_and_stands_once_in_junit() -> None:
    root = ElementTree.fromstring(junit("mine", CLIENT).encode("utf-8", "strict"))
    names = [f"{case.get('classname')}/{case.get('name')}" for case in root.iter("testcase")]
    assert names == ["F1/ended", "F1/gone", "F1/failed", "F2/over", "F36/markup"]
    (failure,) = next(root.iter("testcase"))
    assert failure.tag == "failure"
    assert all(f"  {rule}" in (failure.text or "") for rule in ("F1", "F15", "cache"))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("5", "2", "2")


def test_pages_and_json_begin_with_the_rules() -> None:
    page = html("mine", CLIENT)
    assert (
        page.index("<td>F1</td>") < page.index("<td>F15</td>") < page.index("<td>cache</td>") < page.index("<details")
    )
    assert "F36/markup: no reports" in page
    said = json.loads(as_json("mine", CLIENT))
    assert said["rules"][0] == {"rule": "F1", "level": "must", "fault": "errs", "cases": ["F1/ended", "F1/gone"]}


def test_json() -> None:
    said = json.loads(as_json("mine", VERDICTS))
    assert said["conforms"] is False
    assert said["results"][0] == {"id": "connection/a", "status": "passed", "level": "must", "why": "fine"}


def test_known_failures_are_run_and_must_fail() -> None:
    passed, failed, warned, skipped = VERDICTS[:4]
    assert with_known(failed, ["connection/b"]).status == "known"
    assert with_known(warned, ["law/L5"]).status == "known"
    assert with_known(passed, ["connection/a"]).status == "unexpected"
    assert with_known(skipped, ["codec/x"]) is skipped
    assert with_known(failed, ["connection/a"]) is failed
    assert not conforms([with_known(passed, ["connection/a"])])
    assert conforms([with_known(failed, ["connection/b"]), warned])
    assert not conforms([as_strict(warned)])
    assert as_strict(passed) is passed


def test_what_is_asked_for() -> None:
    tags = ("F3", "link row 8")
    assert is_selected("fault/F3/x", tags, ())
    assert is_selected("fault/F3/x", tags, ("f3",))
    assert is_selected("fault/F3/x", tags, ("fault",))
    assert is_selected("fault/F3/x", tags, ("fault/F3/x",))
    assert is_selected("fault/F3/x", tags, ("*/x",))
    assert not is_selected("fault/F30/x", ("F30",), ("F3",))
    assert not is_selected("fault/F3/x", tags, ("fault/F30", "law"))

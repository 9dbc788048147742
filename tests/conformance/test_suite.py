"""The doors of pytest: the class to inherit from, and the plugin, each run as a stranger would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from statemachine.conformance.implementation import Implementation
from statemachine.conformance.kit import Check, checks, read_case
from statemachine.conformance.suite import ConformanceSuite, ConformanceWarning, assert_check
from statemachine.engine.session import JsonObject, JsonSession
from tests.conformance.strangers import Spoilt

MINE = """
from statemachine.engine import JsonSession

class Silent(JsonSession):
    def step(self, event):
        shown = super().step(event)
        return {**shown, "updates": []} if "updates" in shown else shown
"""


def ran(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    unused = [part for name in ("cacheprovider", "xdist", "schemathesis") for part in ("-p", f"no:{name}")]
    line = [sys.executable, "-m", "pytest", *unused, *args]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300)


def test_a_class_has_one_test_for_each_check(tmp_path: Path) -> None:
    text = MINE + "\nfrom statemachine.conformance import ConformanceSuite\n\n"
    text += "class TestMine(ConformanceSuite):\n    def implementation(self):\n        return Silent()\n"
    (tmp_path / "test_mine.py").write_text(text, encoding="utf-8")
    done = ran(tmp_path, "-k", "F9", "-rf")
    assert done.returncode == 1, done.stdout
    assert "source:  protocol.md 8 F9" in done.stdout
    assert "found:   " in done.stdout
    assert f"collected {len(checks()) + 1} items" in done.stdout


@pytest.mark.slow
def test_the_plugin_adds_a_test_for_each_check(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n", encoding="utf-8")
    plugin = ("-p", "statemachine.conformance.plugin")
    done = ran(tmp_path, *plugin, "--statemachine-impl", "mine:Silent", "--statemachine-cases", "0", "-rf")
    assert done.returncode == 1
    assert "conformance::fault/" in done.stdout
    assert "skipped" in done.stdout
    without = ran(tmp_path, *plugin)
    assert (without.returncode, "1 passed" in without.stdout) == (0, True)
    wrong = ran(tmp_path, *plugin, "--statemachine-impl", "mine:Nobody")
    assert wrong.returncode == 4
    assert "give MODULE:NAME" in wrong.stderr


def law_check(name: str) -> Check:
    return next(check for check in checks(7) if check.id == f"law/{name}")


def test_what_holds_passes() -> None:
    assert_check(JsonSession(), law_check("L10"))


def test_known_failures_fail_as_known_and_may_not_pass() -> None:
    small = law_check("agreement")
    wrong = Spoilt(lambda shown: {**shown, "phase": "odd"})
    with pytest.raises(pytest.fail.Exception):
        assert_check(wrong, small)
    with pytest.raises(pytest.xfail.Exception):
        assert_check(wrong, small, ["law/agreement"])
    with pytest.raises(pytest.fail.Exception, match="remove it from the list"):
        assert_check(JsonSession(), small, ["law/agreement"])


def test_what_only_should_hold_warns() -> None:
    from attrs import evolve

    from statemachine.conformance.judge import Deviation

    small = evolve(law_check("L10"), run=lambda subject: (Deviation("agreement", 0, "odd", "should"), None))
    with pytest.warns(ConformanceWarning, match="odd"):
        assert_check(JsonSession(), small)


def test_a_suite_without_an_implementation_says_so() -> None:
    with pytest.raises(NotImplementedError, match="return the implementation under test"):
        ConformanceSuite().implementation()


def raising(event: JsonObject) -> JsonObject:
    raise KeyError("odd")


@pytest.mark.parametrize(
    ("method", "replacement", "words"),
    [
        ("step", raising, "step raised KeyError: 'odd' ("),
        ("step", lambda: {}, "step raised TypeError"),
        ("step", lambda event: None, "step returned NoneType, and not a dict"),
        ("begin", lambda at: {}, "begin raised TypeError"),
        ("begin", lambda at, config: {"phase": "ended"}, "the harness does not work"),
    ],
)
def test_a_wrong_implementation_fails_the_smoke_test_in_words(method: str, replacement: Any, words: str) -> None:
    class Mine(ConformanceSuite):
        def implementation(self) -> Implementation:
            engine = JsonSession()
            setattr(engine, method, replacement)
            return engine

    with pytest.raises(pytest.fail.Exception, match=re.escape(words)):
        Mine().test_smoke()
    with pytest.raises(pytest.skip.Exception, match="test_smoke fails"):
        Mine().test_conforms(law_check("L10"))


def test_an_exception_in_a_step_names_its_place_and_the_case_is_stored() -> None:
    class Failing(JsonSession):
        def step(self, event: JsonObject) -> JsonObject:
            if event["type"] == "send_text":
                raise ZeroDivisionError("by nothing")
            return super().step(event)

    check = next(check for check in checks(0) if check.id.startswith("fault/F13"))
    with pytest.raises(
        pytest.fail.Exception, match=r"ZeroDivisionError: by nothing \(.*test_suite\.py:\d+\)"
    ) as failed:
        assert_check(Failing(), check)
    law, vector = read_case(Path(str(failed.value).rpartition("case:")[2].strip()))
    assert (law, bool(vector.steps)) == ("crash", True)

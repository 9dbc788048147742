"""A harness as a process: every way in which it can fail is told from every other, and none hangs the kit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from statemachine.conformance.implementation import NoAnswer, NoAnswers, Unusable
from statemachine.conformance.judge import judge
from statemachine.conformance.process import Harness
from statemachine.conformance.random_search import LAWS
from statemachine.conformance.variations import VARIATIONS
from tests.conformance.test_judge import STORIES, STORY

OURS = (sys.executable, "-m", "statemachine", "engine")
HELLO = '{"protocol": 1, "name": "x", "features": [], "seq": 1}'


def script(tmp_path: Path, code: str) -> tuple[str, ...]:
    path = tmp_path / "harness.py"
    path.write_text("import json, sys, time\n" + code, encoding="utf-8")
    return sys.executable, str(path)


def answering(tmp_path: Path, *lines: str) -> tuple[str, ...]:
    """Answers with these, then ends."""
    return script(tmp_path, f"for line in {lines!r}:\n  sys.stdin.readline()\n  print(line, flush=True)\n")


def test_our_engine_as_a_process() -> None:
    with Harness(OURS) as subject:
        assert subject.hello["name"] == "chat-session-statemachine"
        assert subject.has_codec
        assert "snapshot" in subject.features
        subject.begin(1_000)
        shown = subject.step({"type": "request_chat", "at": 1_000, "origin": "o", "text": "grüß dich \ud800"})
        written = subject.snapshot()
        assert subject.restore(written)["owed"] == shown["owed"]
        assert subject.codec("decode", {"wire": {"event": "chat_session_ended"}}) == {
            "entry": {"type": "session_ended"}
        }
        with pytest.raises(NoAnswer, match=r"it answers error: .*a type of"):
            subject.step({"type": "nonsense", "at": 1})
        assert subject.step({"type": "tick", "at": 1_001})["phase"] == "requesting"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "sys.exit('no table.json here')",
            "does not answer hello: the process ended; stderr ends with: no table.json here",
        ),
        ("print('Hello!', flush=True); sys.stdin.read()", "not a JSON object: 'Hello!'; stdout is for answers only"),
        ("sys.stdin.readline(); print('{}', flush=True); sys.stdin.read()", "does not carry the seq"),
        ("sys.stdin.readline(); print('{\"seq\": 1}', flush=True); sys.stdin.read()", "must answer hello with"),
        (
            'sys.stdin.readline(); print(\'{"seq": 1, "error": "no"}\', flush=True); sys.stdin.read()',
            "answers error: no",
        ),
    ],
)
def test_a_harness_that_does_not_work(tmp_path: Path, code: str, words: str) -> None:
    with pytest.raises(Unusable) as error, Harness(script(tmp_path, code)):
        pass
    assert words in str(error.value)


def test_a_command_that_is_none() -> None:
    with pytest.raises(Unusable, match="cannot be started"), Harness(["/nowhere/harness"]):
        pass


def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    code = f"sys.stdin.readline(); print('{HELLO}', flush=True); sys.stdin.read()"
    with Harness(script(tmp_path, code), timeout_s=0.2) as subject, pytest.raises(NoAnswer, match="no answer within"):
        subject.begin(1)


def test_one_that_dies_is_started_again_for_the_next_case(tmp_path: Path) -> None:
    greeting = "{'protocol': 1, 'features': [], 'seq': json.loads(sys.stdin.readline())['seq']}"
    with Harness(script(tmp_path, f"print(json.dumps({greeting}), flush=True); sys.stdin.readline()")) as subject:
        for _ in range(2):
            with pytest.raises(NoAnswer, match="the process ended"):
                subject.begin(1)
            with pytest.raises(NoAnswer, match="has ended, and its session is lost"):
                subject.step({"type": "tick", "at": 1})


# --- pipelined ------------------------------------------------------------------------------------------------------


def stranger(expression: str) -> tuple[str, ...]:
    return sys.executable, "-c", f"from tests.conformance.strangers import *; speak({expression})"


def test_what_is_asked_ahead_is_answered_whenever_it_is_fetched() -> None:
    with Harness(OURS) as subject:
        subject.begin(1_000)
        ahead = subject.pipelined
        request = ahead.step({"type": "request_chat", "at": 1_000, "origin": "o"})
        answers = [ahead.step({"type": "tick", "at": 1_000 + 1_000 * n}) for n in range(100)]
        written = ahead.snapshot()
        assert ahead.restore(written())()["phase"] == "failed"
        assert request()["phase"] == "requesting"
        phases = [one()["phase"] for one in reversed(answers)]
        assert phases == sorted(phases)
        assert set(phases) == {"failed", "requesting"}


def test_what_nobody_fetches_is_not_taken_for_an_answer_to_something_else() -> None:
    with Harness(OURS) as subject:
        for at in range(1, 4):
            assert subject.begin(at)["phase"] == "idle"
            for _ in range(30):
                subject.pipelined.step({"type": "request_chat", "at": at, "origin": "o"})


def test_lines_that_no_pipe_holds_block_nobody() -> None:
    texts = ["x" * 16_000] * 30
    with Harness(OURS, timeout_s=20) as subject:
        subject.begin(1)
        subject.step({"type": "request_chat", "at": 1, "origin": "o"})
        answers = [subject.pipelined.step({"type": "send_text", "at": 2, "text": text}) for text in texts]
        written = subject.snapshot()
        assert len(str(written)) > 400_000
        assert [one()["phase"] for one in answers] == ["requesting"] * 30
        assert [subject.pipelined.restore(written) for _ in range(3)][-1]()["phase"] == "requesting"


def test_ids_of_its_own_pass_through_the_pipe() -> None:
    with Harness(stranger("Renaming()")) as subject:
        for law, story in zip(LAWS, STORIES, strict=False):
            assert judge(subject, story, VARIATIONS.get(law)) is None


@pytest.mark.parametrize("many", [True, False])
@pytest.mark.parametrize("ids", ["JsonSession", "Renaming"])
def test_it_dies_at_the_step_that_kills_it(ids: str, many: bool) -> None:
    """Whatever was under way when it did."""
    with Harness(stranger(f"dying({ids}(), 9), {many}")) as subject:
        fault = judge(subject, STORY)
        assert fault is not None
        assert (fault.law, fault.step) == ("crash", 8)
        assert "this was step 9" in fault.what


def test_a_case_is_one_line_for_a_harness_that_knows_many() -> None:
    with Harness(stranger("JsonSession(), many=True")) as subject, pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        read = subject._next_line

        def counted(line: Any) -> str:
            lines.append(line.text)
            return read(line)

        patch.setattr(subject, "_next_line", counted)
        assert judge(subject, STORY) is None
        assert len(lines) == 1
        assert judge(subject, STORY, VARIATIONS["L1"]) is None
        assert len(lines) == 3


@pytest.mark.parametrize("answer", ['{"error": "no", "seq": 4}', '{"answers": [], "seq": 4}', '{"seq": 4}'])
def test_one_that_does_not_know_many_after_all_gets_each_request_by_itself(tmp_path: Path, answer: str) -> None:
    hello = '{"protocol": 1, "features": [], "many": true, "seq": 1}'
    with Harness(answering(tmp_path, hello, answer, '{"seq": 5, "phase": "idle"}')) as subject:
        two = [subject.pipelined.step({"type": "tick", "at": at}) for at in (1, 2)]
        for one in two:
            with pytest.raises(NoAnswers):
                one()
        assert subject.begin(1)["phase"] == "idle"


def test_a_hang_is_counted_where_it_is_found(tmp_path: Path) -> None:
    """Among several requests nobody knows which one it was: they are sent again, each by itself."""
    hello = "{'protocol': 1, 'features': [], 'many': True, 'seq': json.loads(sys.stdin.readline())['seq']}"
    code = f"print(json.dumps({hello}), flush=True); sys.stdin.readline(); time.sleep(60)"
    with Harness(script(tmp_path, code), timeout_s=0.2) as subject:
        for _ in range(2):
            fault = judge(subject, STORY)
            assert fault is not None
            assert (fault.law, fault.step) == ("crash", -1)
        with pytest.raises(Unusable, match=r"no answer within 0\.2 s, 3 times; the last to .*begin"):
            judge(subject, STORY)


def test_a_snapshot_needs_its_name(tmp_path: Path) -> None:
    answers = (HELLO, '{"seq": 2, "phase": "idle"}', '{"seq": 3}')
    with Harness(answering(tmp_path, *answers)) as subject:
        subject.begin(1)
        with pytest.raises(NoAnswer, match="has no member"):
            subject.snapshot()

"""The recipe "Add a wire event" of CONTRIBUTING.md, done on a copy: three files by hand, the rest is generated.

The invented entry `chat_session_reaction` goes in both directions and leaves no trace in the history.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import statemachine

ROOT = Path(__file__).parents[1]
PACKAGE = Path(statemachine.__file__).parent

DECLARATION = '''
@record
class Reaction:
    """`chat_session_reaction`: a reaction to one message."""

    wire: ClassVar = Wire(
        "chat_session_reaction",
        BOTH,
        "transcript",
        words="reacts with {e.emoji} to message {e.ref_msg_id}",
        key=("party_id", "timestamp", "ref_msg_id", "emoji"),
        in_doubt="unknown",
    )
    ref_msg_id: str
    emoji: str = field(repr=redacted)
    party_id: str = ""
    timestamp: Instant = None
    extra: JsonText = field(default="", repr=False)


'''

VECTORS = [
    {
        "id": "codec/decode/a-reaction",
        "level": "must",
        "why": "a reaction",
        "source": "invented",
        "op": "decode",
        "ask": {"wire": {"event": "chat_session_reaction", "ref_msg_id": 7, "emoji": "+", "timestamp": "1614718748"}},
        "answer": {"entry": {"type": "reaction", "ref_msg_id": "7", "emoji": "+", "timestamp": 1614718748000}},
    },
    {
        "id": "codec/encode/a-reaction",
        "level": "must",
        "why": "a reaction",
        "source": "invented",
        "op": "encode",
        "ask": {"entry": {"type": "reaction", "ref_msg_id": "7", "emoji": "+"}},
        "answer": {"wire": {"event": "chat_session_reaction", "ref_msg_id": "7", "emoji": "+"}},
    },
]

TEST = """
from pathlib import Path

from statemachine import Incoming, Post, Received, SendEntry
from statemachine.codec.outwards import encode_entry
from statemachine.codec.records import encode_event
from statemachine.conformance.process import Harness
from statemachine.engine.session import JsonSession
from statemachine.replay.words import PartyNames, entry_words
from statemachine.wire import Reaction
from tests.conformance.node import NODE
from tests.core.play import ANN, CHAT, NOW, TIMEOUT, Play, chatting
from tests.emulator.driver import Driver

ROOT = Path(__file__).parents[2]
WIRE = {"event": "chat_session_reaction", "ref_msg_id": "s1", "emoji": "+"}
THEIRS = Reaction("s1", "+", ANN, 5_000)


def reacting() -> Play:
    play = chatting()
    play.do(SendEntry, Reaction("s1", "+"), "key-1")
    return play


def test_a_reaction_is_sent_and_a_lost_answer_makes_its_outcome_unknown() -> None:
    play = reacting()
    (post,) = play.commands(Post)
    assert encode_entry(post.entry) == WIRE
    play.answer(Post, TIMEOUT)
    assert play.failure(post.item).reason == "unknown"


def test_a_reaction_is_delivered_once_and_an_own_one_is_not_delivered() -> None:
    play = chatting()
    play.poll(THEIRS)
    play.poll(THEIRS, Reaction("s2", "+", ANN, 5_000), Reaction("s1", "+", CHAT, 5_000))
    received = [one.entry for one in play.all if isinstance(one, Received)]
    assert received == [THEIRS, Reaction("s2", "+", ANN, 5_000)]


def test_words_for_people() -> None:
    assert entry_words(THEIRS, PartyNames(CHAT), by_client=True) == ("customer", "reacts with + to message s1")


def test_the_emulator_takes_it_from_a_client() -> None:
    driver = Driver().open()
    driver.post(f"chats/{driver.chat_id}/events", {"events": [WIRE]})
    assert [one.event["emoji"] for one in driver.chat.log if one.event["event"] == WIRE["event"]] == ["+"]


def test_the_javascript_port_does_the_same() -> None:
    play = reacting()
    play.do(Incoming, (THEIRS,))
    play.do(Incoming, (THEIRS, Reaction("s2", "+", ANN)))
    play.answer(Post, TIMEOUT)
    engine = JsonSession()
    port_file = ROOT / "statemachine/conformance/runners/javascript/port.mjs"
    with Harness([NODE, str(port_file), str(ROOT / "diagrams/table.json")]) as port:
        assert port.begin(NOW) == engine.begin(NOW)
        for _, event in play.life:
            assert port.step(encode_event(event)) == engine.step(encode_event(event))
"""

GREEN = (
    "tests/core/test_reaction.py",
    "tests/core/test_vocabulary.py",
    "tests/core/test_table_checks.py",
    "tests/core/test_totality.py",
    "tests/codec/test_wire.py",
    "tests/codec/test_outwards.py",
    "tests/codec/test_records.py",
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package, its tests and its generated files, in a folder of their own."""
    ignored = shutil.ignore_patterns("__pycache__", "kill", "soak", "bench")
    shutil.copytree(PACKAGE, tmp_path / "statemachine", ignore=ignored)
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "diagrams").mkdir()
    return tmp_path


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{path.name}: {old!r} has changed"
    path.write_text(text.replace(old, new), "utf-8")


def python(folder: Path, *arguments: str) -> str:
    """The output of a Python process that imports the copy."""
    process = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert process.returncode == 0, process.stdout[-4_000:] + process.stderr[-4_000:]
    return process.stdout


def declare(folder: Path) -> None:
    """First file: the class and the two unions that it belongs to."""
    wire = folder / "statemachine/core/wire.py"
    replaced(wire, "# --- forms (", f"{DECLARATION.lstrip()}# --- forms (")
    replaced(wire, "    | Unknown | Malformed\n", "    | Reaction | Unknown | Malformed\n")
    replaced(wire, "SendableEntry: TypeAlias = ", "SendableEntry: TypeAlias = Reaction | ")
    replaced(wire, '"PartyLeft", ', '"PartyLeft", "Reaction", ')


@pytest.mark.slow
def test_a_wire_event_is_added_in_three_files(copy: Path) -> None:
    declare(copy)
    vectors = copy / "statemachine/conformance/vectors/codec/reaction.json"
    vectors.write_text(json.dumps(VECTORS), "utf-8")
    (copy / "tests/core/test_reaction.py").write_text(TEST, "utf-8")
    export = "import pathlib; from statemachine.diagrams import export; "
    python(copy, "-c", f"{export}pathlib.Path('diagrams/table.json').write_text(export.text(), 'utf-8')")
    assert "passed" in python(copy, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *GREEN)


def test_the_import_names_an_entry_outside_the_union(copy: Path) -> None:
    wire = copy / "statemachine/core/wire.py"
    replaced(wire, "# --- forms (", f"{DECLARATION.lstrip()}# --- forms (")
    with pytest.raises(AssertionError, match=r"not in the union Entry: .*Reaction"):
        python(copy, "-c", "import statemachine.core.wire")

"""What `statemachine replay` prints for a few captures, to the letter.

`UPDATE_GOLDEN=1 pytest tests/replay/test_golden.py` writes the files anew; look at the difference before it is kept.
"""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from statemachine.cli.replay import command
from tests.replay.hars import ENDED, joined, left, said, stamp, status, whole

GOLDEN = Path(__file__).parent / "golden"

CONTAINER = json.dumps(
    {
        "events": [
            status("ivr"),
            {"event": "chat_session_info", "service_name": "Orders"},
            status("queued", ewt="45"),
            joined(),
            said("Hello &amp; welcome<br>How can I help?", "0"),
            {"event": "chat_session_file", "file_id": "F1", "file_name": "terms.pdf", "party_id": joined()["party_id"]},
            {"event": "chat_session_timeout_warning", "msg": "Are you there?", "timestamp": stamp(8)},
            {"event": "chat_session_smiley", "mood": "\u001b[31mred\u202e"},
            {"event": "chat_session_message", "msg": 5.5, "party_id": "\u001b]0;owned\u0007"},
            None,
            left(),
            {"event": "chat_session_inactvity_timeout", "msg": "Closed.", "timestamp": stamp(60)},
        ]
    }
).encode()
LINES = "\r\n".join(
    [
        json.dumps(status("queued", ewt="")),
        json.dumps({"events": [joined(), said("Two in one", "0"), said("batch", "2")]}),
        "no JSON at all",
        json.dumps(ENDED),
        json.dumps(said("too late", "4", at=90)),
        '{"event": "chat_session_mess',
    ]
).encode()
CAPTURES = {"container.json": CONTAINER, "lines.jsonl": LINES, "whole.har": whole().data()}


@pytest.mark.parametrize("form", ["txt", "json"])
@pytest.mark.parametrize("name", CAPTURES)
def test_what_is_printed(name: str, form: str) -> None:
    arguments = ["-", *(["--json"] if form == "json" else [])]
    result = CliRunner().invoke(command, arguments, input=CAPTURES[name])
    assert result.exit_code == 0, result.output
    shown = result.output
    if form == "json":
        shown = json.dumps(json.loads(shown), indent=1) + "\n"
    golden = GOLDEN / f"{name}.{form}"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(shown, encoding="utf-8", newline="\n")
    assert shown == golden.read_text(encoding="utf-8")

"""Our engine, but an entry is hidden from it in one phase: `python -m tests.conformance.deaf ENTRY PHASE`.

It answers the lines of `statemachine engine`. The phase is the one of the answer before.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator

from statemachine.engine.serve import Server
from statemachine.engine.session import JsonObject


def without(event: JsonObject, entry: str) -> JsonObject:
    """The event without entries of this type."""
    carrier = event.get("reply", event)
    if "entries" not in carrier:
        return event
    kept = {**carrier, "entries": [one for one in carrier["entries"] if one["type"] != entry]}
    return {**event, "reply": kept} if "reply" in event else kept


def answers(lines: Iterable[str], entry: str, phase: str) -> Iterator[str]:
    server, now = Server(), ""
    for line in lines:
        asked = json.loads(line)
        if "event" in asked and now == phase:
            line = json.dumps({**asked, "event": without(asked["event"], entry)})
        answer = server.answer(line)
        now = answer.get("phase", now)
        yield json.dumps(answer)


if __name__ == "__main__":
    for answered in answers(sys.stdin, *sys.argv[1:]):
        print(answered, flush=True)

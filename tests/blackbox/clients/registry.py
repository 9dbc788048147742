"""All clients of the table of verdicts: those that are right, with their habits, and those that are faulty."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

HERE: Final = Path(__file__).parent


@frozen
class Specimen:
    """One client. `breaks`: the rules that it breaks; none for a right one."""

    program: str
    arguments: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    held_back: bool = False
    """Not run before the rules were final."""

    @property
    def name(self) -> str:
        return " ".join((self.program.removesuffix(".py"), *self.arguments))


RIGHT: Final = (
    "ours.py",
    "naive.py",
    "naive.py rest=1",
    "naive.py rest=3 pause=3",
    "naive.py rest=5 pause=5 reaction=2",
    "naive.py pause=2 longest=30 reaction=1",
    "naive.py receipts=0 rest=2",
    "naive.py poll_timeout=20 pause=0.5 longest=15",
    "eventloop.py",
    "eventloop.py pause=5 backoff=5,10,20,30",
    "eventloop.py pause=2 backoff=1,2,4,8 reaction=1",
    "eventloop.py own_id nonce=no",
    "eventloop.py own_id receipts=delivered",
    "eventloop.py stateless",
    "eventloop.py create_each",
    "eventloop.py create_each pause=1 numbered",
    "eventloop.py nonce=nonce cached unquoted",
    "eventloop.py backoff=13,13,13,13 pause=3 timeout=60",
    "eventloop.py backoff=0.2,0.4,0.8,1.6,3.2 receipts= no_history",
    "eventloop.py pauses reaction=3 pause=1",
    "eventloop.py pauses no_resend silent",
    "eventloop.py cookies availability",
    "eventloop.py api=v1",
    "eventloop.py backoff=2,4,8,16,30 pause=4 numbered no_resend",
)


AFTERWARDS: Final = (
    "aio.py",
    "aio.py --create-each --pause 4 --ids number",
    "aio.py --webchat --pause 1",
    "aio.py --no-store --unquoted --ids uuid --pause 2",
    "aio.py --v1 --ids odd --silent",
    "callbacks.py --initial --pause 1.5 --steps 3,6,12",
    "callbacks.py --pause 5 --own-id --active-first --long --reports over,failed",
    "ticks.py timeout=60 pause=0.5 reread=yes",
    "ticks.py pause=3 backoff=5-20 id=somebody",
    *(f"aio.py --fault {rule}" for rule in ("F3", "F9", "F16", "F21", "F31", "F38")),
    "aio.py --fault F11 --ids odd",
    *(f"callbacks.py --fault {rule}" for rule in ("F10", "F12", "F18", "F19", "F24", "F30")),
    *(f"ticks.py fault={rule}" for rule in ("F12", "F14", "F16", "F20", "F32", "F38")),
)
"""Clients by somebody who had not read the judge, run only when its rules were final. A faulty one names its fault."""


def _faulty(program: str) -> list[Specimen]:
    """The classes of this file that have a rule in their docstring."""
    found: list[Specimen] = []
    for node in ast.parse((HERE / program).read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            rule, colon, _ = (ast.get_docstring(node) or "").partition(":")
            if colon:
                found.append(Specimen(program, (node.name,), (rule,)))
    return found


_ALL: Final = (
    *(Specimen(words[0], tuple(words[1:])) for words in map(str.split, RIGHT)),
    *_faulty("faulty.py"),
    *_faulty("eventloop_faulty.py"),
)
CLIENTS: Final = (
    *(evolve(one, held_back=number % 3 == 2) for number, one in enumerate(_ALL)),
    *(
        Specimen(words[0], tuple(words[1:]), tuple(re.findall(r"\bF\d+\b", line)), held_back=True)
        for line in AFTERWARDS
        for words in [line.split()]
    ),
)

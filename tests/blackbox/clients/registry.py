"""All clients of the table of verdicts: those that are right, with their habits, and those that are faulty."""

from __future__ import annotations

import ast
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
CLIENTS: Final = tuple(evolve(one, held_back=number % 3 == 2) for number, one in enumerate(_ALL))

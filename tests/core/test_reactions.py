"""The reaction table: whatever a call is answered, it has one declared meaning, and no meaning is declared in vain."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from statemachine import ChatOpened, EventBatch, Failure, FileUploaded, HistoryLog, Reply
from statemachine.core.events import FailureKind
from statemachine.core.tables.reactions import CLASSES, CODES, KINDS, REACTIONS, STATUSES, SUCCESS, Kind, classify

ODD_STATUSES = (
    None,
    0,
    -1,
    100,
    200,
    204,
    301,
    302,
    400,
    405,
    406,
    409,
    410,
    413,
    418,
    500,
    501,
    502,
    503,
    504,
    505,
    599,
)
ODD_CODES = (None, 0, -1, 77, 5007, 10**30)
FAILURES = [
    Failure(kind, status, code)
    for kind, status, code in product(get_args(FailureKind), (*ODD_STATUSES, *STATUSES), (*ODD_CODES, *CODES))
]
SUCCESSES: tuple[Reply, ...] = (ChatOpened("c"), EventBatch(), HistoryLog(), FileUploaded("f"))
PARTS: tuple[Reply, ...] = (EventBatch(incomplete=True), HistoryLog(incomplete=True))


@pytest.mark.parametrize("kind", KINDS)
def test_exactly_what_classify_gives_is_declared(kind: Kind) -> None:
    given = {classify(kind, reply) for reply in (*SUCCESSES, *PARTS, *FAILURES)}
    assert given == set(REACTIONS[kind])
    assert given <= set(CLASSES)


def test_every_class_is_used() -> None:
    assert {outcome for row in REACTIONS.values() for outcome in row} == set(CLASSES)


@pytest.mark.parametrize("kind", KINDS)
def test_only_its_own_reply_is_success(kind: Kind) -> None:
    right = [reply for reply in SUCCESSES if classify(kind, reply) == "ok"]
    assert [type(reply) for reply in right] == [SUCCESS[kind]]


@pytest.mark.parametrize("kind", ["post", "ephemeral"])
@pytest.mark.parametrize("lost", ["timeout", "cut", "unreadable", "restart"])
def test_a_lost_post_is_in_doubt(kind: Kind, lost: FailureKind) -> None:
    assert classify(kind, Failure(lost)) == "doubt"


@pytest.mark.parametrize("kind", KINDS)
def test_what_never_left_is_tried_again(kind: Kind) -> None:
    assert classify(kind, Failure("unsent")) == "retry"


@pytest.mark.parametrize(
    ("code", "kind", "outcome"),
    [
        (1000, "poll", "blocked"),
        (2000, "poll", "blocked"),
        (2001, "post", "blocked"),
        (2002, "history", "blocked"),
        (2003, "create", "blocked"),
        (2004, "find", "blocked"),
        (3000, "upload", "blocked"),
        (5000, "poll", "retry"),
        (5000, "post", "limited"),
        (5001, "create", "retry"),
        (5003, "post", "refused"),
        (5004, "poll", "retry"),
        (5005, "poll", "gone"),
        (5006, "poll", "blocked"),
        (5500, "poll", "limited"),
        (5500, "post", "limited"),
        (5501, "upload", "refused"),
        (5502, "poll", "refused"),
        (5509, "poll", "busy"),
        (5511, "poll", "empty"),
        (5558, "upload", "limited"),
        (5601, "post", "refused"),
        (5602, "post", "refused"),
        (5603, "post", "refused"),
        (5955, "history", "limited"),
        (406, "post", "refused"),
    ],
)
def test_the_code_decides_before_the_status(code: int, kind: Kind, outcome: str) -> None:
    """Protocol.md section 7, row by row; sources disagree on the status that carries a code (section 10, row 4)."""
    assert {classify(kind, Failure("http", status, code)) for status in (200, 400, 404, 500)} == {outcome}


@pytest.mark.parametrize(
    ("status", "read", "post"),
    [
        (401, "blocked", "blocked"),
        (403, "blocked", "blocked"),
        (404, "gone", "gone"),
        (408, "retry", "limited"),
        (425, "retry", "retry"),
        (429, "busy", "busy"),
        (400, "refused", "refused"),
        (302, "retry", "limited"),
        (500, "retry", "limited"),
        (501, "refused", "refused"),
        (503, "retry", "limited"),
        (200, "retry", "limited"),
        (None, "retry", "limited"),
    ],
)
def test_the_status_decides_without_a_code(status: int | None, read: str, post: str) -> None:
    for code in (None, 77):
        assert classify("poll", Failure("http", status, code)) == read
        assert classify("post", Failure("http", status, code)) == post

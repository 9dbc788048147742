"""Bounded: neither the size of a session nor what it remembers grows with its age, whoever talks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine import (
    Anomaly,
    Answered,
    Config,
    EventBatch,
    Incoming,
    MarkRead,
    Post,
    PostEphemeral,
    SendFile,
    SendText,
    Session,
    reduce,
    snapshot,
)
from statemachine import wire as w
from statemachine.core.draft import ANOMALIES
from tests.core.play import ANN, Play, chatting, joined, message, requested


def size(session: Session) -> int:
    return len(json.dumps(snapshot(session)))


def live(play: Play, rounds: range) -> None:
    """Both sides talk, with all receipts."""
    for n in rounds:
        play.session, _ = reduce_quietly(play, Incoming(play.now + n, (message(n), w.Status("connected"))))
        item = f"o:{play.session.ids + 1}"
        play.session, _ = reduce_quietly(play, SendText(play.now + n, f"text {n}"))
        play.session, _ = reduce_quietly(play, answer(play, n, Post))
        play.session, _ = reduce_quietly(play, answer(play, n, PostEphemeral))
        play.session, _ = reduce_quietly(play, Incoming(play.now + n, (w.MessageDelivered(item, ANN),)))


def reduce_quietly(play: Play, event: Any) -> Any:
    """Without the laws, which would take minutes here."""
    return reduce(play.session, event)


def answer(play: Play, n: int, kind: Any) -> Any:
    return Answered(play.now + n, play.owed(kind).id, EventBatch())


def test_ten_thousand_messages_leave_the_size_as_it_was() -> None:
    play = chatting()
    live(play, range(300))
    early = size(play.session)
    live(play, range(300, 5_000))
    assert size(play.session) < early * 1.02


def test_the_local_queue_is_limited() -> None:
    play = requested(Config(items_limit=3))
    for n in range(3):
        play.say(str(n))
    assert "too many items wait" in play.refused(SendText, "one more").reason
    assert "too many items wait" in play.refused(SendFile, "bytes").reason


def test_a_text_is_limited() -> None:
    play = chatting(Config(text_limit=5))
    play.say("12345")
    assert "longer than the limit" in play.refused(SendText, "123456").reason
    assert "text is empty" in play.refused(SendText, "").reason


HOSTS: dict[str, tuple[Config, list[w.Entry], str]] = {
    "parties": (Config(parties_limit=3), [joined(f"p{n}") for n in range(50)], "roster_full"),
    "forms": (Config(forms_limit=3), [w.FormShow(f"f{n}", "x") for n in range(50)], "forms_full"),
}


@pytest.mark.parametrize("what", HOSTS)
def test_what_the_server_opens_is_limited(what: str) -> None:
    config, entries, anomaly = HOSTS[what]
    play = chatting(config)
    play.poll(*entries)
    assert len(getattr(play.session.participants, what)) == 3
    assert anomaly in play.odd()


def test_typists_are_limited() -> None:
    play = chatting(Config(parties_limit=3))
    play.poll(*(w.Typing(f"p{n}") for n in range(50)))
    assert len(play.session.participants.typists) == 3


def test_texts_and_ids_from_outside_are_cut() -> None:
    """Found by a walk: the type of a party was kept at any length."""
    play = chatting()
    before = size(play.session)
    long = "x" * 100_000
    play.poll(
        w.PartyJoined(long, long, long, long, long),
        w.FormShow(long, long),
        w.SecureFormShow("s" + long, long),
        w.CaseSet(long),
        w.Info(long),
        w.Typing(long),
        w.Status(long),
        w.Unknown(long, long),
        w.Malformed("p", long, long),
    )
    assert size(play.session) < before + 256 * 16


def test_the_window_and_the_batches_are_limited() -> None:
    play = chatting(Config(window=16))
    for n in range(60):
        play.poll(message(n))
    assert len(play.session.window.entries) == 16 * 8
    assert len(play.session.window.batches) == 4 * 8


def test_sent_messages_are_tracked_for_receipts_up_to_a_limit() -> None:
    play = chatting(Config(tracked_limit=4))
    items = []
    for n in range(10):
        items.append(play.say(str(n)))
        play.posted()
    assert [item.id for item in play.session.items] == items[-4:]
    assert all(item.entry is None for item in play.session.items)


def test_waiting_receipts_are_limited() -> None:
    play = chatting(Config(ephemeral_limit=5))
    for n in range(40):
        play.do(MarkRead, f"s{n}")
    assert len(play.session.ephemeral_queue.pending) <= 5


@pytest.mark.parametrize("number", [ANOMALIES, ANOMALIES + 1, 100 * ANOMALIES])
def test_anomalies_of_one_step_are_reported_one_by_one_up_to_a_limit_and_all_counted(number: int) -> None:
    play = chatting()
    play.poll(*(w.Unknown(f"x{n}", "{}") for n in range(number)))
    anomalies = [one for one in play.out if isinstance(one, Anomaly)]
    assert [one.detail for one in anomalies[:ANOMALIES]] == [f"x{n}" for n in range(ANOMALIES)]
    left_out = [("more_anomalies", f"{number - ANOMALIES} more")] if number > ANOMALIES else []
    assert [(one.kind, one.detail) for one in anomalies[ANOMALIES:]] == left_out
    assert play.session.window.anomalies == number

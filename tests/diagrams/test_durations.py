"""What is said about how long deadlines are, against every deadline of many random lives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import attrs

from statemachine import Answered, ClockChanged, Failure, Restarted, Session
from statemachine.conformance.random_walk import Follow, Reload, Walk
from statemachine.diagrams.durations import DURATIONS, Doubling, Span


def records(session: Session) -> Iterator[tuple[Any, Any]]:
    """Everything in a session that has a deadline, under a key that tells it from others of its kind."""
    room = session.participants
    yield from (("", one) for one in (session.lifecycle, session.opening, session.connection, session.history))
    yield from (("", one) for one in (session.presence, session.ephemeral, session.ephemeral_queue))
    yield from ((item.id, item.state) for item in session.items)
    yield from ((typist.party_id.lower(), typist) for typist in room.typists)


def lengths(one: Span | Doubling, config: Any) -> set[int]:
    if isinstance(one, Span):
        return {max(1, sum(getattr(config, name) for name in one.names))}
    start, cap = getattr(config, one.start), getattr(config, one.cap)
    return {max(1, min(start << times, cap)) for times in range(17)}


def prolonged(event: Any, config: Any) -> int | None:
    reply = event.reply if isinstance(event, Answered) else None
    asked = reply.retry_after if isinstance(reply, Failure) else None
    return None if asked is None else max(1, min(asked, config.retry_after_cap))


def test_every_deadline_of_many_lives_has_a_length_that_is_told() -> None:
    seen: set[type[Any]] = set()
    for seed in range(60):
        walk = Walk(random.Random(seed).randrange)
        for _ in range(60):
            before = walk.session
            happening = walk.step()
            walk.take(happening)
            after = walk.session
            if isinstance(happening, (Follow, Reload, Restarted, ClockChanged)) or after is before:
                continue
            known = {(key, type(one), one.due) for key, one in records(before)}
            dues = {one.due for _, one in records(before)}
            for key, one in records(after):
                if one.due is None or (key, type(one), one.due) in known or one.due in dues:
                    continue
                length = one.due - after.now
                allowed = {n for duration in DURATIONS[type(one)] for n in lengths(duration, after.config)}
                assert length in allowed or length == prolonged(happening, after.config), (happening, one, length)
                seen.add(type(one))
    assert len(seen) >= len(DURATIONS) - 3, set(DURATIONS) - seen


def test_every_record_with_a_deadline_has_its_length_told() -> None:
    from statemachine.core import session

    with_due = {
        one
        for one in vars(session).values()
        if attrs.has(one) and "due" in {field.name for field in attrs.fields(one) if field.init}
    }
    assert with_due - {session.OpenForm} == set(DURATIONS)  # a form's time is the server's


def test_the_words_of_a_duration() -> None:
    assert Span(("poll_timeout", "answer_margin")).words() == "35 s"
    assert Doubling("backoff_cap").words() == "1-30 s"

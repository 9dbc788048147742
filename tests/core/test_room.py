"""Who is there and what is open: transfers, forms, cases."""

from __future__ import annotations

import pytest

from statemachine import (
    AnswerForm,
    AnswerSecureForm,
    CancelForm,
    Config,
    End,
    EventBatch,
    Failure,
    Poll,
    Post,
    changes,
)
from statemachine import wire as w
from tests.core.play import ANN, BOB, TIMEOUT, Play, chatting, http, joined, left, message, opened


def roster(play: Play) -> list[str]:
    return [party.id for party in play.session.participants.parties]


# --- transfer -------------------------------------------------------------------------------------------------------


def test_transfer_by_conference() -> None:
    """The new agent joins, then the old one leaves: the conversation never stops."""
    play = chatting()
    play.poll(joined(BOB))
    assert (play.phase, roster(play)) == ("agent_joined", [ANN, BOB])
    play.poll(left(ANN))
    assert (play.phase, roster(play)) == ("agent_joined", [BOB])


def test_transfer_to_a_queue() -> None:
    """The old agent leaves, the chat waits, another one comes."""
    play = chatting()
    phases = []
    for entry in (left(ANN), w.Status("queued", 60_000), w.Status("connecting"), w.Status("connected"), joined(BOB)):
        play.poll(entry)
        phases.append(play.phase)
    assert phases == ["wrapping_up", "queued", "connecting", "connected", "agent_joined"]
    assert roster(play) == [BOB]


def test_transfer_to_a_queue_told_in_the_other_order() -> None:
    play = chatting()
    play.poll(w.Status("queued"))
    play.poll(left(ANN))
    assert (play.phase, roster(play)) == ("queued", [])


def test_the_roster_is_rebuilt_from_the_log() -> None:
    """Who came and went while events were lost."""
    play = chatting()
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(joined(ANN), joined(BOB), left(ANN), joined("bot", "scenario"))
    assert (play.phase, roster(play)) == ("agent_joined", [BOB, "bot"])
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(joined(ANN), left(ANN), joined(BOB), left(BOB))
    assert (play.phase, roster(play)) == ("wrapping_up", [])


def test_an_agent_that_joined_while_events_were_lost() -> None:
    play = opened("queued")
    play.answer(Poll, TIMEOUT)
    play.tick()
    play.log(joined(ANN))
    assert play.phase == "agent_joined"


# --- forms ----------------------------------------------------------------------------------------------------------


def with_forms() -> Play:
    play = chatting()
    play.poll(w.FormShow("f1", "survey_form", 60_000), w.SecureFormShow("f2", "card"), w.FormShow("f3", ""))
    return play


def forms(play: Play) -> dict[str, str]:
    return {form.id: form.answer for form in play.session.participants.forms}


def test_a_named_form_is_answered_once_and_closed_when_it_arrived() -> None:
    play = with_forms()
    play.do(AnswerForm, "f1", {"b": 1, "a": "ü"})
    assert play.owed(Post).entry == w.FormData("f1", "survey_form", '{"a":"ü","b":1}')
    assert play.refused(AnswerForm, "f1", {}).reason.startswith("no such form is open")
    play.posted()
    assert "f1" not in forms(play)


def test_an_answer_that_was_refused_opens_the_form_again() -> None:
    play = with_forms()
    play.do(AnswerForm, "f1", {})
    play.answer(Post, http(400, 5003))
    assert forms(play)["f1"] == ""
    play.do(AnswerForm, "f1", {"again": True})
    assert play.owes(Post)


def test_secure_values_that_are_gone_fail_at_once_and_open_the_form_again() -> None:
    play = with_forms()
    play.do(AnswerSecureForm, "f2", "vault")
    item = play.session.items[-1].id
    play.answer(Post, Failure("no_payload"))
    assert play.failure(item).reason == "unreadable"
    play.do(AnswerSecureForm, "f2", "vault-2")
    assert play.owes(Post)


def test_a_secure_answer_holds_a_reference_only() -> None:
    play = with_forms()
    play.refused(AnswerForm, "f2", {})
    play.refused(AnswerSecureForm, "f1", "vault")
    play.do(AnswerSecureForm, "f2", "vault-7")
    assert play.owed(Post).entry == w.SecureFormData("f2", "card", "vault-7")
    item = play.session.items[-1].id
    play.answer(Post, TIMEOUT)
    assert play.failure(item).reason == "unknown"
    assert forms(play)["f2"] == ""


@pytest.mark.parametrize(
    ("form", "entry"), [("f1", w.FormDataCancel("f1", "survey_form")), ("f2", w.SecureFormCancel("f2", "card"))]
)
def test_a_form_is_cancelled(form: str, entry: w.Entry) -> None:
    play = with_forms()
    play.do(CancelForm, form)
    assert play.owed(Post).entry == entry
    play.posted()
    assert form not in forms(play)


def test_a_cancel_in_doubt_is_not_repeated_and_blocks_nothing() -> None:
    """It is undocumented: send or skip, never wait for it (protocol.md 3.2)."""
    play = with_forms()
    play.do(CancelForm, "f1")
    item = play.session.items[-1].id
    play.answer(Post, TIMEOUT)
    assert play.failure(item).reason == "unknown"
    assert forms(play)["f1"] == ""


def test_the_prompt_takes_one_text_and_the_next_is_a_message() -> None:
    play = with_forms()
    play.say('say "x"')
    play.posted()
    play.say("hello")
    entries = [post.entry for post in play.commands(Post)]
    assert entries[0] == w.FormData("f3", "", '{"text":"say \\"x\\""}')
    assert isinstance(entries[1], w.Message)


def test_a_form_expires_and_ends_nothing() -> None:
    play = with_forms()
    play.wait(60_000)
    assert set(forms(play)) == {"f2", "f3"}
    assert play.phase == "agent_joined"
    play.refused(AnswerForm, "f1", {})


def test_an_answer_under_way_outlives_the_expiry() -> None:
    play = with_forms()
    play.do(AnswerForm, "f1", {})
    play.answer(Post, TIMEOUT)
    play.wait(10_000)
    play.answer(Poll, TIMEOUT)
    play.wait(60_000)
    assert forms(play)["f1"] != ""


@pytest.mark.parametrize(
    "entry", [w.FormData("f1"), w.FormDataCancel("f1"), w.SecureFormData("f1"), w.SecureFormCancel("f1")]
)
def test_a_form_may_be_closed_from_elsewhere(entry: w.Entry) -> None:
    play = with_forms()
    play.poll(entry)
    assert "f1" not in forms(play)


def test_the_echo_of_an_answer_in_doubt_settles_it() -> None:
    play = with_forms()
    play.do(AnswerForm, "f1", {"x": 1})
    item = play.session.items[-1].id
    play.answer(Post, TIMEOUT)
    play.poll(w.FormData("f1", "survey_form", '{"x":1}'))
    assert play.progress(item) == ["sent"]


def test_a_form_shown_while_ending_is_told_but_not_open() -> None:
    play = chatting()
    play.do(End)
    play.poll(w.FormShow("f1", "survey_form"))
    assert forms(play) == {}
    assert len(play.received()) == 1


# --- cases and services ---------------------------------------------------------------------------------------------


def test_a_case_is_set_repeated_and_cleared() -> None:
    play = chatting()
    for case_id in ("case-1", "case-1", "", "case-2"):
        before = play.session
        play.poll(w.CaseSet(case_id, len(case_id)))
        assert play.session.chat.case_id == case_id
        assert len([one for one in changes(before, play.session) if hasattr(one, "case_id")]) == (
            case_id != before.chat.case_id
        )


def test_the_service_has_a_name() -> None:
    """Found by reading: a batch that began with it, with a message behind it, could not be told from a repeat."""
    play = opened("ivr")
    play.poll(w.Info("Support"), w.Message(party_id="bot", msg="Welcome"))
    assert play.session.chat.service_name == "Support"
    assert play.heard() == ["Welcome"]


# --- v1 and v2 ------------------------------------------------------------------------------------------------------


def test_v1_answers_a_post_with_events_once() -> None:
    """They are folded in, and told once, whether or not the poll brings them as well (protocol.md 10, row 12)."""
    play = chatting(Config(api="v1"))
    play.say("hi")
    play.answer(Post, EventBatch((message(1),)))
    play.poll(message(1), message(2))
    assert play.heard() == ["text 1", "text 2"]


def test_v1_keeps_nothing_for_receipts() -> None:
    play = chatting(Config(api="v1"))
    play.say("hi")
    play.posted()
    assert play.session.items == ()
